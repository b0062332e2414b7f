// The walk of a request, top to bottom: handle → admit → serve → answer; a call goes on in
// call_runner.cc.
//
// Everything up to the first record is synchronous, over one immutable snapshot; views into the
// parsed document must not be used after that, since the loop's parser serves other requests then.

#include "gateway/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "auth/challenge.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/trace.h"
#include "gateway/call_stream.h"
#include "gateway/item_call.h"
#include "gateway/listing.h"
#include "gateway/logout_endpoint.h"
#include "gateway/origin.h"
#include "gateway/session.h"
#include "gateway/tasks.h"
#include "http/client_address.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/legacy.h"
#include "mcp/modern.h"

namespace mcpgate::gateway {

namespace {

/// A request above it is rare enough that its memory is given back at once.
constexpr std::size_t kLargeBodyBytes = std::size_t{256} << 10;
/// The body of a request for which nobody has vouched, and that may wait for its token's issuer;
/// how long it waits for the issuer's signing keys, and how often for anything.
constexpr std::size_t kAwaitingBodyBytesMax = std::size_t{64} << 10;
constexpr std::chrono::seconds kKeysPatience{6};
constexpr int kAwaitsMax = 2;  // For keys, then for what the issuer says of the token.
constexpr int kOk = 200;
constexpr std::string_view kMetadataPath = "/.well-known/oauth-protected-resource";
/// A document that is parsed is a body or an answer, both bounded before.
constexpr std::size_t kDocumentBytesMax = std::size_t{128} << 20;

mcp::Headers mcp_headers(const http::Request& request) {
  return {.protocol_version = request.header("mcp-protocol-version"),
          .method = request.header("mcp-method"),
          .name = request.header("mcp-name")};
}

Answer method_refused(std::string_view message, std::string_view allowed) {
  Answer answer = refusal_answer(405, message);
  answer.headers.emplace_back("Allow", std::string(allowed));
  return answer;
}

/// The answer to a body that is not JSON as it is, by its headers.
std::optional<Answer> refuse_media_type(const http::Request& request, audit::Record& record) {
  if (request.header_count("content-type") > 1) {
    record.reason = "several content types";
    return refusal_answer(400, "Several Content-Type headers are refused: send one.");
  }
  if (!http::iequals(media_type(request), "application/json")) {
    record.reason = "content type";
    return refusal_answer(415, "The body must be application/json.");
  }
  if (request.header("content-encoding")) {
    record.reason = "content encoding";
    Answer answer = refusal_answer(415, "The body must not be compressed or encoded otherwise.");
    answer.headers.emplace_back("Accept-Encoding", "identity");  // RFC 9110, 12.5.3
    return answer;
  }
  return std::nullopt;
}

/// How an HTTP status that refuses a request is called in the record.
audit::Status status_of_refusal(int status) {
  switch (status) {
    case 204:
      return audit::Status::kSuccess;  // The answer to a preflight.
    case 401:
      return audit::Status::kUnauthenticated;
    case 403:
      return audit::Status::kDenied;
    case 429:
    case 503:
      return audit::Status::kError;
    default:
      return audit::Status::kInvalid;
  }
}

/// Whether its credential is an access token of an issuer that is asked about each, or that is
/// nothing but what its issuer says of it.
bool is_always_confirmed(const Visit& visit) {
  const auto& issuers = visit.snapshot->authenticator->issuers();
  const auth::Issuer* const issuer = issuers ? issuers->find(visit.principal->issuer) : nullptr;
  return issuer != nullptr && issuer->introspection &&
         (issuer->introspection->always || auth::is_opaque(token_of(visit.request)));
}

/// The answer to what makes sense in a session only.
Answer session_needed(std::string_view id, audit::Record& record) {
  record.status = audit::Status::kInvalid;
  record.reason = "no session";
  return error_answer(id, {.code = mcp::RpcCode::kInvalidRequest,
                           .message = fmt::format("{} needs a session: initialize, then send the "
                                                  "Mcp-Session-Id of the answer",
                                                  record.method),
                           .http_status = 400});
}

}  // namespace

Gateway::Gateway(const GatewayParts& parts, std::shared_ptr<const Snapshot> snapshot)
    : parts_(parts),
      parser_(kDocumentBytesMax),
      tokens_(parts.verified_tokens_max, &parts.logouts, &bad_tokens_),
      introspector_(parts.loop, parts.clock, tokens_),
      calls_(parts, parser_),
      streams_(parts, tokens_, introspector_),
      forwarder_(parts) {
  use(std::move(snapshot));
}

void Gateway::use(std::shared_ptr<const Snapshot> snapshot) {
  calls_.use(snapshot);
  streams_.use(snapshot);
  introspector_.use(snapshot->authenticator->issuers());
  lists_.use(snapshot->catalogue, snapshot->settings->prepared_list_bytes_max);
  snapshot_ = std::move(snapshot);
}

Task<void> Gateway::handle(const http::Request& request, http::Responder& responder) {
  if (auto page = public_page(request)) {
    responder.send(*std::move(page));
    co_return;
  }
  Visit visit{.request = request,
              .client_ip = std::string(request.peer),
              .responder = &responder,
              .snapshot = snapshot_,
              .started = parts_.clock.steady_now(),
              .request_id = new_request_id(parts_.random)};
  visit.headers.emplace_back("X-Request-Id", visit.request_id);
  audit::Record record = begin_record(visit, parts_.clock);
  if (is_logout(request, visit.snapshot->authenticator->issuers().get())) {
    co_await log_out(visit, record);
    co_return;
  }
  auto refusal = admit(visit, record);
  for (int i = 0; i < kAwaitsMax && refusal && may_await_issuer(visit); ++i) {
    if (i > 0 && visit.token_to_ask_about.empty()) {
      break;  // Keys are waited for once.
    }
    co_await await_issuer(visit);
    record = begin_record(visit, parts_.clock);
    refusal = admit(visit, record);
  }
  if (refusal) {
    responder.send(to_response(co_await recorded_refusal(visit, record, *std::move(refusal))));
    co_return;
  }
  if (request.method == "GET") {
    co_await open_stream(visit, record);
    co_return;
  }
  if (request.method == "DELETE") {
    co_await end_session(visit, record);
    co_return;
  }
  co_await serve(visit, record);
  if (request.body.size() > kLargeBodyBytes) {
    parser_.release();  // 15 times a body is not kept for the next one.
  }
}

bool Gateway::wants_body(const http::Request& head) {
  if (head.method != "POST") {
    return false;
  }
  if (is_logout(head, snapshot_->authenticator->issuers().get())) {
    return has_logout_length(head);
  }
  Visit visit{.request = head,
              .client_ip = std::string(head.peer),
              .responder = nullptr,
              .snapshot = snapshot_,
              .started = parts_.clock.steady_now(),
              .request_id = {}};
  audit::Record unused;
  return !admit(visit, unused) || may_await_issuer(visit);
}

http::Response Gateway::refused(const http::Refusal& refusal) {
  audit::Record record{.timestamp = parts_.clock.wall_now(),
                       .request_id = new_request_id(parts_.random),
                       .client_ip = std::string(refusal.peer),
                       .status = status_of_refusal(refusal.status),
                       .duration = std::chrono::nanoseconds{0},
                       .reason = std::string(refusal.reason)};
  if (!parts_.audit.append_now(record)) {
    return to_response(unrecorded_answer(mcp::kNullId));
  }
  return to_response(refusal_answer(refusal.status, refusal.reason));
}

/// What anybody may ask for: it says nothing of tools, users or configuration.
std::optional<http::Response> Gateway::public_page(const http::Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    return std::nullopt;
  }
  if (request.path == "/health") {
    return health_page();
  }
  if (request.path == "/ready") {
    return ready_page(snapshot_->not_ready);
  }
  if (request.path == kMetadataPath || request.path == std::string(kMetadataPath) + "/mcp") {
    const Settings& settings = *snapshot_->settings;
    http::Response page{
        .body = auth::protected_resource_metadata(resource_url(settings, request.path).to_string(),
                                                  settings.authorization_servers, settings.scopes,
                                                  settings.dpop_required),
        .content_type = "application/json"};
    page.headers.emplace_back("Access-Control-Allow-Origin", "*");
    return page;
  }
  return std::nullopt;
}

