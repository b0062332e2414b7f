#include "sandboxd/sandbox_api.h"

#include <charconv>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "json/write.h"

namespace mcpgate::sandboxd {

namespace {

/// Progress and log events that wait for a slow reader; what comes on top is dropped and counted.
constexpr std::size_t kEventsPendingBytesMax = std::size_t{1} << 20;
constexpr std::string_view kExecutePath = "/execute";
constexpr std::string_view kExecuteIdPrefix = "/execute/";
constexpr std::string_view kReplySuffix = "/reply";

http::Response text_response(int status, std::string_view text) {
  return {.status = status,
          .headers = {},
          .body = std::string(text) + "\n",
          .content_type = "text/plain; charset=utf-8"};
}

http::Response json_response(std::string body) {
  return {
      .status = 200, .headers = {}, .body = std::move(body), .content_type = "application/json"};
}

/// `{"error":"why"}`.
http::Response error_response(int status, std::string_view why) {
  std::string body;
  json::Writer(body).begin_object().field("error", why).end_object();
  http::Response response = json_response(std::move(body));
  response.status = status;
  return response;
}

http::Response health() {
  return text_response(200, "ok");
}

int status_of(sandbox::Refusal refusal) {
  switch (refusal) {
    case sandbox::Refusal::kOtherInstance:
    case sandbox::Refusal::kReplayed:
      return 409;
    case sandbox::Refusal::kReplayFull:
      return 503;
    default:
      return 401;
  }
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kAlreadyExists:
      return 409;
    case ErrorCode::kResourceExhausted:
      return 429;
    default:
      return 503;
  }
}

/// `wait=SECONDS` of a query; 0 where it is missing or not a number.
std::chrono::seconds wait_of(std::string_view query) {
  constexpr std::string_view kWait = "wait=";
  std::int64_t seconds = 0;
  if (query.starts_with(kWait)) {
    query.remove_prefix(kWait.size());
    const auto [stop, error] = std::from_chars(query.data(), query.data() + query.size(), seconds);
    if (error != std::errc{} || stop != query.data() + query.size() || seconds < 0) {
      seconds = 0;
    }
  }
  return std::min(std::chrono::seconds{seconds}, kToolsWaitMax);
}

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

}  // namespace

/// What a call says while it runs, on its way to the gateway. The stream begins with the first
/// event: a call that says nothing is answered plainly. Lives on the handler's frame, which waits
/// for the coroutine that sends.
struct SandboxApi::Stream final : EventSink {
  Stream(SandboxApi& sandbox_api, const ToolOrder& order, http::Responder& http_responder)
      : api(sandbox_api),
        id(order.call_id),
        events_wanted(order.progress_wanted),
        may_ask(order.may_ask),
        responder(http_responder),
        idle(api.loop_, SteadyTime::max()) {}

  void on_progress(std::string_view json) override {
    if (events_wanted) {
      add_if_room(progress_line(json, parser));
    }
  }
  void on_log(std::string_view json) override {
    if (events_wanted) {
      add_if_room(log_line_event(json, parser));
    }
  }

  std::optional<std::string> on_question(std::uint64_t number, std::string_view json) override {
    if (!may_ask) {
      return NoEvents().on_question(number, json);
    }
    const auto line = question_line(number, json, parser);
    if (!line) {
      return sandbox::write_reply({.number = number, .error = line.error().message});
    }
    api.active_.find(id)->second.asking = true;
    add(*line);  // One at a time, and bounded by limits.output.
    return std::nullopt;
  }

  void add_if_room(const std::optional<std::string>& line) {
    if (!line || pending.size() + line->size() > kEventsPendingBytesMax) {
      api.metrics_.count_dropped_event();
    } else {
      add(*line);
    }
  }

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

  SandboxApi& api;
  std::string id;
  bool events_wanted;
  bool may_ask;
  http::Responder& responder;
  asio::steady_timer idle;
  json::Parser parser{kRequestBodyBytesMax};
  std::string pending;
  bool begun = false;
  bool sending = false;
  bool lost = false;
};

