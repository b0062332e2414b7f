#pragma once

// The gateway's side of a sandbox daemon: learn its tools, run calls, cancel them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/task.h"
#include "http/client.h"
#include "sandbox/execute.h"
#include "sandbox/manifest.h"
#include "sandbox/signature.h"

namespace mcpgate::sandbox {

/// The bounds of what a daemon may make the gateway hold or wait for.
struct ClientOptions {
  /// The pool's own bounds, and TLS.
  http::ClientOptions http;
  /// A plain answer, or one line of a streamed one.
  std::size_t answer_bytes_max = std::size_t{68} << 20;
  /// How much longer than the call's own deadline the daemon may take to say that it passed.
  std::chrono::milliseconds answer_grace{1000};
  /// The longest that GET /tools may take beyond the wait it was asked for.
  std::chrono::milliseconds fetch_timeout{10'000};
};

/// Whether progress and log events are wanted while the call runs. Questions come either way.
enum class Streaming { kNo, kYes };

/// One call at a daemon. Destroying it before its Result was returned cancels the call: the
/// connection closes and the daemon ends the child.
class Execution {
 public:
  Execution() = default;
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;
  virtual ~Execution() = default;

  /// The next event; the Result is the last. The first call sends the request.
  ///
  /// Errors: kUnavailable (daemon gone, not ready, or its answer is not one), kNotFound (no such
  /// tool), kFailedPrecondition (the tool changed: fetch the manifest anew), kResourceExhausted
  /// (its queue is full, see retry_after()), kInvalidArgument, kUnauthenticated (our signature is
  /// refused: keys or clocks differ), kDeadlineExceeded, kCancelled. After an error: no more.
  virtual Task<Expected<Event>> next() = 0;

  /// Answers the Question that next() gave last. Errors: kFailedPrecondition (the
  /// call does not wait for it any more: next() tells how it ended), and those of next().
  virtual Task<Expected<void>> reply(std::string reply) = 0;

  /// Ends the call: a pending next() answers kCancelled. Idempotent.
  virtual void cancel() = 0;

  /// After kResourceExhausted or kUnavailable: what the daemon asked for in `Retry-After`.
  [[nodiscard]] virtual std::optional<std::chrono::seconds> retry_after() const = 0;
};

/// Speaks to the daemon of one tool set. One object per loop; it pools its connections.
class ToolSetClient {
 public:
  /// `context` and `clock` outlive it, and it outlives its Executions.
  ToolSetClient(asio::io_context& context, http::Endpoint endpoint,
                std::shared_ptr<const SigningKeys> keys, const Clock& clock,
                ClientOptions options = {});
  ~ToolSetClient();
  ToolSetClient(const ToolSetClient&) = delete;
  ToolSetClient& operator=(const ToolSetClient&) = delete;

  /// The manifest. With `known` (a manifest's digest) it waits up to `wait` for another one, and
  /// answers nothing where there is none. A daemon that restarted answers at once.
  ///
  /// Errors: kUnavailable, kUnauthenticated, kInvalidArgument (the document is not a manifest).
  Task<Expected<std::optional<Manifest>>> fetch(std::string known, std::chrono::seconds wait);

  /// Starts a call; nothing is sent before Execution::next(). The views of `request` are needed
  /// until this returns.
  [[nodiscard]] std::unique_ptr<Execution> execute(const ExecuteRequest& request,
                                                   Streaming streaming);

  /// Starts a detached call (`request.ttl` above zero) and returns when the daemon has it on its
  /// volume; for how long it is kept there. Errors: those of Execution::next(). After one it may
  /// run all the same, where an answer was lost on its way: cancel() it.
  Task<Expected<std::chrono::milliseconds>> start_detached(const ExecuteRequest& request);
  /// How a detached call is doing. Errors: kNotFound (not kept there, or not any more), and those
  /// of fetch().
  Task<Expected<DetachedState>> detached_state(std::string call_id);
  /// The events of a detached call from number `from` on, as they come, then its Result. Destroying
  /// the Execution, or Execution::cancel(), ends the reading alone.
  [[nodiscard]] std::unique_ptr<Execution> follow(std::string call_id, std::uint64_t from,
                                                  std::chrono::milliseconds patience);
  /// Ends a call, detached or not; one that has ended stays as it is. Errors: as detached_state().
  Task<Expected<void>> cancel(std::string call_id);

  /// Bytes of GET `path`, signed: `/metrics`, `/capabilities`.
  Task<Expected<std::string>> get(std::string path);

  /// The daemon that calls are signed for from now on, as its manifest named it. Without this the
  /// first call learns it by being refused.
  void expect_instance(std::string instance);
  /// The keys from now on.
  void replace_keys(std::shared_ptr<const SigningKeys> keys);

 private:
  class HttpExecution;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mcpgate::sandbox