/// Whether it came in a way that is served, whoever has sent it.
std::optional<Answer> Gateway::admit_sender(Visit& visit, audit::Record& record) const {
  const http::Request& request = visit.request;
  const Settings& settings = *visit.snapshot->settings;
  if (!settings.trusted_proxies.empty()) {
    auto client = http::client_address(request, settings.trusted_proxies);
    if (!client) {
      record.reason = "forwarded";
      return refusal_answer(400,
                            "The forwarding headers contradict each other or hold no address.");
    }
    visit.client_ip = record.client_ip = *std::move(client);
  }
  if (!is_host_allowed(settings, request)) {
    record.reason = "host";
    return refusal_answer(403, "This host name is not served here.");
  }
  if (!is_origin_allowed(settings, request)) {
    record.reason = "origin";
    return refusal_answer(403, "This origin is not allowed.");
  }
  return std::nullopt;
}

/// Who is it, and is this a request that is worth reading? Nothing of the body was looked at.
std::optional<Answer> Gateway::admit(Visit& visit, audit::Record& record) {
  const http::Request& request = visit.request;
  if (auto refusal = admit_sender(visit, record)) {
    return refusal;
  }
  add_cors_headers(request, visit.headers);
  if (request.path == "/health" || request.path == "/ready") {
    record.reason = "method";  // By another one they were answered before.
    return method_refused("Only GET is served here.", "GET, HEAD");
  }
  if (request.path != "/" && request.path != "/mcp") {
    record.reason = "path";
    return refusal_answer(404, "Not found. MCP is at / and /mcp.");
  }
  if (request.method == "OPTIONS" && request.header("origin")) {
    record.reason = "preflight";
    Answer answer{.status = 204};
    answer.headers = preflight_answer(request).headers;
    return answer;
  }
  if (auto refusal = authenticate(visit, record)) {
    return refusal;
  }
  if (request.method == "GET" || request.method == "DELETE") {
    return std::nullopt;
  }
  if (request.method != "POST") {
    record.reason = "method";
    return method_refused("MCP is served by POST; GET and DELETE are of its sessions.",
                          "GET, POST, DELETE");
  }
  return refuse_media_type(request, record);
}

