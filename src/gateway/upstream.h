#pragma once

// An upstream as one loop speaks to it: which era it is of, its sessions, and requests to it.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "gateway/upstream_exchange.h"
#include "gateway/upstream_options.h"
#include "http/client.h"
#include "json/parse.h"
#include "mcp/server_message.h"

namespace mcpgate::gateway {

/// What an upstream is asked. Owns its bytes.
struct UpstreamQuestion {
  /// Empty: to say, until the deadline, when one of its lists changes.
  std::string method;
  /// See mcp::request_params().
  std::string members = {};
  /// What Mcp-Name says in the modern era; empty: the header is not sent.
  std::string name = {};
  /// Arguments that are repeated in headers, as they are sent in the modern era.
  http::Headers param_headers = {};
  /// For whom: two users never share a session, in which a server may keep what it was told.
  std::string identity = {};
  /// Whether progress and log messages are wanted meanwhile.
  bool wants_events = false;
  std::string traceparent = {};
  SteadyTime deadline;
};

/// What it says meanwhile.
struct UpstreamNotice {
  std::string method;
  /// JSON bytes of an object, or empty.
  std::string params;
};
/// The last of them: exactly one of result and error.
struct UpstreamAnswer {
  /// JSON bytes; empty where there is an error.
  std::string result = {};
  /// For people.
  std::string error = {};
  std::optional<std::int64_t> error_code = std::nullopt;
};
using UpstreamMessage = std::variant<UpstreamNotice, UpstreamAnswer>;

/// The connections to one upstream of one loop. Shared with its requests.
class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  /// One user's. In the modern era there is one for all, since there is none.
  struct Session {
    mcp::ServerOffer offer;
    /// Empty: the server wants none.
    std::string id = {};
  };
  using SessionPtr = std::shared_ptr<const Session>;

  /// `loop` and `clock` outlive it.
  Upstream(asio::io_context& loop, std::shared_ptr<const UpstreamOptions> options,
           const Clock& clock);
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  ~Upstream() = default;

  [[nodiscard]] const UpstreamOptions& options() const { return *options_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

  /// The session of `identity`, begun where there is none: by `server/discover`, or by `initialize`
  /// for a server that does not know that. Errors: those of UpstreamRequest::next().
  Task<Expected<SessionPtr>> open(std::string identity, SteadyTime deadline, UpstreamSwitch& off);
  /// A modern server is asked again what it offers, since no session tells.
  void look_again() { modern_.reset(); }
  /// The server does not know the session any more, or is of another era now.
  void forget(const std::string& identity);

 private:
  friend class UpstreamRequest;
  struct Kept {
    SessionPtr session;
    SteadyTime last_used;
  };

  [[nodiscard]] UpstreamSend message_to(const Session& session, std::string body,
                                        SteadyTime deadline) const;
  Task<Expected<UpstreamAnswer>> introduce(const Session& session, std::string_view method,
                                           std::string params, SteadyTime deadline,
                                           UpstreamSwitch& off, std::string* session_id);
  Task<Expected<SessionPtr>> discover(SteadyTime deadline, UpstreamSwitch& off);
  Task<Expected<SessionPtr>> initialize(SteadyTime deadline, UpstreamSwitch& off);
  [[nodiscard]] SessionPtr keep(std::string identity, SessionPtr session);
  Task<Expected<UpstreamMessage>> next_message(UpstreamExchange& exchange, SessionPtr session,
                                               std::uint64_t id);
  void tell(const SessionPtr& session, std::string body);
  void end(const SessionPtr& session);
  static Task<void> send_aside(std::shared_ptr<Upstream> self, UpstreamSend message);

  asio::io_context& loop_;
  std::shared_ptr<const UpstreamOptions> options_;
  const Clock& clock_;
  http::Client client_;
  std::uint64_t next_id_ = 1;
  /// Known once it has said so.
  std::optional<mcp::Era> era_;
  SessionPtr modern_;
  /// By identity; legacy.
  std::map<std::string, Kept, std::less<>> sessions_;
};

/// One request to an upstream. Destroying it before its answer came cancels it there.
class UpstreamRequest {
 public:
  UpstreamRequest(std::shared_ptr<Upstream> upstream, UpstreamQuestion question);
  UpstreamRequest(const UpstreamRequest&) = delete;
  UpstreamRequest& operator=(const UpstreamRequest&) = delete;
  ~UpstreamRequest();

  /// The next message; the answer is the last. The first call sends the request.
  ///
  /// Errors: kUnavailable (not reached, not MCP, a status that says so), kUnauthenticated (our
  /// credential is refused), kResourceExhausted (too many requests, see retry_after()), kOutOfRange
  /// (it says too much), kPermissionDenied (no address that may be connected to),
  /// kDeadlineExceeded, kCancelled, kFailedPrecondition (it speaks no revision that is spoken
  /// here). They hold nothing that it said.
  Task<Expected<UpstreamMessage>> next();
  /// Ends it from elsewhere: a pending next() answers kCancelled.
  void cancel() { switch_.turn_off(); }
  /// The id that it was sent with.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

 private:
  Task<Expected<void>> begin();
  Task<Expected<UpstreamHead>> send();
  Task<bool> resume();
  [[nodiscard]] bool is_listening() const { return question_.method.empty(); }

  std::shared_ptr<Upstream> upstream_;
  UpstreamQuestion question_;
  UpstreamSwitch switch_;
  Upstream::SessionPtr session_;
  std::unique_ptr<UpstreamExchange> exchange_;
  /// What came with a status that is an error.
  std::optional<UpstreamAnswer> refusal_;
  std::uint64_t id_ = 0;
  /// How often its answer was taken up again, since it last said something.
  int resumes_ = 0;
  bool is_begun_ = false;
  /// As far as is known here it is at work there.
  bool may_run_ = false;
  std::optional<std::chrono::seconds> retry_after_;
};

}  // namespace mcpgate::gateway