SandboxApi::SandboxApi(asio::io_context& loop, Catalogue& catalogue, CallQueue& queue,
                       sandbox::Verifier& verifier, const Clock& clock)
    : loop_(loop),
      catalogue_(catalogue),
      queue_(queue),
      verifier_(verifier),
      clock_(clock),
      parser_(kRequestBodyBytesMax) {}

Task<void> SandboxApi::handle(const http::Request& request, http::Responder& responder) {
  if (request.method == "GET" && request.path == "/health") {
    responder.send(health());
    co_return;
  }
  if (request.method == "GET" && request.path == "/ready") {
    responder.send(ready());
    co_return;
  }
  if (const auto refusal = check_signature(request)) {
    metrics_.count_refusal(*refusal);
    log_warn("refused {} from {}: signature {}", request.method == "GET" ? "GET" : "a request",
             request.peer, sandbox::to_string(*refusal));
    http::Response response = error_response(status_of(*refusal), sandbox::to_string(*refusal));
    if (*refusal == sandbox::Refusal::kOtherInstance) {
      response.headers.emplace_back(sandbox::kInstanceHeader, verifier_.instance());
    } else if (*refusal == sandbox::Refusal::kReplayFull) {
      response.headers.emplace_back("Retry-After", "1");
    }
    responder.send(std::move(response));
    co_return;
  }
  co_await route(request, responder);
}

std::optional<sandbox::Refusal> SandboxApi::check_signature(const http::Request& request) {
  // Two fields of one name could be read differently by whoever stands between.
  for (const std::string_view name :
       {sandbox::kSignatureHeader, sandbox::kInstanceHeader, sandbox::kCallHeader}) {
    if (request.header_count(name) > 1) {
      return sandbox::Refusal::kUnsigned;
    }
  }
  return verifier_.check(request.header(sandbox::kSignatureHeader).value_or(""),
                         {.method = request.method,
                          .path = request.target,
                          .call_id = request.header(sandbox::kCallHeader).value_or(""),
                          .instance = request.header(sandbox::kInstanceHeader).value_or(""),
                          .body = request.body});
}

Task<void> SandboxApi::route(const http::Request& request, http::Responder& responder) {
  const bool get = request.method == "GET";
  if (request.path == kExecutePath && request.method == "POST") {
    co_await execute(request, responder);
  } else if (request.path == "/tools" && get) {
    co_await tools(request, responder);
  } else if (request.path == "/capabilities" && get) {
    responder.send(capabilities());
  } else if (request.path == "/metrics" && get) {
    responder.send(metrics());
  } else if (request.path.starts_with(kExecuteIdPrefix) && request.method == "DELETE") {
    responder.send(cancel_by_request(request));
  } else if (request.path.starts_with(kExecuteIdPrefix) && request.path.ends_with(kReplySuffix) &&
             request.method == "POST") {
    responder.send(reply_by_request(request));
  } else {
    const bool known = request.path == kExecutePath || request.path == "/tools" ||
                       request.path == "/capabilities" || request.path == "/metrics";
    metrics_.count_turned_away(known ? 405 : 404);
    responder.send(known ? error_response(405, "method not allowed here")
                         : error_response(404, "no such path"));
  }
}

Task<void> SandboxApi::tools(const http::Request& request, http::Responder& responder) {
  const std::string known(request.header("If-None-Match").value_or(""));
  const SteadyTime until = std::chrono::steady_clock::now() + wait_of(request.query);
  const auto unchanged = [&] {
    return catalogue_.current() != nullptr && catalogue_.current()->etag == known;
  };
  if (unchanged() && !draining_) {
    const auto timer = catalogue_.change_timer(until);
    responder.on_disconnect([weak = std::weak_ptr(timer)] {
      if (const auto waiting = weak.lock()) {
        waiting->cancel();
      }
    });
    co_await timer->async_wait(kAwait);
  }
  const std::shared_ptr<Version> version = catalogue_.current();
  if (!version) {
    metrics_.count_turned_away(503);
    http::Response response = error_response(503, "no version of the tool set is in force");
    response.headers.emplace_back("Retry-After", "1");
    responder.send(std::move(response));
    co_return;
  }
  http::Response response;
  if (unchanged()) {
    response.status = 304;
  } else {
    response = json_response(version->document);
  }
  response.headers.emplace_back("ETag", version->etag);
  responder.send(std::move(response));
}