std::optional<Answer> Gateway::authenticate(Visit& visit, audit::Record& record) {
  const Settings& settings = *visit.snapshot->settings;
  const auto stage =
      visit.responder == nullptr ? auth::Possession::Stage::kHead : auth::Possession::Stage::kWhole;
  auto principal = visit.snapshot->authenticator->authenticate(
      credentials_of(visit, settings, stage, parts_.seen_proofs), parts_.clock.wall_now(), tokens_);
  if (principal) {
    visit.principal = *principal;
    visit.is_confirmed = is_always_confirmed(visit);
    record.principal = *std::move(principal);
    return std::nullopt;
  }
  const auth::AuthFailure& failure = principal.error();
  if (failure.reason == auth::AuthFailureReason::kTooManyBad && visit.responder != nullptr) {
    bad_tokens_.count_refusal();  // Not of a head alone: the request comes here again.
  }
  return refuse_credential(visit, failure, record);
}

Answer Gateway::refuse_credential(Visit& visit, const auth::AuthFailure& failure,
                                  audit::Record& record) const {
  const http::Request& request = visit.request;
  const Settings& settings = *visit.snapshot->settings;
  record.reason = to_string(failure.reason);
  if (!failure.detail.empty()) {
    record.reason += ": " + failure.detail;
  }
  record.tried_key_id = failure.key_id;
  record.principal = failure.principal;
  visit.awaited_issuer = failure.issuer;
  if (failure.reason == auth::AuthFailureReason::kNotAsked) {
    visit.token_to_ask_about = token_of(request);
  }
  const std::string metadata =
      auth::resource_metadata_url(resource_url(settings, request.path).to_string());
  auth::Challenge challenge = auth::challenge_for(
      failure, {.resource_metadata_url = metadata,
                .scopes = failure.scopes.empty() ? settings.scopes : failure.scopes,
                .takes_tokens = !settings.authorization_servers.empty()});
  Answer answer = refusal_answer(challenge.status, challenge.message);
  if (challenge.www_authenticate.empty()) {
    answer.headers.emplace_back("Retry-After", challenge.retry_after);
  } else {
    answer.headers.emplace_back("WWW-Authenticate", std::move(challenge.www_authenticate));
  }
  return answer;
}

