#pragma once

// The daemon's HTTP surface: what the gateway may ask (signed), and what monitoring may (not).

#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "http/server.h"
#include "sandbox/signature.h"
#include "sandboxd/call_queue.h"
#include "sandboxd/catalogue.h"
#include "sandboxd/daemon_metrics.h"
#include "sandboxd/execute_api.h"

namespace mcpgate::sandboxd {

/// The longest that GET /tools?wait= may be held.
inline constexpr std::chrono::seconds kToolsWaitMax{60};

/// Answers
///
///     GET /health /ready                 unsigned
///     GET /tools[?wait=S] /capabilities /metrics
///     what is under /execute         see ExecuteApi
///
/// Belongs to one loop.
class SandboxApi final : public http::Handler {
 public:
  /// Everything outlives it.
  SandboxApi(asio::io_context& loop, Catalogue& catalogue, CallQueue& queue,
             DetachedCalls& detached, sandbox::Verifier& verifier, const Clock& clock);

  Task<void> handle(const http::Request& request, http::Responder& responder) override;
  http::Response refused(const http::Refusal& refusal) override;

  /// From now on /ready says no: SIGTERM came.
  void set_draining() {
    draining_ = true;
    execute_.set_draining();
  }
  /// ExecuteApi::drain_detached().
  Task<void> drain_detached(SteadyTime deadline) { return execute_.drain_detached(deadline); }
  /// What /metrics answers, for the admin listener too.
  [[nodiscard]] http::Response metrics() const;
  [[nodiscard]] http::Response ready() const;

 private:
  Task<void> route(const http::Request& request, http::Responder& responder);
  Task<void> tools(const http::Request& request, http::Responder& responder);
  [[nodiscard]] http::Response capabilities() const;

  Catalogue& catalogue_;
  CallQueue& queue_;
  const DetachedCalls& detached_;
  sandbox::Verifier& verifier_;
  DaemonMetrics metrics_;
  ExecuteApi execute_;
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
