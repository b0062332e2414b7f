#include "sandboxd/execute_api.h"

#include <algorithm>
#include <charconv>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/digest.h"
#include "sandbox/signature.h"
#include "sandboxd/event_lines.h"
#include "sandboxd/responses.h"

namespace mcpgate::sandboxd {

namespace {

/// Progress and log events that wait for a slow reader; what comes on top is dropped and counted.
constexpr std::size_t kEventsPendingBytesMax = std::size_t{1} << 20;
constexpr std::string_view kExecutePath = "/execute";
constexpr std::string_view kExecuteIdPrefix = "/execute/";
constexpr std::string_view kReplySuffix = "/reply";

bool accepts(const http::Request& request, std::string_view type) {
  return request.header("Accept").value_or("").find(type) != std::string_view::npos;
}

CallQueue::Bounds bounds_of(const Limits& limits) {
  return {.in_flight_max = limits.in_flight, .waiting_max = limits.queue};
}

CallQueue::Entrant entrant_of(const ToolOrder& order, bool borrows) {
  CallQueue::Entrant entrant{
      .call_id = order.call_id, .deadline = order.deadline, .borrows = borrows};
  if (order.target.tool->has_own_bounds) {
    entrant.tool = order.tool;
    entrant.tool_bounds = bounds_of(order.target.tool->limits);
    if (entrant.tool_bounds.in_flight_max == 0) {
      entrant.tool_bounds.in_flight_max = order.target.version->limits.in_flight;
    }
  }
  return entrant;
}

/// Of a call that was accepted, and then could not start.
ToolAnswer not_started() {
  return ended_answer(sandbox::Reason::kSandboxUnavailable,
                      "The sandbox could not start the call; nothing ran.");
}

/// Also of a call that was, or that is not detached: who does not know it learns nothing.
Error no_such_call() {
  return {ErrorCode::kNotFound, "no such call"};
}

/// `from=N` of a query, 0 where there is none; nothing for another query.
std::optional<std::uint64_t> from_of(std::string_view query) {
  constexpr std::string_view kFrom = "from=";
  std::uint64_t from = 0;
  if (query.empty()) {
    return from;
  }
  if (!query.starts_with(kFrom)) {
    return std::nullopt;
  }
  query.remove_prefix(kFrom.size());
  const auto [stop, error] = std::from_chars(query.data(), query.data() + query.size(), from);
  return error == std::errc{} && stop == query.data() + query.size() ? std::optional(from)
                                                                     : std::nullopt;
}

}  // namespace

/// What a call says, on its way to the gateway that waits for it. The stream begins with the first
/// event: a call that says nothing is answered plainly. Lives on the handler's frame, which waits
/// for the coroutine that sends.
struct ExecuteApi::Stream final : EventLines {
  Stream(ExecuteApi& execute_api, const ToolOrder& order, http::Responder& http_responder)
      : EventLines(order.progress_wanted, order.may_ask),
        api(execute_api),
        id(order.call_id),
        responder(http_responder),
        idle(api.loop_, SteadyTime::max()) {}

  bool take_event(std::string_view line) override {
    if (pending.size() + line.size() > kEventsPendingBytesMax) {
      return false;
    }
    add(line);
    return true;
  }
  void take_question(std::string_view line) override {
    api.active_.find(id)->second.asking = true;
    add(line);
  }
  void count_dropped() override { api.metrics_.count_dropped_event(); }

  void add(std::string_view line) {
    pending += line;
    if (!sending) {
      sending = true;
      asio::co_spawn(api.loop_, send(*this), asio::detached);
    }
  }

  static Task<void> send(Stream& self) {
    Expected<void> sent = {};
    if (!std::exchange(self.begun, true)) {
      sent = co_await self.responder.begin(200, {{"Content-Type", "application/x-ndjson"}});
    }
    while (sent && !self.pending.empty()) {
      const std::string lines = std::exchange(self.pending, {});
      sent = co_await self.responder.write(lines);
    }
    if (!sent) {
      self.lost = true;
      self.pending.clear();
      self.api.cancel(self.id);  // Nobody reads any more.
    }
    self.sending = false;
    self.idle.cancel();
  }

  /// Until all that was said is sent, or nobody reads it.
  Task<void> drained() {
    while (sending) {
      co_await idle.async_wait(kAwait);
    }
  }

  ExecuteApi& api;
  std::string id;
  http::Responder& responder;
  asio::steady_timer idle;
  std::string pending;
  bool begun = false;
  bool sending = false;
  bool lost = false;
};

/// What a detached call says, on its way to whoever asks for it.
struct ExecuteApi::Record final : EventLines {
  Record(ExecuteApi& execute_api, const ToolOrder& order, std::shared_ptr<CallLog> call_log)
      : EventLines(order.progress_wanted, order.may_ask),
        api(execute_api),
        id(order.call_id),
        bytes_max(order.target.tool->limits.output_bytes),
        log(std::move(call_log)) {}