/// Whether the request waits for its issuer: where nobody has vouched for it yet only one whose
/// body is small.
bool Gateway::may_await_issuer(const Visit& visit) const {
  const std::string_view token = visit.token_to_ask_about;
  if (visit.awaited_issuer.empty() || (token.empty() && !parts_.demand_keys)) {
    return false;
  }
  if (visit.request.method != "POST" || !(token.empty() || auth::is_opaque(token))) {
    return true;
  }
  const auto bytes = content_length(visit.request);
  return bytes && *bytes <= kAwaitingBodyBytesMax;
}

/// Comes back with the world in which keys and answer are known, if they are to be had.
Task<void> Gateway::await_issuer(Visit& visit) {
  std::string issuer = std::exchange(visit.awaited_issuer, {});
  const std::string_view token = std::exchange(visit.token_to_ask_about, {});
  if (token.empty()) {
    const auto arrived = std::make_shared<asio::steady_timer>(parts_.loop, kKeysPatience);
    parts_.demand_keys(std::move(issuer), [arrived] { arrived->cancel(); });
    (void)co_await arrived->async_wait(kAwait);
  } else {
    co_await introspector_.ask(std::move(issuer), std::string(token));
  }
  visit.snapshot = snapshot_;
  visit.headers.resize(1);  // X-Request-Id: admit() adds the others again.
}

/// Whether one of the messages is about something of a set whose calls need it.
bool Gateway::needs_confirmation(const Visit& visit, const mcp::Body& body) const {
  const WallTime now = parts_.clock.wall_now();
  const auto needs = [&](const Item* item) {
    return item != nullptr && gateway::needs_confirmation(visit, *item, now);
  };
  return !visit.snapshot->settings->confirmed_sets.empty() &&
         std::ranges::any_of(body.incoming, [&](const mcp::Incoming& incoming) {
           if (!incoming.message) {
             return false;
           }
           const mcp::Operation& operation = incoming.message->operation;
           if (const auto* call = std::get_if<mcp::CallTool>(&operation)) {
             return needs(visit.snapshot->catalogue->find(call->name));
           }
           if (const auto* asked = std::get_if<mcp::AskTask>(&operation)) {
             const auto task = open_task(parts_, visit, asked->id);
             return task && needs(&task->item);
           }
           return is_item_call(operation) && needs(find_item(visit, *incoming.message, now).item);
         });
}

/// Asks the issuer of a token about it that need not be asked about for other things. The answer of
/// who is refused.
Task<std::optional<Answer>> Gateway::confirm(Visit& visit, audit::Record& record) {
  const std::string token(token_of(visit.request));
  const std::string issuer = visit.principal->issuer;
  const auto judge = [&] {
    return tokens_.judge_by_issuer(visit.snapshot->authenticator->issuers(), issuer, token,
                                   parts_.clock.wall_now());
  };
  auto failure = judge();
  if (failure && failure->reason == auth::AuthFailureReason::kNotAsked) {
    co_await introspector_.ask(issuer, token);
    failure = judge();
  }
  if (failure) {
    failure->principal = visit.principal;
    co_return refuse_credential(visit, *failure, record);
  }
  visit.is_confirmed = true;
  co_return std::nullopt;
}

