// What a daemon answers is hostile input: every body is bounded, parsed and checked here, and what
// it says in a refusal never reaches a message of ours.

#include "sandbox/client.h"

#include <array>
#include <utility>

#include "base/random.h"
#include "json/parse.h"

namespace mcpgate::sandbox {

namespace {

/// How often a call is signed anew for the instance that a 409 names: a daemon that restarted, or
/// another replica behind one address.
constexpr int kInstancesTriedMax = 3;
/// What keeps the signatures of two equal requests of one millisecond apart.
constexpr std::size_t kNonceBytes = 16;
/// Longer than any instance, date or content type that a daemon of ours sends.
constexpr std::size_t kHeaderBytesMax = 256;
constexpr std::size_t kRefusalBytesMax = 4096;
constexpr std::size_t kMetricsBytesMax = std::size_t{4} << 20;
constexpr std::string_view kLinesType = "application/x-ndjson";

/// What a status other than 200 means to the gateway.
Error error_of(int status) {
  switch (status) {
    case 400:
      return {ErrorCode::kInvalidArgument, "the sandbox daemon refused the request as malformed"};
    case 401:
      return {ErrorCode::kUnauthenticated,
              "the sandbox daemon refused our signature: compare signing keys and clocks"};
    case 404:
      return {ErrorCode::kNotFound, "the sandbox daemon has no such tool"};
    case 409:
      return {
          ErrorCode::kFailedPrecondition,
          "the tool has changed since it was decided on: the sandbox daemon has another digest"};
    case 413:
      return {ErrorCode::kResourceExhausted, "too large for the sandbox daemon"};
    case 429:
      return {ErrorCode::kResourceExhausted, "the sandbox daemon's queue is full"};
    case 503:
      return {ErrorCode::kUnavailable, "the sandbox daemon is not ready"};
    default:
      return {ErrorCode::kUnavailable,
              fmt::format("the sandbox daemon answered with status {}", status)};
  }
}

/// The same where a call, not a tool, is asked for.
Error error_of_call(int status) {
  return status == 404 ? Error{ErrorCode::kNotFound, "the sandbox daemon keeps no such call"}
                       : error_of(status);
}

std::string execute_target(std::string_view call_id) {
  return "/execute/" + std::string(call_id);
}

/// Of what goes to /execute and below it.
std::array<http::Header, 2> content_headers(std::string_view accept) {
  return {{{"Content-Type", "application/json"}, {"Accept", accept}}};
}

}  // namespace

struct ToolSetClient::State {
  State(asio::io_context& context, http::Endpoint endpoint,
        std::shared_ptr<const SigningKeys> signing_keys, const Clock& world_clock,
        ClientOptions client_options)
      : pool(context, std::move(endpoint), client_options.http),
        keys(std::move(signing_keys)),
        clock(world_clock),
        options(std::move(client_options)),
        parser(options.answer_bytes_max) {}

  /// Whether a 409 told us an instance to sign for other than the one that was signed for.
  [[nodiscard]] bool learn_instance(std::optional<std::string_view> told,
                                    std::string_view signed_for) {
    if (!told || told->empty() || told->size() > kHeaderBytesMax || *told == signed_for) {
      return false;
    }
    instance = *told;
    return true;
  }

  /// What one request says and gets, whole; signed anew for the instance that a 409 names.
  struct Signed {
    std::string_view method;
    std::string target;
    std::string_view accept;
    std::string body;
    std::string signed_id;
    SteadyTime deadline;
  };
  Task<Expected<http::ClientResponse>> fetch(Signed wanted);

  [[nodiscard]] SteadyTime fetch_deadline() const {
    return clock.steady_now() + options.fetch_timeout;
  }

