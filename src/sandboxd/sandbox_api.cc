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

bool accepts_ndjson(const http::Request& request) {
  return request.header("Accept").value_or("").find("application/x-ndjson") !=
         std::string_view::npos;
}

CallQueue::Bounds bounds_of(const Limits& limits) {
  return {.in_flight_max = limits.in_flight, .waiting_max = limits.queue};
}

CallQueue::Entrant entrant_of(const ToolOrder& order) {
  CallQueue::Entrant entrant{.call_id = order.call_id, .deadline = order.deadline};
  if (order.target.tool->has_own_bounds) {
    entrant.tool = order.tool;
    entrant.tool_bounds = bounds_of(order.target.tool->limits);
    if (entrant.tool_bounds.in_flight_max == 0) {
      entrant.tool_bounds.in_flight_max = order.target.version->limits.in_flight;
    }
  }
  return entrant;
}

/// Drops what a call says where nobody listens.
class NoEvents final : public EventSink {
 public:
  void on_progress(std::string_view /*json*/) override {}
  void on_log(std::string_view /*json*/) override {}
};

}  // namespace

/// What a streamed call has said and its handler has not sent yet. Shared by the two coroutines.
struct SandboxApi::Stream final : EventSink {
  Stream(asio::io_context& loop, DaemonMetrics& daemon_metrics)
      : metrics(daemon_metrics), wake(loop, SteadyTime::max()) {}

  void on_progress(std::string_view json) override { add(progress_line(json, parser)); }
  void on_log(std::string_view json) override { add(log_line_event(json, parser)); }

  void add(std::optional<std::string> line) {
    if (!line || pending.size() + line->size() > kEventsPendingBytesMax) {
      metrics.count_dropped_event();
      return;
    }
    pending += *line;
    wake.cancel();
  }

  DaemonMetrics& metrics;
  asio::steady_timer wake;
  json::Parser parser{kEventsPendingBytesMax};
  std::string pending;
  std::optional<ToolAnswer> answer;
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
  return ToolOrder{.target = TRY(catalogue_.find(wanted.tool, wanted.tool_sha256)),
                   .tool = std::string(wanted.tool),
                   .arguments = std::string(wanted.arguments),
                   .call_id = std::string(wanted.call_id),
                   .user = std::string(wanted.user),
                   .traceparent = std::string(wanted.traceparent),
                   .arrived = now,
                   .deadline = now + wanted.deadline,
                   .progress_wanted = accepts_ndjson(request)};
}

Task<void> SandboxApi::execute(const http::Request& request, http::Responder& responder) {
  auto order = read_order(request);
  if (!order) {
    responder.send(turn_away(order.error()));
    co_return;
  }
  const std::string id = order->call_id;
  active_.emplace(id, ActiveCall{.version = order->target.version.get()});
  responder.on_disconnect([this, id] { cancel(id); });
  co_await run(*std::move(order), responder);
  active_.erase(id);
}

Task<void> SandboxApi::run(ToolOrder order, http::Responder& responder) {
  queue_.set_bounds(bounds_of(order.target.version->limits));
  const auto place = co_await queue_.enter(entrant_of(order));
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
  } else if (order.progress_wanted) {
    co_await run_streamed(std::move(order), responder);
  } else {
    co_await run_plain(std::move(order), responder);
  }
}

Task<void> SandboxApi::run_plain(ToolOrder order, http::Responder& responder) {
  const SteadyTime arrived = order.arrived;
  const std::shared_ptr<Version> version = order.target.version;
  NoEvents nobody;
  auto answer = co_await run_tool(std::move(order), nobody);
  if (!answer) {
    responder.send(turn_away(answer.error()));
    co_return;
  }
  end(*answer, arrived);
  responder.send(
      json_response(sandbox::write_answer(sandbox::AnswerForm::kPlain, answer->call_tool_result,
                                          answer->usage, version->manifest.profile)));
}

Task<void> SandboxApi::run_into(ToolOrder order, std::shared_ptr<Stream> stream) {
  auto answer = co_await run_tool(std::move(order), *stream);
  // The head is sent: what could not start is told as a result.
  stream->answer = answer ? *std::move(answer)
                          : ended_answer(sandbox::Reason::kSandboxUnavailable,
                                         "The sandbox could not start the call; nothing ran.");
  stream->wake.cancel();
}

Task<void> SandboxApi::run_streamed(ToolOrder order, http::Responder& responder) {
  const SteadyTime arrived = order.arrived;
  const std::string id = order.call_id;
  const std::shared_ptr<Version> version = order.target.version;
  const auto stream = std::make_shared<Stream>(loop_, metrics_);
  asio::co_spawn(loop_, run_into(std::move(order), stream), asio::detached);
  auto sent = co_await responder.begin(200, {{"Content-Type", "application/x-ndjson"}});
  const std::optional<ToolAnswer>& answer = stream->answer;
  while (!answer || (sent && !stream->pending.empty())) {
    if (!sent) {
      cancel(id);  // Nobody reads any more; the child must be gone before this returns.
      stream->pending.clear();
    }
    if (stream->pending.empty()) {
      co_await stream->wake.async_wait(kAwait);
      continue;
    }
    const std::string lines = std::exchange(stream->pending, {});
    sent = co_await responder.write(lines);
  }
  end(*answer, arrived);
  if (sent) {
    sent = co_await responder.write(sandbox::write_answer(sandbox::AnswerForm::kEvent,
                                                          answer->call_tool_result, answer->usage,
                                                          version->manifest.profile));
  }
  if (sent) {
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