http::Response SandboxApi::capabilities() const {
  const std::shared_ptr<Version>& version = catalogue_.current();
  std::string body;
  json::Writer writer(body);
  writer.begin_object().field("instance", verifier_.instance());
  (version ? version->zygote->confinement() : Confinement{}).write_members(writer);
  writer.end_object();
  return json_response(std::move(body));
}

http::Response SandboxApi::metrics() const {
  http::Response response = text_response(200, "");
  const auto version = catalogue_.current();
  response.body = metrics_.write({.in_flight = queue_.in_flight(),
                                  .waiting = queue_.waiting(),
                                  .ready_children = version ? version->zygote->ready_children() : 0,
                                  .ready = version != nullptr,
                                  .reloads = catalogue_.reloads()});
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

http::Response SandboxApi::ready() const {
  if (draining_) {
    return text_response(503, "draining");
  }
  return catalogue_.current() ? text_response(200, "ready")
                              : text_response(503, "the tool set does not load; see the log");
}

http::Response SandboxApi::refused(const http::Refusal& refusal) {
  metrics_.count_turned_away(refusal.status);
  log_warn("refused a request from {}: {} {}", refusal.peer, refusal.status, refusal.reason);
  return error_response(refusal.status, refusal.reason);
}

http::Response SandboxApi::turn_away(const Error& error) {
  const int status = status_of(error.code);
  metrics_.count_turned_away(status);
  http::Response response = error_response(status, error.message);
  if (status == 429 || status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

http::Response SandboxApi::cancel_by_request(const http::Request& request) {
  const std::string_view id = request.path.substr(kExecuteIdPrefix.size());
  if (!active_.contains(id)) {
    metrics_.count_turned_away(404);
    return error_response(404, "no such call is in flight");
  }
  cancel(id);
  return {.status = 204, .headers = {}, .body = {}, .content_type = {}};
}

http::Response SandboxApi::reply_by_request(const http::Request& request) {
  std::string_view id = request.path.substr(kExecuteIdPrefix.size());
  id.remove_suffix(kReplySuffix.size());
  const auto reply = sandbox::parse_reply(request.body, parser_);
  if (!reply) {
    return turn_away(reply.error());
  }
  const auto found = active_.find(id);
  if (found == active_.end()) {
    return turn_away({ErrorCode::kNotFound, "no such call is in flight"});
  }
  // The child gets the bytes as they came: they were checked, and are one object.
  if (auto given = found->second.version->zygote->reply(id, reply->number, request.body); !given) {
    return turn_away(given.error());
  }
  found->second.asking = false;
  return {.status = 204, .headers = {}, .body = {}, .content_type = {}};
}

void SandboxApi::cancel(std::string_view call_id) {
  const auto found = active_.find(call_id);
  if (found == active_.end()) {
    return;
  }
  found->second.cancelled = true;
  queue_.cancel(call_id);
  found->second.version->zygote->cancel(call_id);
}

Expected<ToolOrder> SandboxApi::read_order(const http::Request& request) {
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
  const SteadyTime now = clock_.steady_now();
  const bool streams = accepts(request, "application/x-ndjson");
  return ToolOrder{.target = TRY(catalogue_.find(wanted.tool, wanted.tool_sha256)),
                   .tool = std::string(wanted.tool),
                   .arguments = std::string(wanted.arguments),
                   .call_id = std::string(wanted.call_id),
                   .user = std::string(wanted.user),
                   .traceparent = std::string(wanted.traceparent),
                   .arrived = now,
                   .deadline = now + wanted.deadline,
                   .progress_wanted = streams && !accepts(request, "application/json"),
                   .may_ask = streams,
                   .parent = std::string(wanted.parent)};
}

Task<void> SandboxApi::execute(const http::Request& request, http::Responder& responder) {
  auto order = read_order(request);
  if (!order) {
    responder.send(turn_away(order.error()));
    co_return;
  }
  const std::string id = order->call_id;
  active_.emplace(id, ActiveCall{.version = order->target.version.get(), .parent = order->parent});
  responder.on_disconnect([this, id] { cancel(id); });
  co_await run(*std::move(order), responder);
  end_active(id);
}

/// What it waited for has nobody to answer any more.
void SandboxApi::end_active(const std::string& id) {
  active_.erase(id);
  for (const auto& [inner, call] : active_) {
    if (call.parent == id) {
      cancel(inner);
    }
  }
}

bool SandboxApi::borrow_place(const ToolOrder& order) {
  const auto parent = order.parent.empty() ? active_.end() : active_.find(order.parent);
  if (parent == active_.end() || !parent->second.asking || parent->second.lends) {
    return false;
  }
  parent->second.lends = true;
  return true;
}

Task<void> SandboxApi::run(ToolOrder order, http::Responder& responder) {
  const bool borrows = borrow_place(order);
  const std::string lender = borrows ? order.parent : "";
  co_await run_in_turn(std::move(order), borrows, responder);
  if (const auto call = active_.find(lender); call != active_.end()) {
    call->second.lends = false;
  }
}

Task<void> SandboxApi::run_in_turn(ToolOrder order, bool borrows, http::Responder& responder) {
  queue_.set_bounds(bounds_of(order.target.version->limits));
  const auto place = co_await queue_.enter(entrant_of(order, borrows));
  std::optional<ToolAnswer> ended;
  if (!place && place.error().code == ErrorCode::kResourceExhausted) {
    responder.send(turn_away(place.error()));
    co_return;
  }
  if (!place && place.error().code == ErrorCode::kDeadlineExceeded) {
    ended = ended_answer(sandbox::Reason::kTimeout,
                         "The sandbox was busy until the deadline; nothing ran. Try again later.");
  } else if (!place || active_.find(order.call_id)->second.cancelled) {
    ended = ended_answer(sandbox::Reason::kKilled, "The call was cancelled before it ran.");
  }
  if (ended) {
    end(*ended, order.arrived);
    responder.send(
        json_response(sandbox::write_answer(sandbox::AnswerForm::kPlain, ended->call_tool_result,
                                            ended->usage, order.target.version->manifest.profile)));
    co_return;
  }
  co_await run_in_place(std::move(order), responder);
}

Task<void> SandboxApi::run_in_place(ToolOrder order, http::Responder& responder) {
  const SteadyTime arrived = order.arrived;
  const std::shared_ptr<Version> version = order.target.version;
  Stream stream(*this, order, responder);
  auto answer = co_await run_tool(std::move(order), stream);
  if (!answer && !stream.begun) {
    responder.send(turn_away(answer.error()));
    co_return;
  }
  if (!answer) {  // The head is sent: what could not start is told as a result.
    answer = ended_answer(sandbox::Reason::kSandboxUnavailable,
                          "The sandbox could not start the call; nothing ran.");
  }
  end(*answer, arrived);
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

void SandboxApi::end(const ToolAnswer& answer, SteadyTime arrived) {
  metrics_.count_call(answer.is_error, answer.reason, clock_.steady_now() - arrived);
}

Task<void> AdminApi::handle(const http::Request& request, http::Responder& responder) {
  if (request.method != "GET") {
    responder.send(error_response(405, "method not allowed here"));
  } else if (request.path == "/health") {
    responder.send(health());
  } else if (request.path == "/ready") {
    responder.send(api_.ready());
  } else if (request.path == "/metrics") {
    responder.send(api_.metrics());
  } else {
    responder.send(error_response(404, "no such path"));
  }
  co_return;
}

}  // namespace mcpgate::sandboxd