  bool take_event(std::string_view line) override {
    if (log->lines().size() + line.size() > bytes_max) {
      return false;
    }
    log->add(line);
    return true;
  }
  void take_question(std::string_view line) override {
    api.active_.find(id)->second.asking = true;
    api.detached_.touch(id);
    log->add(line);
  }
  void count_dropped() override { api.metrics_.count_dropped_event(); }

  ExecuteApi& api;
  std::string id;
  std::size_t bytes_max;
  std::shared_ptr<CallLog> log;
};

ExecuteApi::ExecuteApi(const World& world)
    : loop_(world.loop),
      catalogue_(world.catalogue),
      queue_(world.queue),
      detached_(world.detached),
      metrics_(world.metrics),
      clock_(world.clock),
      parser_(kRequestBodyBytesMax),
      detached_ended_(world.loop) {}

bool ExecuteApi::serves(std::string_view path) {
  return path == kExecutePath || path.starts_with(kExecuteIdPrefix);
}

Task<void> ExecuteApi::handle(const http::Request& request, http::Responder& responder) {
  const bool post = request.method == "POST";
  if (request.path == kExecutePath) {
    if (post) {
      co_await execute(request, responder);
      co_return;
    }
    metrics_.count_turned_away(405);
    responder.send(error_response(405, "method not allowed here"));
    co_return;
  }
  std::string_view id = request.path.substr(kExecuteIdPrefix.size());
  if (request.method == "DELETE") {
    responder.send(cancel_by_request(id));
  } else if (request.method == "GET") {
    co_await tell(std::string(id), request, responder);
  } else if (post && id.ends_with(kReplySuffix)) {
    id.remove_suffix(kReplySuffix.size());
    responder.send(reply_by_request(id, request));
  } else {
    metrics_.count_turned_away(404);
    responder.send(error_response(404, "no such path"));
  }
}

http::Response ExecuteApi::turn_away(const Error& error) {
  http::Response response = turned_away_response(error);
  metrics_.count_turned_away(response.status);
  return response;
}

http::Response ExecuteApi::cancel_by_request(std::string_view id) {
  if (!active_.contains(id) && !detached_.find(id)) {
    return turn_away(no_such_call());
  }
  detached_.set_cancelled(id);
  cancel(id);  // One that has ended is over, as was asked for.
  return done_response();
}

http::Response ExecuteApi::reply_by_request(std::string_view id, const http::Request& request) {
  const auto reply = sandbox::parse_reply(request.body, parser_);
  if (!reply) {
    return turn_away(reply.error());
  }
  const auto found = active_.find(id);
  if (found == active_.end()) {
    return turn_away(no_such_call());
  }
  // The child gets the bytes as they came: they were checked, and are one object.
  if (auto given = found->second.version->zygote->reply(id, reply->number, request.body); !given) {
    return turn_away(given.error());
  }
  found->second.asking = false;
  detached_.touch(id);
  return done_response();
}

void ExecuteApi::cancel(std::string_view call_id) {
  const auto found = active_.find(call_id);
  if (found == active_.end()) {
    return;
  }
  found->second.cancelled = true;
  queue_.cancel(call_id);
  found->second.version->cancel(call_id);
}

Expected<ToolOrder> ExecuteApi::read_order(const http::Request& request) {
  const sandbox::ExecuteRequest wanted = TRY(sandbox::parse_execute_request(request.body, parser_));
  if (wanted.call_id != request.header(sandbox::kCallHeader).value_or("")) {
    return fail(ErrorCode::kInvalidArgument, "call.id: not the one that was signed");
  }
  if (active_.contains(wanted.call_id)) {
    return fail(ErrorCode::kAlreadyExists, "call.id: in flight already");
  }
  if (draining_) {
    return fail(ErrorCode::kUnavailable, "the daemon is shutting down");
  }
  Catalogue::Found target = TRY(catalogue_.find(wanted.kind, wanted.tool, wanted.tool_sha256));
  const bool is_users_own = target.tool->has_workspace || target.version->servers != nullptr;
  if (is_users_own && (wanted.issuer.empty() || wanted.subject.empty())) {
    return fail(ErrorCode::kInvalidArgument,
                "call.iss, call.sub: whose workspace or server process is it?");
  }
  const SteadyTime now = clock_.steady_now();
  // What a detached call says is kept for whoever comes.
  const bool detached = wanted.ttl.count() > 0;
  const bool streams = detached || accepts(request, "application/x-ndjson");
  return ToolOrder{
      .target = std::move(target),
      .kind = wanted.kind,
      .tool = std::string(wanted.tool),
      .arguments = std::string(wanted.arguments),
      .call_id = std::string(wanted.call_id),
      .user = std::string(wanted.user),
      .issuer = std::string(wanted.issuer),
      .subject = std::string(wanted.subject),
      .traceparent = std::string(wanted.traceparent),
      .arrived = now,
      .deadline = now + wanted.deadline,
      .progress_wanted = detached || (streams && !accepts(request, "application/json")),
      .may_ask = streams,
      .parent = std::string(wanted.parent),
      .ttl = wanted.ttl};
}

Task<void> ExecuteApi::execute(const http::Request& request, http::Responder& responder) {
  auto order = read_order(request);
  if (!order) {
    responder.send(turn_away(order.error()));
    co_return;
  }
  const std::string id = order->call_id;
  active_.emplace(id, ActiveCall{.version = order->target.version.get(), .parent = order->parent});
  if (order->ttl.count() > 0) {
    co_await detach(*std::move(order), responder);
    co_return;
  }
  responder.on_disconnect([this, id] { cancel(id); });
  co_await answer(*std::move(order), responder);
  end_active(id);
}

/// What it waited for has nobody to answer any more.
void ExecuteApi::end_active(const std::string& id) {
  active_.erase(id);
  for (const auto& [inner, call] : active_) {
    if (call.parent == id) {
      cancel(inner);
    }
  }
}

bool ExecuteApi::borrow_place(const ToolOrder& order) {
  const auto parent = order.parent.empty() ? active_.end() : active_.find(order.parent);
  if (parent == active_.end() || !parent->second.asking || parent->second.lends) {
    return false;
  }
  parent->second.lends = true;
  return true;
}

Task<Expected<ToolAnswer>> ExecuteApi::run(ToolOrder order, EventSink& sink) {
  const bool borrows = borrow_place(order);
  const std::string lender = borrows ? order.parent : "";
  auto answer = co_await run_in_turn(std::move(order), borrows, sink);
  if (const auto call = active_.find(lender); call != active_.end()) {
    call->second.lends = false;
  }
  co_return answer;
}

Task<Expected<ToolAnswer>> ExecuteApi::run_in_turn(ToolOrder order, bool borrows, EventSink& sink) {
  queue_.set_bounds(bounds_of(order.target.version->limits));
  auto place = co_await queue_.enter(entrant_of(order, borrows));
  if (!place && place.error().code == ErrorCode::kResourceExhausted) {
    co_return std::unexpected(place.error());
  }
  if (!place && place.error().code == ErrorCode::kDeadlineExceeded) {
    co_return ended_answer(
        sandbox::Reason::kTimeout,
        "The sandbox was busy until the deadline; nothing ran. Try again later.");
  }
  Expected<void> entered = {};
  if (place && order.target.tool->has_workspace) {
    entered = co_await enter_workspace(order);
  }
  if (!entered && entered.error().code == ErrorCode::kResourceExhausted) {
    co_return ended_answer(sandbox::Reason::kSandboxUnavailable, entered.error().message);
  }
  if (!entered) {
    co_return std::unexpected(std::move(entered.error()));
  }
  if (!place || active_.find(order.call_id)->second.cancelled) {
    co_return ended_answer(sandbox::Reason::kKilled, "The call was cancelled before it ran.");
  }
  using Held = std::pair<CallQueue::Place, std::shared_ptr<Version>>;
  const auto held = std::make_shared<Held>(*std::move(place), order.target.version);
  order.until_reaped = held;
  auto answer = co_await run_tool(std::move(order), sink);
  held->first.set_ending();
  co_return answer;
}

Task<void> ExecuteApi::answer(ToolOrder order, http::Responder& responder) {
  const SteadyTime arrived = order.arrived;
  const std::shared_ptr<Version> version = order.target.version;
  Stream stream(*this, order, responder);
  auto answer = co_await run(std::move(order), stream);
  if (!answer && !stream.begun) {
    responder.send(turn_away(answer.error()));
    co_return;
  }
  if (!answer) {  // The head is sent: what could not start is told as a result.
    answer = not_started();
  }
  count_end(*answer, arrived);
  const auto write = [&](sandbox::AnswerForm form) {
    return sandbox::write_answer(form, answer->call_tool_result, answer->usage,
                                 version->manifest.profile);
  };
  if (!stream.begun) {
    responder.send(json_response(write(sandbox::AnswerForm::kPlain)));
    co_return;
  }
  stream.add(write(sandbox::AnswerForm::kEvent));
  co_await stream.drained();
  if (!stream.lost) {
    (void)co_await responder.finish();
  }
}

// ---- Detached calls

Task<void> ExecuteApi::detach(ToolOrder order, http::Responder& responder) {
  const std::string id = order.call_id;
  const Version& version = *order.target.version;
  const sandbox::DetachedLimits limits = version.folder.settings.detached;
  const auto ttl = std::min(order.ttl, limits.ttl);
  order.deadline = std::min(order.deadline, order.arrived + ttl);
  queue_.set_bounds(bounds_of(version.limits));
  Expected<std::shared_ptr<CallLog>> log = fail(ErrorCode::kResourceExhausted, "the queue is full");
  if (queue_.may_enter(entrant_of(order, false))) {
    log = co_await detached_.accept({.id = id,
                                     .ttl = ttl,
                                     .owner = sha256_hex(order.issuer + '\0' + order.subject),
                                     .profile = version.manifest.profile,
                                     .reserved_bytes = 2 * order.target.tool->limits.output_bytes},
                                    limits);
  }
  if (!log) {
    end_active(id);
    responder.send(turn_away(log.error()));
    co_return;
  }
  ++detached_running_;
  asio::co_spawn(loop_, run_detached(*this, std::move(order), *std::move(log)), asio::detached);
  http::Response response =
      json_response(sandbox::write_detached_state(state_of(id).value_or(sandbox::DetachedState{})));
  response.status = 202;
  responder.send(std::move(response));
}

Task<void> ExecuteApi::run_detached(ExecuteApi& self, ToolOrder order,
                                    std::shared_ptr<CallLog> log) {
  const std::string id = order.call_id;
  const SteadyTime arrived = order.arrived;
  const std::shared_ptr<Version> version = order.target.version;
  {
    Record record(self, order, std::move(log));
    auto answer = co_await self.run(std::move(order), record);
    if (!answer) {
      answer = not_started();
    }
    self.count_end(*answer, arrived);
    co_await self.detached_.end(
        id, sandbox::write_answer(sandbox::AnswerForm::kEvent, answer->call_tool_result,
                                  answer->usage, version->manifest.profile));
  }
  self.end_active(id);
  --self.detached_running_;
  self.detached_ended_.cancel();
}

std::optional<sandbox::DetachedState> ExecuteApi::state_of(std::string_view id) const {
  auto state = detached_.find(id);
  if (const auto call = active_.find(id); state && call != active_.end()) {
    state->is_asking = call->second.asking;
  }
  return state;
}

Task<void> ExecuteApi::tell(std::string id, const http::Request& request,
                            http::Responder& responder) {
  const auto state = state_of(id);
  const auto from = from_of(request.query);
  if (!state || !from) {
    responder.send(turn_away(!state ? no_such_call()
                                    : Error{ErrorCode::kInvalidArgument, "want ?from=NUMBER"}));
    co_return;
  }
  if (accepts(request, "application/json") && !accepts(request, "application/x-ndjson")) {
    responder.send(json_response(sandbox::write_detached_state(*state)));
    co_return;
  }
  auto log = co_await detached_.read(std::move(id));
  if (!log) {
    responder.send(turn_away(log.error()));
    co_return;
  }
  co_await follow(*std::move(log), *from, responder);
}

Task<void> ExecuteApi::follow(std::shared_ptr<CallLog> log, std::uint64_t from,
                              http::Responder& responder) {
  const auto gone = std::make_shared<bool>(false);
  responder.on_disconnect([log, gone] {
    *gone = true;
    log->wake();
  });
  auto sent = co_await responder.begin(200, {{"Content-Type", "application/x-ndjson"}});
  CallLog::Reader reader{.next = from};
  while (sent && !*gone) {
    const std::string lines = log->read(reader);
    if (!lines.empty()) {
      sent = co_await responder.write(lines);
    } else if (reader.is_done) {
      (void)co_await responder.finish();
      co_return;
    } else {
      co_await log->changed();
    }
  }
}

Task<void> ExecuteApi::drain_detached(SteadyTime deadline) {
  bool cancelled = false;
  while (detached_running_ > 0) {
    detached_ended_.expires_at(cancelled ? SteadyTime::max() : deadline);
    co_await detached_ended_.async_wait(kAwait);
    if (!cancelled && clock_.steady_now() >= deadline) {
      cancelled = true;
      for (const auto& [id, call] : active_) {
        cancel(id);
      }
    }
  }
}

void ExecuteApi::count_end(const ToolAnswer& answer, SteadyTime arrived) {
  metrics_.count_call(answer.is_error, answer.reason, clock_.steady_now() - arrived);
}

}  // namespace mcpgate::sandboxd
