#pragma once

// The daemon's HTTP surface: what the gateway may ask (signed), and what monitoring may (not).

#include <map>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "http/server.h"
#include "sandbox/signature.h"
#include "sandboxd/call_queue.h"
#include "sandboxd/catalogue.h"
#include "sandboxd/daemon_metrics.h"
#include "sandboxd/run_tool.h"

namespace mcpgate::sandboxd {

/// The largest body of a request: arguments may be as large as the gateway's largest body, and as a
/// frame to a child.
inline constexpr std::size_t kRequestBodyBytesMax = std::size_t{16} << 20;
/// The longest that GET /tools?wait= may be held.
inline constexpr std::chrono::seconds kToolsWaitMax{60};

/// Answers
///
///     GET /health /ready                 unsigned
///     GET /tools[?wait=S] /capabilities /metrics
///     POST /execute · POST /execute/{id}/reply · DELETE /execute/{id}
///
/// Belongs to one loop. The resumption of a call's stream (GET /execute/{id}) is to stand beside
/// DELETE.
class SandboxApi final : public http::Handler {
 public:
  /// Everything outlives it.
  SandboxApi(asio::io_context& loop, Catalogue& catalogue, CallQueue& queue,
             sandbox::Verifier& verifier, const Clock& clock);

  Task<void> handle(const http::Request& request, http::Responder& responder) override;
  http::Response refused(const http::Refusal& refusal) override;

  /// From now on /ready says no: SIGTERM came.
  void set_draining() { draining_ = true; }
  /// What /metrics answers, for the admin listener too.
  [[nodiscard]] http::Response metrics() const;
  [[nodiscard]] http::Response ready() const;

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

  [[nodiscard]] std::optional<sandbox::Refusal> check_signature(const http::Request& request);
  Task<void> route(const http::Request& request, http::Responder& responder);
  Task<void> tools(const http::Request& request, http::Responder& responder);
  [[nodiscard]] http::Response capabilities() const;
  [[nodiscard]] http::Response cancel_by_request(const http::Request& request);
  [[nodiscard]] http::Response reply_by_request(const http::Request& request);

  Task<void> execute(const http::Request& request, http::Responder& responder);
  [[nodiscard]] Expected<ToolOrder> read_order(const http::Request& request);
  Task<void> run(ToolOrder order, http::Responder& responder);
  Task<void> run_in_turn(ToolOrder order, bool borrows, http::Responder& responder);
  Task<void> run_in_place(ToolOrder order, http::Responder& responder);
  /// Takes the place of the order's parent where that waits for this call.
  [[nodiscard]] bool borrow_place(const ToolOrder& order);
  void end_active(const std::string& id);
  void cancel(std::string_view call_id);
  void end(const ToolAnswer& answer, SteadyTime arrived);
  http::Response turn_away(const Error& error);

  asio::io_context& loop_;
  Catalogue& catalogue_;
  CallQueue& queue_;
  sandbox::Verifier& verifier_;
  const Clock& clock_;
  json::Parser parser_;
  ActiveCalls active_;
  DaemonMetrics metrics_;
  bool draining_ = false;
};

/// The admin listener: GET /health /ready /metrics, unsigned; nothing else.
class AdminApi final : public http::Handler {
 public:
  /// `api` outlives it.
  explicit AdminApi(const SandboxApi& api) : api_(api) {}
  Task<void> handle(const http::Request& request, http::Responder& responder) override;

 private:
  const SandboxApi& api_;
};

}  // namespace mcpgate::sandboxd
