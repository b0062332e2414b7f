#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "base/task.h"
#include "http/client.h"
#include "http/sse.h"

namespace mcpgate::gateway {

class UpstreamExchange;

/// Ends, from elsewhere, the exchange that is open under it, and every later one.
class UpstreamSwitch {
 public:
  void turn_off();
  /// Between two exchanges. False where it was turned off meanwhile.
  Task<bool> wait(asio::io_context& loop, std::chrono::milliseconds time);
  [[nodiscard]] bool is_off() const { return is_off_; }

 private:
  friend class UpstreamExchange;
  UpstreamExchange* open_ = nullptr;
  asio::steady_timer* waiting_ = nullptr;
  bool is_off_ = false;
};

/// What is sent to an upstream.
struct UpstreamSend {
  std::string_view method = "POST";
  std::string_view target;
  http::Headers headers;
  std::string body = {};
  SteadyTime deadline;
};

/// What it answers before the messages.
struct UpstreamHead {
  int status = 0;
  /// Mcp-Session-Id, or empty.
  std::string session_id = {};
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
};

/// Where a stream that is over can be taken up again (2025-11-25, basic/transports, "Resumability
/// and Redelivery").
struct UpstreamResumePoint {
  /// The id of the last event that had one.
  std::string event;
  /// To be waited before.
  std::chrono::milliseconds retry{1'000};
};

/// One HTTP exchange with an upstream: its answer as JSON-RPC messages, be it JSON or a stream of
/// server-sent events. Redirects are not followed. Pinned; one coroutine at a time.
///
/// Errors: those of http::Exchange, kOutOfRange (more than `bytes_max` bytes).
class UpstreamExchange {
 public:
  /// Client and switch outlive it.
  UpstreamExchange(http::Client& client, UpstreamSwitch& off, std::size_t bytes_max);
  UpstreamExchange(const UpstreamExchange&) = delete;
  UpstreamExchange& operator=(const UpstreamExchange&) = delete;
  ~UpstreamExchange() { switch_.open_ = nullptr; }

  Task<Expected<UpstreamHead>> send(const UpstreamSend& wanted);
  /// Whether messages may follow the head.
  [[nodiscard]] bool has_messages() const { return form_ != Form::kNone; }
  /// The next message, unread: hostile bytes. Nothing at the end.
  Task<Expected<std::optional<std::string>>> next();
  /// Nothing while the answer is not over, and where its server did not say.
  [[nodiscard]] std::optional<UpstreamResumePoint> resume_point() const;
  /// Of `bytes_max`.
  [[nodiscard]] std::size_t bytes_left() const { return bytes_max_ - bytes_; }

 private:
  friend class UpstreamSwitch;
  enum class Form { kNone, kJson, kEvents };
  Task<Expected<std::optional<std::string>>> next_event();

  http::Exchange exchange_;
  UpstreamSwitch& switch_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Form form_ = Form::kNone;
  http::SseParser events_;
  UpstreamResumePoint resume_point_;
  bool is_over_ = false;
};

}  // namespace mcpgate::gateway
