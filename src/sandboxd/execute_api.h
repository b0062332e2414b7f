#pragma once

// Everything under /execute: calls start, ask, are answered and cancelled here.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "http/server.h"
#include "json/parse.h"
#include "sandboxd/call_queue.h"
#include "sandboxd/catalogue.h"
#include "sandboxd/daemon_metrics.h"
#include "sandboxd/detached_calls.h"
#include "sandboxd/run_tool.h"

namespace mcpgate::sandboxd {

/// The largest body of a request: arguments may be as large as the gateway's largest body, and as a
/// frame to a child.
inline constexpr std::size_t kRequestBodyBytesMax = std::size_t{16} << 20;

/// Answers, once a signature is checked,
///
///     POST /execute · POST /execute/{id}/reply · DELETE /execute/{id}
///     GET /execute/{id}[?from=N]      of detached calls
///
/// Belongs to one loop.
class ExecuteApi {
 public:
  /// Everything outlives it.
  struct World {
    asio::io_context& loop;
    Catalogue& catalogue;
    CallQueue& queue;
    DetachedCalls& detached;
    DaemonMetrics& metrics;
    const Clock& clock;
  };
  explicit ExecuteApi(const World& world);

  /// Whether handle() answers requests of this path.
  [[nodiscard]] static bool serves(std::string_view path);
  Task<void> handle(const http::Request& request, http::Responder& responder);

  /// From now on nothing starts.
  void set_draining() { draining_ = true; }
  /// Until no detached call runs; those that do at `deadline` are cancelled.
  Task<void> drain_detached(SteadyTime deadline);

 private:
  /// A call from its acceptance to its answer; what DELETE ends, and a disconnect unless it is
  /// detached.
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
  struct Record;

  Task<void> execute(const http::Request& request, http::Responder& responder);
  [[nodiscard]] Expected<ToolOrder> read_order(const http::Request& request);
  Task<void> answer(ToolOrder order, http::Responder& responder);
  Task<void> detach(ToolOrder order, http::Responder& responder);
  static Task<void> run_detached(ExecuteApi& self, ToolOrder order, std::shared_ptr<CallLog> log);
  Task<void> tell(std::string id, const http::Request& request, http::Responder& responder);
  static Task<void> follow(std::shared_ptr<CallLog> log, std::uint64_t from,
                           http::Responder& responder);
  [[nodiscard]] std::optional<sandbox::DetachedState> state_of(std::string_view id) const;
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
  DetachedCalls& detached_;
  DaemonMetrics& metrics_;
  const Clock& clock_;
  json::Parser parser_;
  ActiveCalls active_;
  /// Detached calls that run or wait; ended at each end of one.
  std::size_t detached_running_ = 0;
  asio::steady_timer detached_ended_;
  bool draining_ = false;
};

}  // namespace mcpgate::sandboxd
