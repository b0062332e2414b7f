// The walk of a request, top to bottom: handle → admit → answer → call_tool → run; a call that a
// tool makes goes it again from decide on: answer_question → call_inner → run.
//
// Everything up to the first record is synchronous, over one immutable snapshot; views into the
// parsed document must not be used after that, since the loop's parser serves other requests then.
// Raw slices, such as `arguments_json`, are views into the connection's buffer and live on.

#include "gateway/gateway.h"

#include <fmt/format.h>

#include <utility>

#include "auth/challenge.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/trace.h"
#include "gateway/event_stream.h"
#include "gateway/origin.h"
#include "gateway/session.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/legacy.h"
#include "mcp/modern.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kSessionHeader = "Mcp-Session-Id";
/// A request above it is rare enough that its memory is given back at once.
constexpr std::size_t kLargeBodyBytes = std::size_t{256} << 10;
constexpr std::string_view kMetadataPath = "/.well-known/oauth-protected-resource";
/// 128 bits: a call id must not be guessed.
constexpr std::size_t kRequestIdBytes = 16;
/// A document that is parsed is a body or an answer, both bounded before.
constexpr std::size_t kDocumentBytesMax = std::size_t{128} << 20;

mcp::Headers mcp_headers(const http::Request& request) {
  return {.protocol_version = request.header("mcp-protocol-version"),
          .method = request.header("mcp-method"),
          .name = request.header("mcp-name")};
}

bool accepts_events(const http::Request& request) {
  return request.header("accept").value_or("").contains("text/event-stream");
}

bool is_json(const http::Request& request) {
  std::string_view type = request.header("content-type").value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) {
    type.remove_suffix(1);
  }
  return http::iequals(type, "application/json");
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
  if (!is_json(request)) {
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
    case 503:
      return audit::Status::kError;
    default:
      return audit::Status::kInvalid;
  }
}

/// The trace that a call belongs to: that of its message, else of its HTTP request, else none.
/// The record learns its id.
std::string use_traceparent(const http::Request& request, const mcp::Message& message,
                            audit::Record& record) {
  std::string_view traceparent = message.traceparent;
  if (trace_id_of(traceparent).empty()) {
    traceparent = request.header("traceparent").value_or("");
  }
  record.trace_id = trace_id_of(traceparent);
  return std::string(record.trace_id.empty() ? "" : traceparent);
}

