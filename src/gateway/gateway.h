#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>

#include "audit/record.h"
#include "auth/access_token.h"
#include "auth/bad_tokens.h"
#include "auth/introspector.h"
#include "auth/logout_token.h"
#include "base/task.h"
#include "gateway/answer.h"
#include "gateway/call_runner.h"
#include "gateway/call_stream.h"
#include "gateway/forwarder.h"
#include "gateway/notification_streams.h"
#include "gateway/parts.h"
#include "gateway/prepared_lists.h"
#include "gateway/snapshot.h"
#include "gateway/visit.h"
#include "http/server.h"
#include "json/parse.h"
#include "mcp/message.h"

namespace mcpgate::gateway {

/// Serves MCP on one loop: who asks, what for, may they, where does it run; and no answer leaves
/// before its record is written. It shares nothing with the other loops' but RunningCalls.
class Gateway final : public http::Handler {
 public:
  Gateway(const GatewayParts& parts, std::shared_ptr<const Snapshot> snapshot);

  /// The world for requests from now on; those in flight keep theirs. On the loop.
  void use(std::shared_ptr<const Snapshot> snapshot);

  /// Ends the streams on which this server speaks first, and opens no more: nothing else would end
  /// them while the server drains. On the loop.
  void drain() {
    streams_.drain();
    forwarder_.drain();
  }

  /// Tokens whose signature was looked at in vain, and those that were refused without a look,
  /// since too many of the others came from the same address. Any thread.
  [[nodiscard]] std::uint64_t bad_tokens() const {
    return bad_tokens_.found() + bad_logouts_.found();
  }
  [[nodiscard]] std::uint64_t tokens_not_looked_at() const {
    return bad_tokens_.refused() + bad_logouts_.refused();
  }

  /// Of all that replicas hand to clients and to each other.
  [[nodiscard]] const Sealer& sealer() const { return *snapshot_->settings->sealer; }

  Task<void> handle(const http::Request& request, http::Responder& responder) override;
  /// Only of who is let in: a body that nobody vouches for takes no memory.
  [[nodiscard]] bool wants_body(const http::Request& head) override;
  http::Response refused(const http::Refusal& refusal) override;

 private:
  [[nodiscard]] std::optional<http::Response> public_page(const http::Request& request) const;
  [[nodiscard]] std::optional<Answer> admit_sender(Visit& visit, audit::Record& record) const;
  [[nodiscard]] std::optional<Answer> admit(Visit& visit, audit::Record& record);
  [[nodiscard]] std::optional<Answer> authenticate(Visit& visit, audit::Record& record);
  [[nodiscard]] bool may_await_issuer(const Visit& visit) const;
  Task<void> await_issuer(Visit& visit);
  [[nodiscard]] Answer refuse_credential(Visit& visit, const auth::AuthFailure& failure,
                                         audit::Record& record) const;
  [[nodiscard]] bool needs_confirmation(const Visit& visit, const mcp::Body& body) const;
  [[nodiscard]] Task<std::optional<Answer>> confirm(Visit& visit, audit::Record& record);

  Task<void> log_out(Visit& visit, audit::Record& record);
  [[nodiscard]] std::expected<auth::LogoutOrder, auth::AuthFailure> read_logout(
      const Visit& visit, std::string_view token);

  Task<void> serve(Visit& visit, audit::Record& record);
  Task<void> serve_one(Visit& visit, const mcp::Incoming& incoming, audit::Record& record);
  Task<void> serve_batch(Visit& visit);
  Task<void> serve_stream(Visit& visit, std::expected<StreamOrder, Answer> order,
                          audit::Record& record);
  Task<void> open_stream(Visit& visit, audit::Record& record);
  Task<void> resume_call(Visit& visit, CallEvent at, audit::Record& record);
  Task<void> end_session(Visit& visit, audit::Record& record);
  Task<void> forward(Visit& visit, audit::Record record);
  Task<Answer> answer(Visit& visit, const mcp::Incoming& incoming, audit::Record& record,
                      CallStream* stream);
  [[nodiscard]] Answer set_log_level(const Visit& visit, std::string_view id, mcp::LogLevel level,
                                     audit::Record& record);
  [[nodiscard]] Answer take_response(const Visit& visit, const mcp::Respond& response,
                                     audit::Record& record);
  [[nodiscard]] Answer subscribe(const Visit& visit, const mcp::Incoming& incoming,
                                 audit::Record& record);
  [[nodiscard]] Answer initialize(Visit& visit, const mcp::Incoming& incoming) const;

  Task<Answer> recorded(const Visit& visit, audit::Record& record, std::string_view id,
                        Answer answer, audit::RecordType type = audit::RecordType::kMcpRequest);
  Task<Answer> recorded_refusal(const Visit& visit, audit::Record& record, Answer answer);

  GatewayParts parts_;
  std::shared_ptr<const Snapshot> snapshot_;
  json::Parser parser_;
  auth::BadTokens bad_tokens_;
  /// Of logout tokens: no other tokens keep an issuer from saying who has logged out.
  auth::BadTokens bad_logouts_;
  auth::AccessTokenVerifier tokens_;
  auth::Introspector introspector_;
  CallRunner calls_;
  NotificationStreams streams_;
  Forwarder forwarder_;
  PreparedLists lists_;
};

}  // namespace mcpgate::gateway
