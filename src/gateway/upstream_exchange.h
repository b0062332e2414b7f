#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

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
  [[nodiscard]] bool is_off() const { return is_off_; }

 private:
  friend class UpstreamExchange;
  UpstreamExchange* open_ = nullptr;
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
};

}  // namespace mcpgate::gateway