/// What an issuer says of its sessions. It is believed for its signature; nobody need be let in.
Task<void> Gateway::log_out(Visit& visit, audit::Record& record) {
  record.method = kLogoutMethod;
  auto refusal = admit_sender(visit, record);
  const auto token =
      refusal ? std::unexpected(*std::move(refusal)) : logout_token_of(visit.request);
  if (!token) {
    record.reason = record.reason.empty() ? "no logout token" : std::move(record.reason);
    record.status = audit::Status::kInvalid;
    Answer answer =
        co_await recorded(visit, record, mcp::kNullId, token.error(), audit::RecordType::kMcpAdmin);
    visit.responder->send(to_response(std::move(answer)));
    co_return;
  }
  auto order = read_logout(visit, *token);
  if (!order && !order.error().issuer.empty() && parts_.demand_keys) {
    visit.awaited_issuer = order.error().issuer;
    co_await await_issuer(visit);
    order = read_logout(visit, *token);
  }
  Answer answer = order ? logged_out_answer() : logout_refused(order.error());
  if (order) {
    record.principal = std::make_shared<const Principal>(
        Principal{.user = order->subject, .issuer = order->issuer, .subject = order->subject});
    record.status = audit::Status::kSuccess;
  } else {
    record.reason = to_string(order.error().reason);
    record.status = audit::Status::kUnauthenticated;
  }
  answer = co_await recorded(visit, record, mcp::kNullId, std::move(answer),
                             audit::RecordType::kMcpAdmin);
  visit.responder->send(to_response(std::move(answer)));
}

/// The session is ended before anything is said or recorded of it: what is to be refused from now
/// on does not depend on the audit.
std::expected<auth::LogoutOrder, auth::AuthFailure> Gateway::read_logout(const Visit& visit,
                                                                         std::string_view token) {
  const auth::IssuerTable& issuers = *visit.snapshot->authenticator->issuers();
  const WallTime now = parts_.clock.wall_now();
  if (!bad_logouts_.has_room_for(visit.client_ip, issuers.bad_tokens, now)) {
    bad_logouts_.count_refusal();
    return std::unexpected(auth::AuthFailure{.reason = auth::AuthFailureReason::kTooManyBad});
  }
  auto order = auth::verify_logout_token(parser_, issuers, token, now);
  if (order) {
    parts_.logouts.add(order->logout, visit.snapshot->settings->logouts, now);
  } else if (order.error().reason == auth::AuthFailureReason::kBadSignature) {
    bad_logouts_.count(visit.client_ip, issuers.bad_tokens, now);
  }
  return order;
}

Task<void> Gateway::serve(Visit& visit, audit::Record& record) {
  const http::Request& request = visit.request;
  auto body = mcp::read_body(parser_, request.body, mcp_headers(request));
  if (!body) {
    record.reason = body.error().message;
    Answer answer = error_answer(mcp::kNullId, body.error());
    visit.responder->send(to_response(co_await recorded_refusal(visit, record, std::move(answer))));
    co_return;
  }
  // The modern era has no sessions, and ignores an id (2026-07-28, basic/transports).
  auto refusal = body->incoming.front().era == mcp::Era::kModern
                     ? std::nullopt
                     : refuse_session(parts_, visit, SessionNeed::kIfNamed);
  if (refusal) {
    record.reason = "session";
    visit.responder->send(
        to_response(co_await recorded_refusal(visit, record, *std::move(refusal))));
    co_return;
  }
  if (!visit.home.empty()) {
    co_await forward(visit, begin_record(visit, parts_.clock));
    co_return;
  }
  if (needs_confirmation(visit, *body)) {
    record.method = body->batch ? "" : body->incoming.front().method;
    if (auto dead = co_await confirm(visit, record)) {
      visit.responder->send(
          to_response(co_await recorded_refusal(visit, record, *std::move(dead))));
      co_return;
    }
    body = mcp::read_body(parser_, request.body, mcp_headers(request));  // The parser was others'.
    MCPGATE_ASSERT(body);
  }
  if (body->batch) {
    co_await serve_batch(visit);
  } else {
    co_await serve_one(visit, body->incoming.front(), record);
  }
}

