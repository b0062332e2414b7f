#pragma once

// Everything under /execute: calls start, ask, are answered and cancelled here.

#include <map>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "http/server.h"
#include "json/parse.h"
#include "sandboxd/call_queue.h"
#include "sandboxd/catalogue.h"
#include "sandboxd/daemon_metrics.h"
#include "sandboxd/run_tool.h"

namespace mcpgate::sandboxd {

/// The largest body of a request: arguments may be as large as the gateway's largest body, and as a
/// frame to a child.
inline constexpr std::size_t kRequestBodyBytesMax = std::size_t{16} << 20;

/// Answers, once a signature is checked,
///
///     POST /execute · POST /execute/{id}/reply · DELETE /execute/{id}
///
/// Belongs to one loop.
class ExecuteApi {
 public:
  /// Everything outlives it.
  ExecuteApi(asio::io_context& loop, Catalogue& catalogue, CallQueue& queue, DaemonMetrics& metrics,
             const Clock& clock);

  /// Whether handle() answers requests of this path.
  [[nodiscard]] static bool serves(std::string_view path);
  Task<void> handle(const http::Request& request, http::Responder& responder);

  /// From now on nothing starts.
  void set_draining() { draining_ = true; }

 private:
  /// A call from its acceptance to its answer; what DELETE and a disconnect end.
  struct ActiveCall {
    Version* version;
    /// The call that waits for this one; empty: none.
    std::string parent = {};
    bool cancelled = false;
    /// Whether it has a question open, and so a place to lend; whether that is lent.
    bool asking = false;
    bool lends = false;
  };
  using ActiveCalls = std::map<std::string, ActiveCall, std::less<>>;
  struct Stream;

  Task<void> execute(const http::Request& request, http::Responder& responder);
  [[nodiscard]] Expected<ToolOrder> read_order(const http::Request& request);
  Task<void> answer(ToolOrder order, http::Responder& responder);
  /// The answer of a call in its turn. Errors (nothing ran): kResourceExhausted, and those of
  /// run_tool().
  Task<Expected<ToolAnswer>> run(ToolOrder order, EventSink& sink);
  Task<Expected<ToolAnswer>> run_in_turn(ToolOrder order, bool borrows, EventSink& sink);
  /// Takes the place of the order's parent where that waits for this call.
  [[nodiscard]] bool borrow_place(const ToolOrder& order);
  void end_active(const std::string& id);
  void cancel(std::string_view call_id);
  [[nodiscard]] http::Response cancel_by_request(std::string_view id);
  [[nodiscard]] http::Response reply_by_request(std::string_view id, const http::Request& request);
  void count_end(const ToolAnswer& answer, SteadyTime arrived);
  http::Response turn_away(const Error& error);

  asio::io_context& loop_;
  Catalogue& catalogue_;
  CallQueue& queue_;
  DaemonMetrics& metrics_;
  const Clock& clock_;
  json::Parser parser_;
  ActiveCalls active_;
  bool draining_ = false;
};

}  // namespace mcpgate::sandboxd
