// What a call goes through once its message was read: decide → prepare → record → run; one that a
// tool makes goes the same way: answer_question → call_inner → run. A call that becomes a task is
// recorded and started, and watched from then on: start_task → watch → run.
//
// Views into the parsed document must not be used after the first record, since the loop's parser
// serves other requests then. Raw slices, such as `arguments_json`, are views into the connection's
// buffer and live on.

#include "gateway/call_runner.h"

#include <fmt/format.h>

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "base/trace.h"
#include "gateway/client_questions.h"
#include "gateway/item_call.h"
#include "gateway/listing.h"
#include "gateway/session.h"
#include "gateway/tasks.h"
#include "gateway/tool_search.h"
#include "gateway/upstream_call.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/modern.h"
#include "mcp/task.h"

namespace mcpgate::gateway {

namespace {

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

/// What the record says of a tool call whatever is decided.
void note_tool_call(const mcp::CallTool& call, const Tool* tool, audit::Record& record) {
  record.tool = tool == nullptr ? call.name : tool->name;
  record.arguments_sha256 = sha256(call.arguments_json);
}

/// Whether the headers that repeat arguments of a modern call agree with them.
mcp::RpcExpected<void> check_headers(const Visit& visit, const mcp::Message& message,
                                     const Tool& tool) {
  if (tool.param_headers.empty() || message.era() == mcp::Era::kLegacy) {
    return {};
  }
  for (const mcp::ParamHeader& header : tool.param_headers) {
    if (visit.request.header_count(header.header) > 1) {
      return mcp::rpc_fail(mcp::RpcCode::kHeaderMismatch, header.header + " is there twice", 400);
    }
  }
  const auto& arguments = std::get<mcp::CallTool>(message.operation).arguments;
  return mcp::check_param_headers(
      tool.param_headers, arguments ? json::as_object(*arguments) : std::nullopt,
      [&](std::string_view name) { return visit.request.header(name); });
}

/// What a tool's arguments are to the decision.
policy::Arguments arguments_of(const mcp::CallTool& call) {
  return {.these = call.arguments ? json::as_object(*call.arguments) : std::nullopt};
}

/// What is said of arguments that the policy refuses: which rule it was is for the record alone.
constexpr std::string_view kNotLikeThis = "You may use this, but not with these arguments.";

/// What a tool is told that calls another one, since only a client can get another token.
constexpr std::string_view kNotWithThisToken =
    "The caller's access token lacks a scope that this tool needs.";

/// What it is told whose client's token was not asked about, as calls of this tool need it.
constexpr std::string_view kNotConfirmed =
    "This tool is called by clients alone, or by tools of sets that introspect as it does.";

void note_refusal(const policy::RateRefusal& refusal, audit::Record& record) {
  record.status = audit::Status::kError;
  record.reason = refusal.reason;
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

/// One call on its way: the client's own, or one that a tool makes.
struct CallRunner::Call {
  /// Who asks, in which world, under which request id.
  const Visit& visit;
  const Item& item;
  std::string traceparent;
  SteadyTime deadline;
  CallChain& chain;
  /// Null: there is no client to be asked.
  ClientQuestions* questions = nullptr;
  /// On which the client's own call is answered; null: of another, or there is none.
  CallStream* stream = nullptr;
  /// The call whose tool made it; null: a client did.
  const Call* outer = nullptr;
  /// Of the question by which it made it, see Transcript; empty where a client did.
  std::string place = {};
};

/// A task whose call runs, without the request that started it.
struct CallRunner::Watched {
  Watched(const GatewayParts& parts, const Visit& started_by, const AskedCall& asked_for,
          const Tool& called, std::string_view arguments_json, policy::Admission admitted)
      : visit({.request = request,
               .client_ip = started_by.client_ip,
               .responder = nullptr,
               .snapshot = started_by.snapshot,
               .started = started_by.started,
               .request_id = started_by.request_id,
               .principal = started_by.principal,
               .is_confirmed = started_by.is_confirmed}),
        tool(called),
        asked(asked_for),
        arguments(arguments_json),
        input_responses(asked_for.input_responses),
        request_state(asked_for.request_state),
        ttl(visit.snapshot->settings->task_ttl),
        chain(std::make_shared<CallChain>(parts.loop)),
        questions({.parts = parts,
                   .visit = visit,
                   .asked = asked,
                   .item = tool,
                   .arguments = arguments,
                   .deadline = visit.started + ttl,
                   .chain = *chain,
                   .is_task = true}),
        admission(std::move(admitted)) {
    asked.stream = asked.asking_stream = nullptr;  // They end with their request.
    asked.input_responses = input_responses;
    asked.request_state = request_state;
  }

  http::Request request;
  Visit visit;
  /// Of the catalogue that `visit` keeps.
  const Tool& tool;
  AskedCall asked;
  std::string arguments;
  std::string input_responses;
  std::string request_state;
  std::chrono::milliseconds ttl;
  std::shared_ptr<CallChain> chain;
  /// What was answered before it became a task; what it asks now waits for `tasks/update`.
  ClientQuestions questions;
  policy::Admission admission;
  std::shared_ptr<sandbox::ToolSetClient> client;
  audit::Record record;
};

/// Where a tool set's calls go: to a sandbox, or to an upstream.
struct CallRunner::Route {
  http::Endpoint endpoint;
  std::shared_ptr<const sandbox::SigningKeys> keys;
  std::shared_ptr<sandbox::ToolSetClient> client;
  /// Null: to the sandbox.
  std::shared_ptr<Upstream> upstream = nullptr;
};

CallRunner::CallRunner(const GatewayParts& parts, json::Parser& parser)
    : parts_(parts), parser_(parser) {}

CallRunner::~CallRunner() = default;

void CallRunner::use(std::shared_ptr<const Snapshot> snapshot) {
  std::map<std::string, Route, std::less<>> routes;
  for (const ToolSetRoute& set : snapshot->settings->tool_sets) {
    const auto known = routes_.find(set.view.name);
    if (set.upstream) {
      const auto same = known != routes_.end() ? known->second.upstream : nullptr;
      const bool stays = same && same->options() == *set.upstream;
      routes.emplace(set.view.name,
                     Route{.upstream = stays ? same
                                             : std::make_shared<Upstream>(parts_.loop, set.upstream,
                                                                          parts_.clock)});
      continue;
    }
    if (known != routes_.end() && known->second.client && known->second.endpoint == set.endpoint) {
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
    if (std::string instance = snapshot->catalogue->instance_of(name);
        route.client && !instance.empty()) {
      route.client->expect_instance(std::move(instance));
    }
  }
  routes_ = std::move(routes);
  snapshot_ = std::move(snapshot);
}

/// One tool call: what, may they, with what, where, proof, run.
Task<Answer> CallRunner::call_tool(const Visit& visit, const mcp::Incoming& incoming,
                                   audit::Record& record, CallStream* stream) {
  const auto& call = std::get<mcp::CallTool>(incoming.message->operation);
  const AskedCall asked = asked_call(visit, incoming, record, stream);
  const Tool* const tool = visit.snapshot->catalogue->find(call.name);
  note_tool_call(call, tool, record);
  const Use use = may_use(visit, tool, arguments_of(call), record);
  if (use == Use::kHidden) {
    co_return error_answer(incoming.id, unknown_tool(call.name));
  }
  if (use == Use::kNeedsScopes) {
    co_return step_up_answer(visit, incoming.id, *tool);
  }
  if (use == Use::kNotLikeThis) {
    Answer answer = call_answer(asked, *tool, error_result(kNotLikeThis), parser_, record);
    record.status = audit::Status::kDenied;
    co_return answer;
  }
  if (tool->task_support == sandbox::TaskSupport::kRequired && !asked.takes_tasks) {
    record.status = audit::Status::kInvalid;
    record.reason = "no tasks";
    co_return error_answer(incoming.id, mcp::tasks_not_declared(asked.revision));
  }
  if (const auto agreed = check_headers(visit, *incoming.message, *tool); !agreed) {
    record.status = audit::Status::kInvalid;
    record.reason = "headers";
    co_return error_answer(incoming.id, agreed.error());
  }
  if (const auto problem = check_arguments(*tool, call, parser_)) {
    Answer answer = call_answer(asked, *tool, error_result(*problem), parser_, record);
    record.status = audit::Status::kInvalid;
    record.reason = "arguments";
    co_return answer;
  }
  if (const auto busy = turn_away(visit, *tool)) {
    Answer answer = call_answer(asked, *tool, *busy, parser_, record);
    record.reason = "calls in flight";
    co_return answer;
  }
  auto admission = admit(visit, *tool, record);
  if (awaits_lease(admission)) {
    admission = co_await admit_later(visit, *tool, std::move(admission.error()), record);
  }
  if (!admission) {
    co_return rate_answer(asked.id, admission.error());
  }
  // What asks first is no task before it was answered.
  const bool asks_now =
      tool->asks_first && asked.input_responses.empty() && asked.request_state.empty();
  if (tool->task_support != sandbox::TaskSupport::kForbidden && asked.takes_tasks && !asks_now) {
    co_return co_await start_task(visit, asked, *tool, call.arguments_json, *std::move(admission),
                                  record);
  }
  auto result = co_await run_asked(visit, asked, *tool, call.arguments_json, *admission, record);
  if (!result) {
    co_return std::move(result.error());
  }
  co_return call_answer(asked, *tool, *result, parser_, record);
}

Task<Answer> CallRunner::call_item(const Visit& visit, const mcp::Incoming& incoming,
                                   audit::Record& record, CallStream* stream) {
  const AskedCall asked = asked_call(visit, incoming, record, stream);
  const ItemOrder order = find_item(visit, *incoming.message, record.timestamp);
  record.arguments_sha256 = sha256(order.arguments);
  const Use use =
      may_use(visit, order.item, gateway::arguments_of(incoming.message->operation), record);
  if (use == Use::kNeedsScopes) {
    co_return step_up_answer(visit, asked.id, *order.item);
  }
  if (use != Use::kAllowed) {
    co_return error_answer(asked.id, use == Use::kHidden
                                         ? order.unknown
                                         : mcp::RpcError{.code = mcp::RpcCode::kInvalidParams,
                                                         .message = std::string(kNotLikeThis)});
  }
  const auto busy = turn_away(visit, *order.item);
  if (order.refusal || busy) {
    record.status = busy ? audit::Status::kError : audit::Status::kInvalid;
    record.reason = busy ? "calls in flight" : "arguments";
    auto refused =
        order.refusal ? std::unexpected(*order.refusal) : item_result(order, *busy, parser_);
    co_return error_answer(asked.id, refused.error());
  }
  if (order.arguments.empty()) {
    co_return result_answer(asked.id, empty_completion(order.revision));
  }
  auto admission = admit(visit, *order.item, record);
  if (awaits_lease(admission)) {
    admission = co_await admit_later(visit, *order.item, std::move(admission.error()), record);
  }
  if (!admission) {
    co_return rate_answer(asked.id, admission.error());
  }
  auto result = co_await run_asked(visit, asked, *order.item, order.arguments, *admission, record);
  if (!result) {
    co_return std::move(result.error());
  }
  note_end(*result, record);
  const auto given = item_result(order, *result, parser_);
  if (!given) {
    record.status = audit::Status::kError;
    co_return error_answer(asked.id, given.error());
  }
  co_return result_answer(asked.id, *given);
}

AskedCall CallRunner::asked_call(const Visit& visit, const mcp::Incoming& incoming,
                                 audit::Record& record, CallStream* stream) const {
  const mcp::Message& message = *incoming.message;
  auto log_level = message.log_level;
  if (const auto session = visit.request.header(kSessionHeader);
      session && message.era() == mcp::Era::kLegacy) {
    log_level = parts_.sessions.log_level_of(*session);
  }
  const bool modern = message.era() == mcp::Era::kModern;
  const bool reports = stream != nullptr && (!message.progress_token.empty() || log_level);
  return {.id = std::string(incoming.id),
          .revision = message.revision,
          .progress_token = std::string(message.progress_token),
          .log_level = log_level,
          .traceparent = use_traceparent(visit.request, message, record),
          .stream = reports ? stream : nullptr,
          .may_ask = !std::holds_alternative<mcp::Complete>(message.operation),
          .client = modern ? message.client : visit.client,
          .asking_stream = stream,
          .session = visit.request.header(kSessionHeader).value_or(""),
          .input_responses = message.input_responses,
          .request_state = message.request_state,
          .takes_tasks = message.takes_tasks};
}

/// The result of a call for which there is no room.
std::optional<sandbox::Result> CallRunner::turn_away(const Visit& visit, const Item& item) const {
  if (calls_in_flight_ < visit.snapshot->settings->calls_in_flight_max) {
    return std::nullopt;
  }
  return unavailable_result({ErrorCode::kResourceExhausted, ""}, {}, item.tool_set);
}

/// Counts a call that was decided, where a rate is about it.
CallRunner::Admitted CallRunner::admit(const Visit& visit, const Item& item,
                                       audit::Record& record) const {
  auto admission =
      visit.snapshot->settings->rates.admit(*visit.principal, item.action(), record.timestamp);
  if (!admission && !awaits_lease(admission)) {
    note_refusal(admission.error(), record);
  }
  return admission;
}

/// The same once there is what `refusal` waits for, or it was waited for as long as a call may.
/// Others use the loop's parser meanwhile.
Task<CallRunner::Admitted> CallRunner::admit_later(const Visit& visit, const Item& item,
                                                   policy::RateRefusal refusal,
                                                   audit::Record& record) {
  const InFlight in_flight(calls_in_flight_);
  const Settings& settings = *visit.snapshot->settings;
  const SteadyTime deadline = std::chrono::steady_clock::now() + settings.rate_lease_patience;
  for (;;) {
    const auto arrived = std::make_shared<asio::steady_timer>(parts_.loop, deadline);
    refusal.await([weak = std::weak_ptr(arrived), executor = parts_.loop.get_executor()] {
      asio::post(executor, [weak] {
        if (const auto timer = weak.lock()) {
          timer->cancel();
        }
      });
    });
    (void)co_await arrived->async_wait(kAwait);
    const bool is_late = std::chrono::steady_clock::now() >= deadline;
    auto admission =
        settings.rates.admit(*visit.principal, item.action(), parts_.clock.wall_now(),
                             is_late ? policy::Patience::kNone : policy::Patience::kWaits);
    if (!awaits_lease(admission)) {
      if (!admission) {
        note_refusal(admission.error(), record);
      }
      co_return admission;
    }
    refusal = std::move(admission.error());
  }
}

/// Counts what an admitted call has used. Of one that was cancelled nobody says: its time counts.
void CallRunner::charge(const policy::Admission& admission, const Visit& visit,
                        const Expected<sandbox::Result>& result) const {
  if (!admission.is_counted()) {
    return;
  }
  policy::RateCost cost;
  if (result) {
    cost = {.cpu = std::chrono::milliseconds(result->usage.cpu_ms),
            .bytes = result->call_tool_result().size()};
  } else {
    cost.cpu =
        std::chrono::ceil<std::chrono::milliseconds>(parts_.clock.steady_now() - visit.started);
  }
  admission.charge(cost, parts_.clock.wall_now());
}

/// Records and runs a client's call that was decided. An error is the answer of one without result:
/// it was not recorded, or nobody waits for it any more.
Task<std::expected<sandbox::Result, Answer>> CallRunner::run_asked(
    const Visit& visit, const AskedCall& asked, const Item& item, std::string_view arguments,
    const policy::Admission& admission, audit::Record& record) {
  const InFlight in_flight(calls_in_flight_);
  const auto chain = std::make_shared<CallChain>(parts_.loop);
  const auto deadline = parts_.clock.steady_now() + visit.snapshot->settings->call_timeout;
  ClientQuestions questions({.parts = parts_,
                             .visit = visit,
                             .asked = asked,
                             .item = item,
                             .arguments = arguments,
                             .deadline = deadline,
                             .chain = *chain});
  if (auto resumed = questions.resume(); !resumed) {
    record.status = audit::Status::kInvalid;
    record.reason = "request state";
    co_return std::unexpected(error_answer(asked.id, resumed.error()));
  }
  const Call running{.visit = visit,
                     .item = item,
                     .traceparent = asked.traceparent,
                     .deadline = deadline,
                     .chain = *chain,
                     .questions = &questions,
                     .stream = asked.asking_stream};
  auto execution = prepare(running, arguments,
                           asked.stream ? sandbox::Streaming::kYes : sandbox::Streaming::kNo);
  const auto registration = let_cancel(visit, asked, *chain);
  if (!co_await parts_.audit.append(record, audit::RecordType::kMcpCallStart)) {
    record.status = audit::Status::kError;
    co_return std::unexpected(unrecorded_answer(asked.id));
  }
  EventForwarder forwarder(asked, parser_);
  auto result = co_await run(running, std::move(execution), &forwarder);
  charge(admission, visit, result);
  if (!result && questions.has_paused()) {
    record.status = audit::Status::kSuccess;
    record.reason = chain->why_cancelled();
    co_return std::unexpected(questions.answer());
  }
  if (result && result->is_error && !questions.missing().empty()) {
    // The tool could not take another path than to ask.
    record.status = audit::Status::kInvalid;
    record.reason = "client capability";
    co_return std::unexpected(
        error_answer(asked.id, mcp::modern::missing_capability(questions.missing())));
  }
  if (!result) {
    record.status = audit::Status::kCancelled;
    record.reason = chain->why_cancelled();
    // Nobody waits for a cancelled call (basic/cancellation).
    co_return std::unexpected(Answer{.status = 202});
  }
  co_return *std::move(result);
}

/// Starts a call that was decided and returns when it is on its sandbox's volume.
Task<Answer> CallRunner::start_task(const Visit& visit, const AskedCall& asked, const Tool& tool,
                                    std::string_view arguments, policy::Admission admission,
                                    audit::Record& record) {
  const auto gone = std::make_shared<bool>(false);
  visit.responder->on_disconnect([gone] { *gone = true; });
  auto watched =
      std::make_unique<Watched>(parts_, visit, asked, tool, arguments, std::move(admission));
  watched->client = routes_.find(tool.tool_set)->second.client;
  if (const auto resumed = watched->questions.resume(); !resumed) {
    record.status = audit::Status::kInvalid;
    record.reason = "request state";
    co_return error_answer(asked.id, resumed.error());
  }
  auto request = request_of({.visit = visit,
                             .item = tool,
                             .traceparent = asked.traceparent,
                             .deadline = parts_.clock.steady_now() + watched->ttl,
                             .chain = *watched->chain},
                            arguments);
  request.ttl = watched->ttl;
  if (!co_await parts_.audit.append(record, audit::RecordType::kMcpCallStart)) {
    record.status = audit::Status::kError;
    co_return unrecorded_answer(asked.id);
  }
  const auto client = watched->client;
  const auto kept = co_await client->start_detached(request);
  if (!kept || *gone) {  // Nobody would ever ask for it.
    (void)co_await client->cancel(visit.request_id);
  }
  if (!kept) {
    log_warn("call {}: tool set {}: {}", visit.request_id, tool.tool_set, kept.error().message);
    co_return call_answer(asked, tool, unavailable_result(kept.error(), {}, tool.tool_set), parser_,
                          record);
  }
  if (*gone) {
    record.status = audit::Status::kCancelled;
    record.reason = "client disconnected";
    co_return Answer{.status = 202};
  }
  const Item& item = tool;
  const TaskId id{.item = item,
                  .call_id = visit.request_id,
                  .created = parts_.clock.wall_now(),
                  .ttl = *kept,
                  .client = asked.client};
  watched->record = record;
  asio::co_spawn(parts_.loop, watch(std::move(watched)), asio::detached);
  co_return result_answer(asked.id, mcp::create_task_result(new_task(parts_, visit, id)));
}

/// Follows the call of a task to its end, for what its tool asks meanwhile, and records how it
/// ended. Whoever polls for it depends on none of this.
Task<void> CallRunner::watch(std::unique_ptr<Watched> watched) {
  const Call call{.visit = watched->visit,
                  .item = watched->tool,
                  .traceparent = watched->asked.traceparent,
                  .deadline = watched->visit.started + watched->ttl,
                  .chain = *watched->chain,
                  .questions = &watched->questions};
  const auto client = watched->client;
  const std::string id = watched->visit.request_id;
  auto result = co_await run(call, client->follow(id, 0, watched->ttl), nullptr);
  charge(watched->admission, watched->visit, result);
  if (!result) {
    co_return;  // Cancelled: nobody does that to it.
  }
  audit::Record& record = watched->record;
  (void)inner_result(watched->tool, *std::move(result), parser_, record);
  if (const auto state = co_await client->detached_state(id); state && state->is_cancelled) {
    record.status = audit::Status::kCancelled;
  }
  record.timestamp = parts_.clock.wall_now();
  record.duration = parts_.clock.steady_now() - watched->visit.started;
  (void)co_await parts_.audit.append(record, audit::RecordType::kMcpCallEnd);
}

Task<Answer> CallRunner::ask_task(const Visit& visit, const mcp::Incoming& incoming,
                                  audit::Record& record) {
  const mcp::AskTask asked = std::get<mcp::AskTask>(incoming.message->operation);
  const std::string request_id(incoming.id);
  const std::string token(asked.id);
  const std::string responses(incoming.message->input_responses);
  const auto task = open_task(parts_, visit, token);
  const auto route = task ? routes_.find(task->item.tool_set) : routes_.end();
  // A tool set may have become an upstream meanwhile, which knows no task of ours.
  const bool is_kept = route != routes_.end() && route->second.client;
  const Item* const item = task && is_kept ? &task->item : nullptr;
  // It was decided with its arguments when it began; now, whether its tool is still open at all.
  const Use use = may_use(visit, item, {.any = true}, record);
  if (item != nullptr && use == Use::kNeedsScopes) {
    co_return step_up_answer(visit, request_id, *item);
  }
  if (use != Use::kAllowed || !task) {
    co_return error_answer(request_id, unknown_task());
  }
  const auto client = route->second.client;
  Expected<std::string> result = mcp::task_acknowledgement();
  if (asked.what == mcp::AskTask::What::kGet) {
    result = co_await get_task(
        {.visit = visit, .client = *client, .parser = parser_, .clock = parts_.clock}, *task, token,
        record);
  } else if (asked.what == mcp::AskTask::What::kUpdate) {
    const auto updated = co_await update_task(
        {.visit = visit, .client = *client, .parser = parser_, .clock = parts_.clock}, *task,
        responses);
    if (!updated) {
      result = std::unexpected(updated.error());
    }
  } else if (asked.what == mcp::AskTask::What::kCancel) {
    const auto cancelled = co_await client->cancel(task->call_id);
    if (!cancelled && cancelled.error().code != ErrorCode::kNotFound) {
      result = std::unexpected(cancelled.error());
    }
  }
  if (!result) {
    record.status = audit::Status::kError;
    record.reason = to_string(sandbox::Reason::kSandboxUnavailable);
    log_warn("task of call {}: tool set {}: {}", task->call_id, task->item.tool_set,
             result.error().message);
    co_return error_answer(request_id, task_unavailable());
  }
  co_return result_answer(request_id, *result);
}

sandbox::ExecuteRequest CallRunner::request_of(const Call& call, std::string_view arguments) const {
  return {.tool = call.item.own_name,
          .arguments = arguments,
          .kind = call.item.kind,
          .call_id = call.visit.request_id,
          .user = call.visit.principal->user,
          .issuer = call.visit.principal->issuer,
          .subject = call.visit.principal->subject,
          .deadline = std::chrono::ceil<std::chrono::milliseconds>(call.deadline -
                                                                   parts_.clock.steady_now()),
          .tool_sha256 = call.item.digest,
          .traceparent = call.traceparent};
}

/// Sends nothing yet. Views are needed until this returns.
std::shared_ptr<sandbox::Execution> CallRunner::prepare(const Call& call,
                                                        std::string_view arguments,
                                                        sandbox::Streaming streaming) {
  if (&call.item == &search_tool()) {
    return std::make_shared<SearchExecution>(call.visit, parts_.clock.wall_now(), arguments);
  }
  // At its own daemon a call that waits for this one lends its place.
  const Call* lender = call.outer;
  while (lender != nullptr && lender->item.tool_set != call.item.tool_set) {
    lender = lender->outer;
  }
  sandbox::ExecuteRequest request = request_of(call, arguments);
  request.parent = lender == nullptr ? std::string_view() : lender->visit.request_id;
  const Route& route = routes_.find(call.item.tool_set)->second;
  if (route.upstream) {
    const auto headers = call.item.kind == sandbox::ItemKind::kTool
                             ? std::span(static_cast<const Tool&>(call.item).param_headers)
                             : std::span<const mcp::ParamHeader>();
    return std::make_shared<UpstreamExecution>(
        route.upstream,
        UpstreamCall{.request = request, .param_headers = headers, .streaming = streaming});
  }
  const auto client = route.client;
  auto execution = client->execute(request, streaming);
  // The client outlives its executions, though a change of the configuration may drop the route.
  return {execution.release(), [client](sandbox::Execution* ended) { delete ended; }};
}

/// What ends a call before its time: in 2026-07-28 the client's disconnect; in the revisions
/// before, where that is no cancellation, a notification, or the end of the window after it, unless
/// it has come back by then.
std::optional<RunningCalls::Registration> CallRunner::let_cancel(const Visit& visit,
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
  const auto presence = [weak, window = visit.snapshot->settings->resume_window](bool is_here) {
    const auto running = weak.lock();
    if (running && is_here) {
      running->stay();
    } else if (running) {
      running->cancel_after(window, "resume window");
    }
  };
  if (asked.asking_stream != nullptr) {
    asked.asking_stream->follow_client(presence);
  } else {
    visit.responder->on_disconnect([presence] { presence(false); });
  }
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
Task<Expected<sandbox::Result>> CallRunner::run(const Call& call,
                                                std::shared_ptr<sandbox::Execution> execution,
                                                EventForwarder* forwarder) {
  const CallChain::Link link = call.chain.add(execution);
  for (;;) {
    auto event = co_await execution->next();
    if (!event && event.error().code == ErrorCode::kCancelled) {
      co_return std::unexpected(std::move(event.error()));
    }
    if (!event) {
      log_warn("call {}: tool set {}: {}", call.visit.request_id, call.item.tool_set,
               event.error().message);
      co_return unavailable_result(event.error(), execution->retry_after(), call.item.tool_set);
    }
    if (auto* result = std::get_if<sandbox::Result>(&*event)) {
      co_return std::move(*result);
    }
    if (const auto* question = std::get_if<sandbox::Question>(&*event)) {
      auto reply = co_await answer_question(call, *question);
      if (!reply) {
        co_return std::unexpected(std::move(reply.error()));
      }
      if (reply->empty()) {
        continue;  // Somebody else answers it.
      }
      const auto given = co_await execution->reply(*std::move(reply));
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

/// A sandbox::Reply; empty where the question is left to others; or kCancelled, where the call is
/// over.
Task<Expected<std::string>> CallRunner::answer_question(const Call& call,
                                                        const sandbox::Question& question) {
  const auto refuse = [&](std::string_view why) {
    return sandbox::write_reply({.number = question.number, .error = why});
  };
  const std::string place = fmt::format("{}{}", call.place, question.number);
  Expected<std::string> result = fail(ErrorCode::kFailedPrecondition, "Nobody can be asked.");
  if (question.kind == sandbox::Question::Kind::kCallTool) {
    result = co_await call_other(call, place, question);
  } else if (question.kind == sandbox::Question::Kind::kCloseStream) {
    const bool is_closed = call.stream != nullptr && co_await call.stream->close();
    result = fmt::format(R"({{"closed":{}}})", is_closed);
  } else if (call.questions != nullptr) {
    result = co_await call.questions->ask(place, question.params);
  }
  if (!result && result.error().code == ErrorCode::kCancelled) {
    co_return result;
  }
  if (!result) {
    co_return refuse(result.error().message);
  }
  if (result->empty()) {
    co_return result;
  }
  std::string reply = sandbox::write_reply({.number = question.number, .result = *result});
  if (reply.size() > sandbox::kReplyBytesMax) {
    co_return refuse(fmt::format("the result has {} bytes; a tool takes at most {}", reply.size(),
                                 sandbox::kReplyBytesMax));
  }
  co_return reply;
}

/// Another tool's CallToolResult. It is called as a request of its own beneath that of the tool
/// which asks: with an id and records of its own, in the world as it is now; but not again where an
/// earlier request of the client got its result. An error is as answer_question() has it.
Task<Expected<std::string>> CallRunner::call_other(const Call& call, const std::string& place,
                                                   const sandbox::Question& question) {
  if (call.questions != nullptr) {
    const auto earlier = call.questions->earlier(place, question.params);
    if (!earlier) {
      co_return std::unexpected(earlier.error());
    }
    if (*earlier != nullptr) {
      co_return **earlier;
    }
  }
  Visit visit = call.visit;
  visit.snapshot = snapshot_;
  visit.started = parts_.clock.steady_now();
  visit.request_id = new_request_id(parts_.random);
  audit::Record record = begin_record(visit, parts_.clock);
  record.parent = call.visit.request_id;
  record.method = "tools/call";
  record.trace_id = trace_id_of(call.traceparent);
  const auto result = co_await call_inner(call, visit, question, record);
  record.duration = parts_.clock.steady_now() - visit.started;
  if (!co_await parts_.audit.append(record)) {
    co_return fail(ErrorCode::kUnavailable,
                   "the call could not be recorded; its result is withheld");
  }
  if (!result) {
    co_return std::unexpected(result.error());
  }
  if (call.questions != nullptr) {
    call.questions->note(place, question.params, result->call_tool_result());
  }
  co_return std::string(result->call_tool_result());
}

/// Decides, checks and runs a call that a tool makes, as call_tool() does for a client's. An error
/// is for the tool that made it; `record` learns it.
Task<Expected<sandbox::Result>> CallRunner::call_inner(const Call& outer, const Visit& visit,
                                                       const sandbox::Question& question,
                                                       audit::Record& record) {
  const std::string& params = question.params;
  const auto element = parser_.parse(params);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // The sandbox's client has checked it.
  mcp::CallTool call{.name = json::string_at(*object, "name").value_or(""), .arguments = {}};
  if (const auto arguments = json::find_member(*object, params, "arguments")) {
    call.arguments = arguments->value;
    call.arguments_json = arguments->raw;
  }
  const Tool* const named = visit.snapshot->catalogue->find_from(outer.item.tool_set, call.name);
  note_tool_call(call, named, record);
  const Use use = may_use(visit, named, arguments_of(call), record);
  if (use == Use::kHidden) {
    co_return fail(ErrorCode::kNotFound, "{}", unknown_tool(call.name).message);
  }
  if (use == Use::kNotLikeThis || use == Use::kNeedsScopes) {
    co_return error_result(use == Use::kNotLikeThis ? kNotLikeThis : kNotWithThisToken);
  }
  const Tool& tool = *named;
  if (needs_confirmation(visit, tool, record.timestamp)) {
    record.status = audit::Status::kDenied;
    record.reason = "not_asked";
    co_return error_result(kNotConfirmed);
  }
  record.status = audit::Status::kInvalid;
  if (const auto problem = check_arguments(tool, call, parser_)) {
    record.reason = "arguments";
    co_return error_result(*problem);
  }
  if (auto admitted = admit_inner(outer); !admitted) {
    record.reason = "inner calls";
    co_return std::unexpected(std::move(admitted.error()));
  }
  auto admission = admit(visit, tool, record);
  if (awaits_lease(admission)) {
    admission = co_await admit_later(visit, tool, std::move(admission.error()), record);
  }
  if (!admission) {
    co_return fail(ErrorCode::kResourceExhausted, "{}", rate_message(admission.error()));
  }
  ++outer.chain.inner_calls;
  const Call running{.visit = visit,
                     .item = tool,
                     .traceparent = outer.traceparent,
                     .deadline = outer.deadline,
                     .chain = outer.chain,
                     .questions = outer.questions,
                     .outer = &outer,
                     .place = fmt::format("{}{}.", outer.place, question.number)};
  auto execution = prepare(running, call.arguments_json, sandbox::Streaming::kNo);
  record.status = audit::Status::kError;
  if (!co_await parts_.audit.append(record, audit::RecordType::kMcpCallStart)) {
    co_return fail(ErrorCode::kUnavailable, "the call could not be recorded; it did not run");
  }
  auto result = co_await run(running, std::move(execution), nullptr);
  charge(*admission, visit, result);
  if (!result) {
    record.status = audit::Status::kCancelled;
    record.reason = outer.chain.why_cancelled();
    co_return result;
  }
  co_return inner_result(tool, *std::move(result), parser_, record);
}

/// Whether the tool of `outer` may make one more call.
Expected<void> CallRunner::admit_inner(const Call& outer) const {
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

}  // namespace mcpgate::gateway