Task<void> Gateway::serve_one(Visit& visit, const mcp::Incoming& incoming, audit::Record& record) {
  if (incoming.message && std::holds_alternative<mcp::Listen>(incoming.message->operation)) {
    record.method = incoming.method;
    co_await serve_stream(visit, order_of_listen(visit, incoming, parts_.clock.wall_now()), record);
    co_return;
  }
  CallStream stream(parts_, visit, incoming);
  const std::string id(incoming.id);
  const EventsWanted events = events_wanted(visit.request);
  Answer answer = co_await this->answer(visit, incoming, record,
                                        events == EventsWanted::kNo ? nullptr : &stream);
  answer = co_await recorded(visit, record, id, std::move(answer));
  // What is refused has a status of its own, which a stream has not.
  const bool as_event = answer.status == kOk && events == EventsWanted::kPreferred;
  if (!stream.begun() && !as_event) {
    visit.responder->send(to_response(std::move(answer)));
    co_return;
  }
  if (!answer.body.empty()) {
    (void)co_await stream.send(answer.body);
  }
  co_await stream.finish();
}

/// Opens a stream on which this server speaks first. It is recorded before its first byte leaves,
/// since nobody can say when it will end.
Task<void> Gateway::serve_stream(Visit& visit, std::expected<StreamOrder, Answer> order,
                                 audit::Record& record) {
  const std::string id(order && order->is_modern() ? order->subscription_id : mcp::kNullId);
  auto stream =
      order ? streams_.open(visit, *std::move(order)) : std::unexpected(std::move(order.error()));
  Answer answer = stream ? Answer() : std::move(stream.error());
  record.status = stream ? audit::Status::kSuccess : status_of_refusal(answer.status);
  record.reason = stream ? "" : "stream";
  answer = co_await recorded(visit, record, id, std::move(answer));
  if (!stream || is_unrecorded(answer)) {
    visit.responder->send(to_response(std::move(answer)));
    co_return;
  }
  co_await streams_.run(*std::move(stream));
}

/// What a legacy client's GET asks for.
Task<void> Gateway::open_stream(Visit& visit, audit::Record& record) {
  record.method = "GET";
  auto order = order_of_get(parts_, visit);
  if (!visit.home.empty()) {
    co_await forward(visit, std::move(record));
    co_return;
  }
  if (const auto at = order ? order->of_call : std::nullopt) {
    co_await resume_call(visit, *at, record);
    co_return;
  }
  co_await serve_stream(visit, std::move(order), record);
}

/// The rest of a call's stream.
Task<void> Gateway::resume_call(Visit& visit, CallEvent at, audit::Record& record) {
  const auto wake = std::make_shared<asio::steady_timer>(parts_.loop);
  auto reader = parts_.kept_events.follow(at.call, at.count, parts_.loop.get_executor(),
                                          [weak = std::weak_ptr(wake)] {
                                            if (const auto waiting = weak.lock()) {
                                              waiting->cancel();
                                            }
                                          });
  Answer answer;
  if (!reader) {
    answer = refusal_answer(400, "Last-Event-ID: the events of this call are not kept any more.");
  }
  record.status = reader ? audit::Status::kSuccess : audit::Status::kInvalid;
  record.reason = reader ? "" : "stream";
  record.parent = at.call;
  answer = co_await recorded(visit, record, mcp::kNullId, std::move(answer));
  if (!reader || is_unrecorded(answer)) {
    visit.responder->send(to_response(std::move(answer)));
    co_return;
  }
  co_await follow_call(parts_, visit, std::move(at), *std::move(reader), wake);
}

/// Has the replica serve it in which its session lives. That one records what it does; the record
/// is for what does not get there.
Task<void> Gateway::forward(Visit& visit, audit::Record record) {
  if (auto refusal = co_await forwarder_.forward(visit)) {
    record.reason = "session's replica";
    visit.responder->send(
        to_response(co_await recorded_refusal(visit, record, *std::move(refusal))));
  }
}