  http::Client pool;
  std::shared_ptr<const SigningKeys> keys;
  const Clock& clock;
  SystemRandom random;
  ClientOptions options;
  json::Parser parser;
  /// Of the daemon that answered last; empty before the first answer.
  std::string instance;
  /// How often a resource had changed, by its last manifest.
  std::uint64_t updates = 0;
};

Task<Expected<http::ClientResponse>> ToolSetClient::State::fetch(Signed wanted) {
  for (int attempt = 1;; ++attempt) {
    const std::string signed_for = instance;
    const SignedHeaders headers(keys->signing(),
                                {.method = wanted.method,
                                 .path = wanted.target,
                                 .call_id = wanted.signed_id,
                                 .instance = signed_for,
                                 .body = wanted.body},
                                clock.wall_now(), content_headers(wanted.accept));
    // Sending it twice is safe: the daemon takes a signature once.
    const http::ClientRequest request{.method = wanted.method,
                                      .target = wanted.target,
                                      .headers = headers.view(),
                                      .body = wanted.body,
                                      .deadline = wanted.deadline,
                                      .idempotent = true};
    auto response = co_await pool.fetch(request, kRefusalBytesMax);
    if (response && response->status == 409 && attempt < kInstancesTriedMax) {
      std::optional<std::string_view> told;
      for (const auto& [name, value] : response->headers) {
        if (http::iequals(name, kInstanceHeader)) {
          told = value;
        }
      }
      if (learn_instance(told, signed_for)) {
        continue;
      }
    }
    co_return response;
  }
}

/// A request whose answer is a call's events: what starts one, or follows one that is detached.
struct ExecutionRequest {
  std::string_view method;
  std::string target;
  std::string body;
  std::string_view accept;
  std::string call_id;
  /// What the signature names: the call where it starts, else a random word.
  std::string signed_id;
};

/// One such request and its answer.
class ToolSetClient::HttpExecution final : public Execution {
 public:
  HttpExecution(State& state, ExecutionRequest request, std::chrono::milliseconds patience)
      : state_(state),
        request_(std::move(request)),
        deadline_(state.clock.steady_now() + patience) {
    sign();
  }

  Task<Expected<Event>> next() override;
  Task<Expected<void>> reply(std::string reply) override;
  void cancel() override;
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const override {
    return retry_after_;
  }

 private:
  void sign();
  Task<Expected<void>> start();
  [[nodiscard]] Expected<void> take_head(const http::ResponseHead& head);
  Task<Expected<Event>> read_result();
  Task<Expected<Event>> read_event();
  [[nodiscard]] Expected<Event> parse_line(std::string line);

  State& state_;
  ExecutionRequest request_;
  SteadyTime deadline_;
  /// Made before the request may be sent: calls that a round of the loop recorded together leave
  /// together then, and their daemon is woken once for all of them.
  std::optional<SignedHeaders> headers_;
  std::string signed_for_;                    // The instance.
  std::unique_ptr<http::Exchange> exchange_;  // Null until the call is sent.
  bool started_ = false;
  bool cancelled_ = false;
  bool lines_ = false;
  bool ended_ = false;
  std::string buffer_;           // Bytes of lines that were read and not yet given out.
  std::size_t buffer_read_ = 0;  // How many of them are used up.
  std::size_t buffer_seen_ = 0;  // How many of them are known to hold no line feed.
  std::optional<std::chrono::seconds> retry_after_;
};

Task<Expected<Event>> ToolSetClient::HttpExecution::next() {
  MCPGATE_ASSERT(!ended_);
  if (!started_) {
    started_ = true;
    if (auto began = co_await start(); !began) {
      ended_ = true;
      co_return std::unexpected(std::move(began.error()));
    }
  }
  auto event = lines_ ? co_await read_event() : co_await read_result();
  ended_ = !event || std::holds_alternative<Result>(*event);
  co_return event;
}

Task<Expected<void>> ToolSetClient::HttpExecution::reply(std::string reply) {
  auto response = co_await state_.fetch({.method = "POST",
                                         .target = execute_target(request_.call_id) + "/reply",
                                         .accept = "application/json",
                                         .body = std::move(reply),
                                         .signed_id = state_.random.hex(kNonceBytes),
                                         .deadline = deadline_});
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status == 404 || response->status == 409) {
    co_return fail(ErrorCode::kFailedPrecondition, "the call does not wait for this answer");
  }
  if (response->status != 204) {
    co_return std::unexpected(error_of(response->status));
  }
  co_return Expected<void>{};
}

void ToolSetClient::HttpExecution::cancel() {
  cancelled_ = true;
  if (exchange_) {
    exchange_->abort();
  }
}

void ToolSetClient::HttpExecution::sign() {
  signed_for_ = state_.instance;
  headers_.emplace(state_.keys->signing(),
                   SignedRequest{.method = request_.method,
                                 .path = request_.target,
                                 .call_id = request_.signed_id,
                                 .instance = signed_for_,
                                 .body = request_.body},
                   state_.clock.wall_now(), content_headers(request_.accept));
}