/// Counts a call as in flight while it lives.
class InFlight {
 public:
  explicit InFlight(std::size_t& count) : count_(count) { ++count_; }
  ~InFlight() { --count_; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

/// One HTTP request on its way.
struct Gateway::Visit {
  const http::Request& request;
  /// Null while only the head is looked at.
  http::Responder* responder;
  std::shared_ptr<const Snapshot> snapshot;
  SteadyTime started;
  std::string request_id;
  std::shared_ptr<const Principal> principal = nullptr;
  /// Those of the answer, whatever it will be.
  http::Headers headers = {};
};

/// One call on its way: the client's own, or one that a tool makes.
struct Gateway::Call {
  /// Who asks, in which world, under which request id.
  const Visit& visit;
  const Tool& tool;
  std::string traceparent;
  SteadyTime deadline;
  CallChain& chain;
  /// The call whose tool made it; null: a client did.
  const Call* outer = nullptr;
};

/// Where a tool set's calls go.
struct Gateway::Route {
  http::Endpoint endpoint;
  std::shared_ptr<const sandbox::SigningKeys> keys;
  std::shared_ptr<sandbox::ToolSetClient> client;
};

Gateway::Gateway(const GatewayParts& parts, std::shared_ptr<const Snapshot> snapshot)
    : parts_(parts), parser_(kDocumentBytesMax) {
  use(std::move(snapshot));
}

Gateway::~Gateway() = default;

void Gateway::use(std::shared_ptr<const Snapshot> snapshot) {
  std::map<std::string, Route, std::less<>> routes;
  for (const ToolSetRoute& set : snapshot->settings->tool_sets) {
    const auto known = routes_.find(set.view.name);
    if (known != routes_.end() && known->second.endpoint == set.endpoint) {
      if (known->second.keys != set.keys) {
        known->second.client->replace_keys(set.keys);
        known->second.keys = set.keys;
      }
      routes.emplace(set.view.name, std::move(known->second));
      continue;
    }
    sandbox::ClientOptions options;
    options.answer_bytes_max = snapshot->settings->result_bytes_max;
    auto client = std::make_shared<sandbox::ToolSetClient>(parts_.loop, set.endpoint, set.keys,
                                                           parts_.clock, options);
    routes.emplace(set.view.name,
                   Route{.endpoint = set.endpoint, .keys = set.keys, .client = std::move(client)});
  }
  for (const auto& [name, route] : routes) {
    if (std::string instance = snapshot->catalogue->instance_of(name); !instance.empty()) {
      route.client->expect_instance(std::move(instance));
    }
  }
  routes_ = std::move(routes);
  snapshot_ = std::move(snapshot);
}

Task<void> Gateway::handle(const http::Request& request, http::Responder& responder) {
  if (auto page = public_page(request)) {
    responder.send(*std::move(page));
    co_return;
  }
  Visit visit{.request = request,
              .responder = &responder,
              .snapshot = snapshot_,
              .started = parts_.clock.steady_now(),
              .request_id = parts_.random.hex(kRequestIdBytes)};
  visit.headers.emplace_back("X-Request-Id", visit.request_id);
  audit::Record record = begin_record(visit);
  if (auto refusal = admit(visit, record)) {
    responder.send(to_response(co_await recorded_refusal(visit, record, *std::move(refusal))));
    co_return;
  }
  co_await serve(visit);
  if (request.body.size() > kLargeBodyBytes) {
    (void)parser_.parse("null");  // Its buffers, 15 times a body, are not kept for the next one.
  }
}

bool Gateway::wants_body(const http::Request& head) {
  if (head.method != "POST") {
    return false;
  }
  Visit visit{.request = head,
              .responder = nullptr,
              .snapshot = snapshot_,
              .started = parts_.clock.steady_now(),
              .request_id = {}};
  audit::Record unused;
  return !admit(visit, unused);
}

http::Response Gateway::refused(const http::Refusal& refusal) {
  audit::Record record{.timestamp = parts_.clock.wall_now(),
                       .request_id = parts_.random.hex(kRequestIdBytes),
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
    const std::string_view suffix = request.path.ends_with("/mcp") ? "mcp" : "";
    http::Response page{.body = auth::protected_resource_metadata(
                            snapshot_->settings->public_url + std::string(suffix), {}),
                        .content_type = "application/json"};
    page.headers.emplace_back("Access-Control-Allow-Origin", "*");
    return page;
  }
  return std::nullopt;
}

/// Who is it, and is this a request that is worth reading? Nothing of the body was looked at.
std::optional<Answer> Gateway::admit(Visit& visit, audit::Record& record) const {
  const http::Request& request = visit.request;
  const Settings& settings = *visit.snapshot->settings;
  if (!is_host_allowed(settings, request)) {
    record.reason = "host";
    return refusal_answer(403, "This host name is not served here.");
  }
  if (!is_origin_allowed(settings, request)) {
    record.reason = "origin";
    return refusal_answer(403, "This origin is not allowed.");
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
  if (request.method != "POST") {
    record.reason = "method";
    return method_refused("MCP is served by POST.", "POST");
  }
  return refuse_media_type(request, record);
}

std::optional<Answer> Gateway::authenticate(Visit& visit, audit::Record& record) const {
  const http::Request& request = visit.request;
  const auth::Credentials credentials{.authorization = request.header("authorization"),
                                      .authorization_count = request.header_count("authorization"),
                                      .target = request.target,
                                      .peer_is_loopback = is_from_loopback(request)};
  auto principal =
      visit.snapshot->authenticator->authenticate(credentials, parts_.clock.wall_now());
  if (principal) {
    visit.principal = *principal;
    record.principal = *std::move(principal);
    return std::nullopt;
  }
  const auth::AuthFailure& failure = principal.error();
  record.reason = to_string(failure.reason);
  record.tried_key_id = failure.key_id;
  const std::string resource =
      visit.snapshot->settings->public_url + (request.path == "/mcp" ? "mcp" : "");
  auth::Challenge challenge =
      auth::challenge_for(failure.reason, auth::resource_metadata_url(resource));
  Answer answer = refusal_answer(challenge.status, challenge.message);
  answer.headers.emplace_back("WWW-Authenticate", std::move(challenge.www_authenticate));
  return answer;
}

Task<void> Gateway::serve(Visit& visit) {
  const http::Request& request = visit.request;
  auto body = mcp::read_body(parser_, request.body, mcp_headers(request));
  if (!body) {
    audit::Record record = begin_record(visit);
    record.reason = body.error().message;
    Answer answer = error_answer(mcp::kNullId, body.error());
    visit.responder->send(to_response(co_await recorded_refusal(visit, record, std::move(answer))));
    co_return;
  }
  if (!knows_session(visit, *body)) {
    audit::Record record = begin_record(visit);
    record.reason = "session";
    Answer answer = refusal_answer(404, "This session is unknown or has ended; initialize again.");
    visit.responder->send(to_response(co_await recorded_refusal(visit, record, std::move(answer))));
    co_return;
  }
  if (body->batch) {
    co_await serve_batch(visit);
  } else {
    co_await serve_one(visit, body->incoming.front());
  }
}

/// A session id that comes with a legacy message must be ours and this principal's; the modern era
/// has none and ignores one (2026-07-28, basic/transports).
bool Gateway::knows_session(const Visit& visit, const mcp::Body& body) const {
  const auto session = visit.request.header(kSessionHeader);
  if (!session || body.incoming.front().era == mcp::Era::kModern) {
    return true;
  }
  return is_session_of(parts_.sealer, *session, *visit.principal, parts_.clock.wall_now());
}

Task<void> Gateway::serve_one(Visit& visit, const mcp::Incoming& incoming) {
  EventStream stream(*visit.responder, visit.headers);
  audit::Record record = begin_record(visit);
  const std::string id(incoming.id);
  Answer answer = co_await this->answer(visit, incoming, record,
                                        accepts_events(visit.request) ? &stream : nullptr);
  answer = co_await recorded(visit, record, id, std::move(answer));
  if (!stream.begun()) {
    visit.responder->send(to_response(std::move(answer)));
    co_return;
  }
  if (!answer.body.empty()) {
    (void)co_await stream.send(answer.body);
  }
  co_await stream.finish();
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
    audit::Record record = begin_record(visit);
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
                             EventStream* stream) {
  record.method = incoming.method;
  if (!incoming.message) {
    record.status = audit::Status::kInvalid;
    record.reason = incoming.message.error().message;
    co_return error_answer(incoming.is_notification() ? mcp::kNullId : incoming.id,
                           incoming.message.error());
  }
  const mcp::Operation& operation = incoming.message->operation;
  record.status = audit::Status::kSuccess;
  if (std::holds_alternative<mcp::CallTool>(operation)) {
    co_return co_await call_tool(visit, incoming, record, stream);
  }
  if (std::holds_alternative<mcp::ListTools>(operation)) {
    co_return list_tools(visit, incoming);
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
  if (const auto* cancel = std::get_if<mcp::Cancel>(&operation)) {
    parts_.running_calls.cancel(visit.request.header(kSessionHeader).value_or(""),
                                cancel->request_id);
  }
  co_return Answer{.status = 202};  // A notification.
}

Answer Gateway::list_tools(const Visit& visit, const mcp::Incoming& incoming) const {
  const bool modern = incoming.message->era() == mcp::Era::kModern;
  std::vector<std::string_view> definitions;
  for (const Tool* tool : visit.snapshot->catalogue->tools()) {
    if (visit.snapshot->settings->policy.decide(*visit.principal, tool->action()).allowed) {
      definitions.emplace_back(modern ? tool->modern_definition : tool->legacy_definition);
    }
  }
  return result_answer(incoming.id, modern ? mcp::modern::list_tools_result(definitions)
                                           : mcp::legacy::list_tools_result(definitions));
}

Answer Gateway::initialize(Visit& visit, const mcp::Incoming& incoming) const {
  const auto& asked = std::get<mcp::Initialize>(incoming.message->operation);
  visit.headers.emplace_back(kSessionHeader, seal_session(parts_.sealer, *visit.principal,
                                                          parts_.clock.wall_now(), parts_.random));
  return result_answer(incoming.id, mcp::legacy::initialize_result(asked.requested_version));
}

/// One tool call: what, may they, with what, where, proof, run.
Task<Answer> Gateway::call_tool(Visit& visit, const mcp::Incoming& incoming, audit::Record& record,
                                EventStream* stream) {
  const mcp::Message& message = *incoming.message;
  const auto& call = std::get<mcp::CallTool>(message.operation);
  const Settings& settings = *visit.snapshot->settings;
  const std::string traceparent = use_traceparent(visit.request, message, record);
  const auto decided = decide(visit, call, visit.snapshot->catalogue->find(call.name), record);
  if (!decided) {
    co_return error_answer(incoming.id, decided.error());
  }
  const Tool& tool = **decided;
  const bool reports = stream != nullptr && (!message.progress_token.empty() || message.log_level);
  const AskedCall asked{.id = std::string(incoming.id),
                        .revision = message.revision,
                        .progress_token = std::string(message.progress_token),
                        .log_level = message.log_level,
                        .tool = tool,
                        .stream = reports ? stream : nullptr};
  if (const auto problem = check_arguments(tool, call, parser_)) {
    Answer answer = call_answer(asked, error_result(*problem), parser_, record);
    record.status = audit::Status::kInvalid;
    record.reason = "arguments";
    co_return answer;
  }
  if (calls_in_flight_ >= settings.calls_in_flight_max) {
    Answer answer = call_answer(
        asked, unavailable_result({ErrorCode::kResourceExhausted, ""}, {}, tool.tool_set), parser_,
        record);
    record.reason = "calls in flight";
    co_return answer;
  }
  const InFlight in_flight(calls_in_flight_);
  const auto chain = std::make_shared<CallChain>(parts_.loop);
  const Call running{.visit = visit,
                     .tool = tool,
                     .traceparent = traceparent,
                     .deadline = parts_.clock.steady_now() + settings.call_timeout,
                     .chain = *chain};
  auto execution = prepare(running, call.arguments_json,
                           reports ? sandbox::Streaming::kYes : sandbox::Streaming::kNo);
  const auto registration = let_cancel(visit, asked, *chain);
  if (!co_await parts_.audit.append(record, audit::RecordType::kMcpCallStart)) {
    record.status = audit::Status::kError;
    co_return unrecorded_answer(incoming.id);
  }
  EventForwarder forwarder(asked, parser_);
  const auto result = co_await run(running, std::move(execution), &forwarder);
  if (!result) {
    record.status = audit::Status::kCancelled;
    record.reason = chain->why_cancelled();
    co_return Answer{.status = 202};  // Nobody waits for a cancelled call (basic/cancellation).
  }
  co_return call_answer(asked, *result, parser_, record);
}

/// `tool`, the one of that name or null, if the principal may use it. Whether it is missing or
/// hidden is for the record alone.
std::expected<const Tool*, mcp::RpcError> Gateway::decide(const Visit& visit,
                                                          const mcp::CallTool& call,
                                                          const Tool* tool,
                                                          audit::Record& record) const {
  record.tool = tool == nullptr ? call.name : tool->name;
  record.arguments_sha256 = sha256(call.arguments_json);
  if (tool == nullptr) {
    record.status = audit::Status::kInvalid;
    record.reason = "unknown tool";
    return std::unexpected(unknown_tool(call.name));
  }
  record.tool_set = tool->tool_set;
  record.tool_sha256 = tool->digest;
  const Decision decision =
      visit.snapshot->settings->policy.decide(*visit.principal, tool->action());
  record.decision = decision.allowed ? "allow" : "deny";
  record.reason = decision.reason;
  if (!decision.allowed) {
    record.status = audit::Status::kDenied;
    return std::unexpected(unknown_tool(call.name));
  }
  return tool;
}

/// Sends nothing yet. Views are needed until this returns.
std::shared_ptr<sandbox::Execution> Gateway::prepare(const Call& call, std::string_view arguments,
                                                     sandbox::Streaming streaming) {
  // At its own daemon a call that waits for this one lends its place.
  const Call* lender = call.outer;
  while (lender != nullptr && lender->tool.tool_set != call.tool.tool_set) {
    lender = lender->outer;
  }
  const auto client = routes_.find(call.tool.tool_set)->second.client;
  auto execution = client->execute(
      {.tool = call.tool.own_name,
       .arguments = arguments,
       .call_id = call.visit.request_id,
       .user = call.visit.principal->user,
       .deadline =
           std::chrono::ceil<std::chrono::milliseconds>(call.deadline - parts_.clock.steady_now()),
       .tool_sha256 = call.tool.digest,
       .traceparent = call.traceparent,
       .parent = lender == nullptr ? std::string_view() : lender->visit.request_id},
      streaming);
  // The client outlives its executions, though a change of the configuration may drop the route.
  return {execution.release(), [client](sandbox::Execution* ended) { delete ended; }};
}

/// What ends a call before its time: in 2026-07-28 the client's disconnect; in the revisions
/// before, where that is no cancellation, a notification, or the end of the window after it.
std::optional<RunningCalls::Registration> Gateway::let_cancel(const Visit& visit,
                                                              const AskedCall& asked,
                                                              CallChain& chain) {
  const std::weak_ptr<CallChain> weak = chain.weak_from_this();
  if (era_of(asked.revision) == mcp::Era::kModern) {
    visit.responder->on_disconnect([weak] {
      if (const auto running = weak.lock()) {
        running->cancel("client disconnected");
      }
    });
    return std::nullopt;
  }
  visit.responder->on_disconnect([weak, window = visit.snapshot->settings->resume_window] {
    if (const auto running = weak.lock()) {
      running->cancel_after(window, "resume window");
    }
  });
  const auto session = visit.request.header(kSessionHeader);
  if (!session) {
    return std::nullopt;
  }
  return parts_.running_calls.add(*session, asked.id, parts_.loop.get_executor(), [weak] {
    if (const auto running = weak.lock()) {
      running->cancel("cancelled by the client");
    }
  });
}

/// Runs a decided and recorded call to its end: its events go to the client, its questions are
/// answered. An error is kCancelled and nothing else.
Task<Expected<sandbox::Result>> Gateway::run(const Call& call,
                                             std::shared_ptr<sandbox::Execution> execution,
                                             EventForwarder* forwarder) {
  const CallChain::Link link = call.chain.add(execution);
  for (;;) {
    auto event = co_await execution->next();
    if (!event && event.error().code == ErrorCode::kCancelled) {
      co_return std::unexpected(std::move(event.error()));
    }
    if (!event) {
      log_warn("call {}: tool set {}: {}", call.visit.request_id, call.tool.tool_set,
               event.error().message);
      co_return unavailable_result(event.error(), execution->retry_after(), call.tool.tool_set);
    }
    if (auto* result = std::get_if<sandbox::Result>(&*event)) {
      co_return std::move(*result);
    }
    if (const auto* question = std::get_if<sandbox::Question>(&*event)) {
      std::string reply = co_await answer_question(call, *question);
      const auto given = co_await execution->reply(std::move(reply));
      if (!given && given.error().code != ErrorCode::kFailedPrecondition) {
        // What waits no longer tells next how it ended; another failure its deadline ends.
        log_warn("call {}: its question stays open: {}", call.visit.request_id,
                 given.error().message);
      }
    } else if (forwarder != nullptr) {
      co_await forwarder->forward(*event);
    }
  }
}

/// A sandbox::Reply. Another tool is called as a request of its own beneath that of the tool which
/// asks: with an id and records of its own, in the world as it is now.
Task<std::string> Gateway::answer_question(const Call& call, const sandbox::Question& question) {
  const auto refuse = [&](std::string_view why) {
    return sandbox::write_reply({.number = question.number, .error = why});
  };
  if (question.kind != sandbox::Question::Kind::kCallTool) {
    co_return refuse(fmt::format("{}: this gateway passes no questions on to its clients",
                                 sandbox::method_of(question.kind)));
  }
  Visit visit = call.visit;
  visit.snapshot = snapshot_;
  visit.started = parts_.clock.steady_now();
  visit.request_id = parts_.random.hex(kRequestIdBytes);
  audit::Record record = begin_record(visit);
  record.parent = call.visit.request_id;
  record.method = "tools/call";
  record.trace_id = trace_id_of(call.traceparent);
  const auto result = co_await call_inner(call, visit, question.params, record);
  record.duration = parts_.clock.steady_now() - visit.started;
  if (!co_await parts_.audit.append(record)) {
    co_return refuse("the call could not be recorded; its result is withheld");
  }
  if (!result) {
    co_return refuse(result.error().message);
  }
  std::string reply =
      sandbox::write_reply({.number = question.number, .result = result->call_tool_result()});
  if (reply.size() > sandbox::kReplyBytesMax) {
    co_return refuse(fmt::format("the result has {} bytes; a tool takes at most {}", reply.size(),
                                 sandbox::kReplyBytesMax));
  }
  co_return reply;
}

/// Decides, checks and runs a call that a tool makes, as call_tool() does for a client's. An error
/// is for the tool that made it; `record` learns it.
Task<Expected<sandbox::Result>> Gateway::call_inner(const Call& outer, const Visit& visit,
                                                    const std::string& params,
                                                    audit::Record& record) {
  const auto element = parser_.parse(params);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // The sandbox's client has checked it.
  mcp::CallTool call{.name = json::string_at(*object, "name").value_or(""), .arguments = {}};
  if (const auto arguments = json::find_member(*object, params, "arguments")) {
    call.arguments = arguments->value;
    call.arguments_json = arguments->raw;
  }
  const Tool* const named = visit.snapshot->catalogue->find_from(outer.tool.tool_set, call.name);
  const auto decided = decide(visit, call, named, record);
  if (!decided) {
    co_return fail(ErrorCode::kNotFound, "{}", decided.error().message);
  }
  const Tool& tool = **decided;
  record.status = audit::Status::kInvalid;
  if (const auto problem = check_arguments(tool, call, parser_)) {
    record.reason = "arguments";
    co_return error_result(*problem);
  }
  if (auto admitted = admit_inner(outer); !admitted) {
    record.reason = "inner calls";
    co_return std::unexpected(std::move(admitted.error()));
  }
  ++outer.chain.inner_calls;
  const Call running{.visit = visit,
                     .tool = tool,
                     .traceparent = outer.traceparent,
                     .deadline = outer.deadline,
                     .chain = outer.chain,
                     .outer = &outer};
  auto execution = prepare(running, call.arguments_json, sandbox::Streaming::kNo);
  record.status = audit::Status::kError;
  if (!co_await parts_.audit.append(record, audit::RecordType::kMcpCallStart)) {
    co_return fail(ErrorCode::kUnavailable, "the call could not be recorded; it did not run");
  }
  auto result = co_await run(running, std::move(execution), nullptr);
  if (!result) {
    record.status = audit::Status::kCancelled;
    record.reason = outer.chain.why_cancelled();
    co_return result;
  }
  co_return inner_result(tool, *std::move(result), parser_, record);
}

/// Whether the tool of `outer` may make one more call.
Expected<void> Gateway::admit_inner(const Call& outer) const {
  const Settings& settings = *outer.visit.snapshot->settings;
  std::size_t depth = 1;
  for (const Call* call = outer.outer; call != nullptr; call = call->outer) {
    ++depth;
  }
  if (depth > settings.inner_depth_max) {
    return fail(ErrorCode::kResourceExhausted,
                "calls of tools by tools are {} deep already, and may not be deeper",
                settings.inner_depth_max);
  }
  if (outer.chain.inner_calls >= settings.inner_calls_max) {
    return fail(ErrorCode::kResourceExhausted,
                "this call has made {} calls of tools already, and may not make more",
                settings.inner_calls_max);
  }
  if (outer.deadline <= parts_.clock.steady_now()) {
    return fail(ErrorCode::kDeadlineExceeded, "no time is left for another call");
  }
  return {};
}

audit::Record Gateway::begin_record(const Visit& visit) const {
  return {.timestamp = parts_.clock.wall_now(),
          .request_id = visit.request_id,
          .principal = visit.principal,
          .client_ip = std::string(visit.request.peer),
          .trace_id = std::string(trace_id_of(visit.request.header("traceparent").value_or("")))};
}

/// Writes the record of an answer that is about to leave; without it the answer stays.
Task<Answer> Gateway::recorded(const Visit& visit, audit::Record& record, std::string_view id,
                               Answer answer) {
  record.duration = parts_.clock.steady_now() - visit.started;
  if (!co_await parts_.audit.append(record)) {
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