/// A legacy client says that it needs its session no more.
Task<void> Gateway::end_session(Visit& visit, audit::Record& record) {
  record.method = "DELETE";
  auto refusal = mcp::modern::claimed_by(mcp_headers(visit.request))
                     ? method_refused("This revision has no sessions.", "POST")
                     : refuse_session(parts_, visit, SessionNeed::kAlways);
  record.reason = refusal ? "session" : "";
  if (!refusal && !visit.home.empty()) {
    co_await forward(visit, std::move(record));
    co_return;
  }
  if (!refusal) {
    const std::string session(visit.request.header(kSessionHeader).value_or(""));
    parts_.sessions.end(session);
    parts_.open_streams.end(session);
  }
  Answer answer = refusal ? *std::move(refusal) : Answer{.status = 204};
  visit.responder->send(to_response(co_await recorded_refusal(visit, record, std::move(answer))));
}

/// A batch of 2025-03-26, one message after the other.
Task<void> Gateway::serve_batch(Visit& visit) {
  // The messages are views into their document, which must outlive the calls among them.
  json::Parser parser(kDocumentBytesMax);
  const auto body = mcp::read_body(parser, visit.request.body, mcp_headers(visit.request));
  MCPGATE_ASSERT(body);  // serve() has read it once.
  std::string answers;
  const std::string request_id = visit.request_id;
  for (const mcp::Incoming& incoming : body->incoming) {
    // Each message is a request of its own: with an id of its own, in the world as it is now.
    visit.request_id = fmt::format("{}-{}", request_id, &incoming - body->incoming.data());
    visit.snapshot = snapshot_;
    audit::Record record = begin_record(visit, parts_.clock);
    Answer answer = co_await this->answer(visit, incoming, record, nullptr);
    answer = co_await recorded(visit, record, incoming.id, std::move(answer));
    if (is_unrecorded(answer)) {
      // One answer has one status: what the batch gave so far stays here, its rest does not run.
      answer.body = unrecorded_answer(mcp::kNullId).body;
      visit.responder->send(to_response(std::move(answer)));
      co_return;
    }
    if (!answer.body.empty() && !incoming.is_notification()) {
      answers.append(answers.empty() ? "[" : ",").append(answer.body);
    }
  }
  Answer whole{.status = answers.empty() ? 202 : 200, .headers = visit.headers};
  if (!answers.empty()) {
    whole.body = answers + "]";
  }
  visit.responder->send(to_response(std::move(whole)));
}

Task<Answer> Gateway::answer(Visit& visit, const mcp::Incoming& incoming, audit::Record& record,
                             CallStream* stream) {
  record.method = incoming.method;
  if (!incoming.message) {
    record.status = audit::Status::kInvalid;
    record.reason = incoming.message.error().message;
    co_return error_answer(incoming.is_notification() ? mcp::kNullId : incoming.id,
                           incoming.message.error());
  }
  const mcp::Operation& operation = incoming.message->operation;
  record.status = audit::Status::kSuccess;
  if (const auto* response = std::get_if<mcp::Respond>(&operation)) {
    co_return take_response(visit, *response, record);
  }
  if (std::holds_alternative<mcp::CallTool>(operation)) {
    co_return co_await calls_.call_tool(visit, incoming, record, stream);
  }
  if (std::holds_alternative<mcp::List>(operation)) {
    co_return list_answer(parts_, visit, incoming, lists_);
  }
  if (is_item_call(operation)) {
    co_return co_await calls_.call_item(visit, incoming, record, stream);
  }
  if (std::holds_alternative<mcp::AskTask>(operation)) {
    co_return co_await calls_.ask_task(visit, incoming, record);
  }
  if (std::holds_alternative<mcp::Ping>(operation)) {
    co_return result_answer(incoming.id, "{}");
  }
  if (std::holds_alternative<mcp::Discover>(operation)) {
    co_return result_answer(incoming.id, mcp::modern::discover_result());
  }
  if (std::holds_alternative<mcp::Initialize>(operation)) {
    co_return initialize(visit, incoming);
  }
  if (const auto* set = std::get_if<mcp::SetLogLevel>(&operation)) {
    co_return set_log_level(visit, incoming.id, set->level, record);
  }
  if (std::holds_alternative<mcp::Subscribe>(operation)) {
    co_return subscribe(visit, incoming, record);
  }
  if (const auto* cancel = std::get_if<mcp::Cancel>(&operation)) {
    parts_.running_calls.cancel(visit.request.header(kSessionHeader).value_or(""),
                                cancel->request_id);
  }
  co_return Answer{.status = 202};  // A notification.
}