Task<Expected<void>> ToolSetClient::HttpExecution::start() {
  for (int attempt = 1;; ++attempt) {
    if (cancelled_) {
      co_return fail(ErrorCode::kCancelled, "the call was cancelled");
    }
    MCPGATE_ASSERT(headers_);
    // Sending it twice is safe: the daemon takes a signature once.
    const http::ClientRequest request{.method = request_.method,
                                      .target = request_.target,
                                      .headers = headers_->view(),
                                      .body = request_.body,
                                      .deadline = deadline_,
                                      .idempotent = true};
    exchange_ = std::make_unique<http::Exchange>(state_.pool);
    auto head = co_await exchange_->send(request);
    if (!head) {
      co_return std::unexpected(std::move(head.error()));
    }
    if (head->status == 409 && attempt < kInstancesTriedMax &&
        state_.learn_instance(head->header(kInstanceHeader), signed_for_)) {
      // Read to its end, so that the connection is kept; its words are not of interest.
      (void)co_await exchange_->read_all(kRefusalBytesMax);
      sign();
      continue;
    }
    co_return take_head(*head);
  }
}

Expected<void> ToolSetClient::HttpExecution::take_head(const http::ResponseHead& head) {
  if (head.status != 200) {
    retry_after_ = http::parse_retry_after(head.header("Retry-After"));
    return std::unexpected(request_.method == "GET" ? error_of_call(head.status)
                                                    : error_of(head.status));
  }
  const auto type = head.header("Content-Type");
  lines_ = http::is_media_type(type, kLinesType);
  if (!lines_ && !http::is_media_type(type, "application/json")) {
    return fail(ErrorCode::kUnavailable, "the sandbox daemon's answer is neither JSON nor ndjson");
  }
  return {};
}

Task<Expected<Event>> ToolSetClient::HttpExecution::read_result() {
  auto body = co_await exchange_->read_all(state_.options.answer_bytes_max);
  if (!body) {
    co_return std::unexpected(std::move(body.error()));
  }
  auto result = parse_answer(*std::move(body), state_.parser);
  if (!result) {
    co_return fail(ErrorCode::kUnavailable, "{}", result.error().message);
  }
  co_return *std::move(result);
}

Expected<Event> ToolSetClient::HttpExecution::parse_line(std::string line) {
  auto event = parse_event(std::move(line), state_.parser);
  if (!event) {
    return fail(ErrorCode::kUnavailable, "{}", event.error().message);
  }
  return event;
}

Task<Expected<Event>> ToolSetClient::HttpExecution::read_event() {
  for (;;) {
    const std::size_t end = buffer_.find('\n', buffer_seen_);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(buffer_read_, end - buffer_read_);
      buffer_read_ = buffer_seen_ = end + 1;
      auto event = parse_line(std::move(line));
      if (event && std::holds_alternative<Result>(*event)) {
        // Nothing may follow; the end is read so that the connection is kept.
        if (auto rest = co_await exchange_->read();
            !rest || !rest->empty() || buffer_read_ != buffer_.size()) {
          exchange_->abort();
        }
      }
      co_return event;
    }
    buffer_.erase(0, buffer_read_);
    buffer_read_ = 0;
    buffer_seen_ = buffer_.size();
    auto piece = co_await exchange_->read();
    if (!piece) {
      co_return std::unexpected(std::move(piece.error()));
    }
    if (piece->empty()) {
      co_return fail(ErrorCode::kUnavailable, "the sandbox daemon's stream ended without a result");
    }
    if (buffer_.size() + piece->size() > state_.options.answer_bytes_max) {
      co_return fail(ErrorCode::kUnavailable, "the sandbox daemon sent a line above {} bytes",
                     state_.options.answer_bytes_max);
    }
    buffer_.append(*piece);
  }
}

ToolSetClient::ToolSetClient(asio::io_context& context, http::Endpoint endpoint,
                             std::shared_ptr<const SigningKeys> keys, const Clock& clock,
                             ClientOptions options)
    : state_(std::make_unique<State>(context, std::move(endpoint), std::move(keys), clock,
                                     std::move(options))) {}

ToolSetClient::~ToolSetClient() = default;

Task<Expected<std::optional<Manifest>>> ToolSetClient::fetch(std::string known,
                                                             std::chrono::seconds wait) {
  const std::string target =
      wait.count() > 0 ? fmt::format("/tools?wait={}", wait.count()) : std::string("/tools");
  const std::string nonce = state_->random.hex(kNonceBytes);
  // The instance is part of the tag, so that a daemon that restarted answers at once.
  const std::string tag =
      fmt::format("\"{}\"", manifest_tag(known, state_->instance, state_->updates));
  const std::array<http::Header, 1> condition = {{{"If-None-Match", tag}}};
  const SignedHeaders headers(
      state_->keys->signing(), {.method = "GET", .path = target, .call_id = nonce},
      state_->clock.wall_now(), std::span(condition).first(known.empty() ? 0 : 1));
  const http::ClientRequest request{
      .target = target,
      .headers = headers.view(),
      .deadline = state_->clock.steady_now() + wait + state_->options.fetch_timeout,
      .idempotent = true};
  auto response = co_await state_->pool.fetch(request, kManifestBytesMax);
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status == 304 && !known.empty()) {
    co_return std::nullopt;
  }
  if (response->status != 200) {
    co_return std::unexpected(error_of(response->status));
  }
  auto manifest = parse_manifest(response->body);
  if (!manifest) {
    co_return std::unexpected(std::move(manifest.error()));
  }
  state_->instance = manifest->instance;
  state_->updates = sum_of(manifest->updates);
  co_return *std::move(manifest);
}

