#include "sandboxd/sandbox_api.h"

#include <charconv>

#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "json/write.h"
#include "sandboxd/responses.h"

namespace mcpgate::sandboxd {

namespace {

http::Response health() {
  return text_response(200, "ok");
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

}  // namespace

SandboxApi::SandboxApi(asio::io_context& loop, Catalogue& catalogue, CallQueue& queue,
                       DetachedCalls& detached, sandbox::Verifier& verifier, const Clock& clock)
    : catalogue_(catalogue),
      queue_(queue),
      detached_(detached),
      verifier_(verifier),
      execute_({.loop = loop,
                .catalogue = catalogue,
                .queue = queue,
                .detached = detached,
                .metrics = metrics_,
                .clock = clock}) {}

Task<void> SandboxApi::handle(const http::Request& request, http::Responder& responder) {
  if (request.method == "GET" && request.path == "/health") {
    responder.send(health());
    co_return;
  }
  if (request.method == "GET" && request.path == "/ready") {
    responder.send(ready());
    co_return;
  }
  if (const auto refusal = verifier_.check(request)) {
    metrics_.count_refusal(*refusal);
    log_warn("refused {} from {}: signature {}", request.method == "GET" ? "GET" : "a request",
             request.peer, sandbox::to_string(*refusal));
    http::Response response =
        error_response(sandbox::status_of(*refusal), sandbox::to_string(*refusal));
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

Task<void> SandboxApi::route(const http::Request& request, http::Responder& responder) {
  const bool get = request.method == "GET";
  if (ExecuteApi::serves(request.path)) {
    co_await execute_.handle(request, responder);
  } else if (request.path == "/tools" && get) {
    co_await tools(request, responder);
  } else if (request.path == "/capabilities" && get) {
    responder.send(capabilities());
  } else if (request.path == "/metrics" && get) {
    responder.send(metrics());
  } else {
    const bool known =
        request.path == "/tools" || request.path == "/capabilities" || request.path == "/metrics";
    metrics_.count_turned_away(known ? 405 : 404);
    responder.send(known ? error_response(405, "method not allowed here")
                         : error_response(404, "no such path"));
  }
}

Task<void> SandboxApi::tools(const http::Request& request, http::Responder& responder) {
  const std::string known(request.header("If-None-Match").value_or(""));
  const SteadyTime until = std::chrono::steady_clock::now() + wait_of(request.query);
  const auto unchanged = [&] {
    return catalogue_.current() != nullptr && catalogue_.etag() == known;
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
  if (!catalogue_.current()) {
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
    response = json_response(catalogue_.document());
  }
  response.headers.emplace_back("ETag", catalogue_.etag());
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
                                  .detached_calls = detached_.size(),
                                  .detached_bytes = detached_.bytes(),
                                  .ready = version != nullptr,
                                  .reloads = catalogue_.reloads(),
                                  .servers = catalogue_.server_counts()});
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