/// A response to what a call of the session asks, on whichever loop it runs.
Answer Gateway::take_response(const Visit& visit, const mcp::Respond& response,
                              audit::Record& record) {
  const auto session = visit.request.header(kSessionHeader);
  if (session && parts_.pending_questions.answer(*session, response.request_id,
                                                 {.result = std::string(response.result),
                                                  .error = std::string(response.error)})) {
    return {.status = 202};
  }
  record.status = audit::Status::kInvalid;
  record.reason = "no such question";
  return error_answer(mcp::kNullId, {.code = mcp::RpcCode::kInvalidRequest,
                                     .message = "a response to no request of this server",
                                     .http_status = 400});
}

/// The level is the session's (2025-11-25, server/utilities/logging).
Answer Gateway::set_log_level(const Visit& visit, std::string_view id, mcp::LogLevel level,
                              audit::Record& record) {
  const auto session = visit.request.header(kSessionHeader);
  if (!session) {
    return session_needed(id, record);
  }
  parts_.sessions.set_log_level(*session, level);
  return result_answer(id, "{}");
}

/// What is followed is told on the session's GET stream (2025-11-25, server/resources,
/// "Subscriptions").
Answer Gateway::subscribe(const Visit& visit, const mcp::Incoming& incoming,
                          audit::Record& record) {
  const auto& asked = std::get<mcp::Subscribe>(incoming.message->operation);
  const auto session = visit.request.header(kSessionHeader);
  if (!session) {
    return session_needed(incoming.id, record);
  }
  if (!asked.wanted) {
    parts_.sessions.unsubscribe(*session, asked.uri);
    return result_answer(incoming.id, "{}");
  }
  const ItemOrder order = find_item(visit, *incoming.message, record.timestamp);
  const Use use = may_use(visit, order.item, {}, record);
  if (use == Use::kNeedsScopes) {
    return step_up_answer(visit, incoming.id, *order.item);
  }
  if (use != Use::kAllowed) {
    return error_answer(incoming.id, order.unknown);
  }
  const std::size_t most = visit.snapshot->settings->subscriptions_max;
  if (!parts_.sessions.subscribe(*session, asked.uri, most)) {
    record.status = audit::Status::kError;
    record.reason = "subscriptions";
    return error_answer(incoming.id,
                        {.code = mcp::RpcCode::kInvalidParams,
                         .message = fmt::format("a session follows at most {} resources", most)});
  }
  return result_answer(incoming.id, "{}");
}

Answer Gateway::initialize(Visit& visit, const mcp::Incoming& incoming) const {
  const auto& asked = std::get<mcp::Initialize>(incoming.message->operation);
  visit.headers.emplace_back(kSessionHeader,
                             seal_session(*visit.snapshot->settings->sealer, *visit.principal,
                                          {.client = asked.client, .home = parts_.home},
                                          parts_.clock.wall_now(), parts_.random));
  return result_answer(incoming.id, mcp::legacy::initialize_result(asked.requested_version));
}

/// Writes the record of an answer that is about to leave; without it the answer stays.
Task<Answer> Gateway::recorded(const Visit& visit, audit::Record& record, std::string_view id,
                               Answer answer, audit::RecordType type) {
  record.duration = parts_.clock.steady_now() - visit.started;
  if (!co_await parts_.audit.append(record, type)) {
    answer = unrecorded_answer(id.empty() ? mcp::kNullId : id);
  }
  answer.headers.insert(answer.headers.end(), visit.headers.begin(), visit.headers.end());
  co_return answer;
}

Task<Answer> Gateway::recorded_refusal(const Visit& visit, audit::Record& record, Answer answer) {
  record.status = status_of_refusal(answer.status);
  co_return co_await recorded(visit, record, mcp::kNullId, std::move(answer));
}

}  // namespace mcpgate::gateway