std::unique_ptr<Execution> ToolSetClient::execute(const ExecuteRequest& request,
                                                  Streaming streaming) {
  return std::make_unique<HttpExecution>(
      *state_,
      ExecutionRequest{.method = "POST",
                       .target = "/execute",
                       .body = write_execute_request(request),
                       .accept = streaming == Streaming::kYes
                                     ? kLinesType
                                     : "application/json, application/x-ndjson",
                       .call_id = std::string(request.call_id),
                       .signed_id = std::string(request.call_id)},
      request.deadline + state_->options.answer_grace);
}

std::unique_ptr<Execution> ToolSetClient::follow(std::string call_id, std::uint64_t from,
                                                 std::chrono::milliseconds patience) {
  std::string target = fmt::format("{}?from={}", execute_target(call_id), from);
  return std::make_unique<HttpExecution>(
      *state_,
      ExecutionRequest{.method = "GET",
                       .target = std::move(target),
                       .body = "",
                       .accept = kLinesType,
                       .call_id = std::move(call_id),
                       .signed_id = state_->random.hex(kNonceBytes)},
      patience);
}

Task<Expected<std::chrono::milliseconds>> ToolSetClient::start_detached(
    const ExecuteRequest& request) {
  auto response = co_await state_->fetch({.method = "POST",
                                          .target = "/execute",
                                          .accept = "application/json",
                                          .body = write_execute_request(request),
                                          .signed_id = std::string(request.call_id),
                                          .deadline = state_->fetch_deadline()});
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status != 202) {
    co_return std::unexpected(error_of(response->status));
  }
  const auto state = parse_detached_state(response->body, state_->parser);
  if (!state) {
    co_return fail(ErrorCode::kUnavailable, "{}", state.error().message);
  }
  co_return state->ttl;
}

Task<Expected<DetachedState>> ToolSetClient::detached_state(std::string call_id) {
  auto response = co_await state_->fetch({.method = "GET",
                                          .target = execute_target(call_id),
                                          .accept = "application/json",
                                          .body = "",
                                          .signed_id = state_->random.hex(kNonceBytes),
                                          .deadline = state_->fetch_deadline()});
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status != 200) {
    co_return std::unexpected(error_of_call(response->status));
  }
  const auto state = parse_detached_state(response->body, state_->parser);
  if (!state) {
    co_return fail(ErrorCode::kUnavailable, "{}", state.error().message);
  }
  co_return *state;
}

Task<Expected<void>> ToolSetClient::cancel(std::string call_id) {
  auto response = co_await state_->fetch({.method = "DELETE",
                                          .target = execute_target(call_id),
                                          .accept = "application/json",
                                          .body = "",
                                          .signed_id = state_->random.hex(kNonceBytes),
                                          .deadline = state_->fetch_deadline()});
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status != 204) {
    co_return std::unexpected(error_of_call(response->status));
  }
  co_return Expected<void>{};
}

Task<Expected<std::string>> ToolSetClient::get(std::string path) {
  const std::string nonce = state_->random.hex(kNonceBytes);
  const SignedHeaders headers(state_->keys->signing(),
                              {.method = "GET", .path = path, .call_id = nonce},
                              state_->clock.wall_now());
  const http::ClientRequest request{
      .target = path,
      .headers = headers.view(),
      .deadline = state_->clock.steady_now() + state_->options.fetch_timeout,
      .idempotent = true};
  auto response = co_await state_->pool.fetch(request, kMetricsBytesMax);
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status != 200) {
    co_return std::unexpected(error_of(response->status));
  }
  co_return std::move(response->body);
}

void ToolSetClient::expect_instance(std::string instance) {
  state_->instance = std::move(instance);
}

void ToolSetClient::replace_keys(std::shared_ptr<const SigningKeys> keys) {
  state_->keys = std::move(keys);
}

}  // namespace mcpgate::sandbox
