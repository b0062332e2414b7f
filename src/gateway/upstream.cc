// Nothing that an upstream says is believed, and nothing of it but its answers and notifications
// leaves this file: what goes to the log are our words about it.

#include "gateway/upstream.h"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "mcp/header_value.h"
#include "mcp/rpc.h"

namespace mcpgate::gateway {

namespace {

/// What an answer to a notification of ours may say.
constexpr std::size_t kAsideBytesMax = std::size_t{64} << 10;
/// For a notification, or the end of a session, which nobody waits for.
constexpr std::chrono::seconds kAsideTimeout{5};
/// Below the 5 s after which servers on Node close a kept connection.
constexpr std::chrono::milliseconds kIdleTimeout{4'000};
/// A request is sent anew where the server does not know its session any more.
constexpr int kAttemptsMax = 2;
/// An answer that breaks off without saying anything more is taken up again so often.
constexpr int kResumesMax = 5;
constexpr std::string_view kBothForms = "application/json, text/event-stream";

http::ClientOptions client_options(const UpstreamOptions& options) {
  return {.idle_timeout = kIdleTimeout,
          .tls = options.tls,
          .admitted = std::make_shared<const http::AddressRules>(options.admitted)};
}

bool is_modern(const Upstream::Session& session) {
  return session.offer.era == mcp::Era::kModern;
}

/// What a status means that is no answer.
Error error_of(int status) {
  if (status == 401 || status == 403) {
    return {ErrorCode::kUnauthenticated,
            fmt::format("it refuses this gateway's credential with status {}", status)};
  }
  if (status == 429) {
    return {ErrorCode::kResourceExhausted, "it takes no more requests now: status 429"};
  }
  if (status >= 300 && status < 400) {
    return {ErrorCode::kUnavailable,
            fmt::format("it redirects with status {}, which is not followed", status)};
  }
  if (status == 404 || status == 405) {
    return {ErrorCode::kUnavailable,
            fmt::format("it answered with status {}: is there MCP at this URL?", status)};
  }
  return {ErrorCode::kUnavailable, fmt::format("it answered with status {}", status)};
}

/// Makes a message without body the GET of a stream.
void ask_for_events(UpstreamSend& message) {
  message.method = "GET";
  message.headers.front() = {"Accept", "text/event-stream"};
  message.headers.erase(message.headers.begin() + 1);
}

/// Whether a server of an era before `server/discover` may mean by this that it does not know it.
bool may_be_legacy(const Error& error) {
  return error.code == ErrorCode::kFailedPrecondition;
}

}  // namespace

Upstream::Upstream(asio::io_context& loop, std::shared_ptr<const UpstreamOptions> options,
                   const Clock& clock)
    : loop_(loop),
      options_(std::move(options)),
      clock_(clock),
      client_(loop, options_->endpoint, client_options(*options_)) {}

/// With the headers that all messages of a session have.
UpstreamSend Upstream::message_to(const Session& session, std::string body,
                                  SteadyTime deadline) const {
  UpstreamSend message{
      .target = options_->endpoint.path,
      .headers = {{"Content-Type", "application/json"}, {"Accept", std::string(kBothForms)}},
      .body = std::move(body),
      .deadline = deadline};
  if (!options_->credential_header.empty()) {
    message.headers.emplace_back(options_->credential_header, options_->credential);
  }
  if (!session.offer.version.empty()) {
    message.headers.emplace_back("MCP-Protocol-Version", session.offer.version);
  }
  if (!session.id.empty()) {
    message.headers.emplace_back("Mcp-Session-Id", session.id);
  }
  return message;
}

Task<Expected<UpstreamMessage>> Upstream::next_message(UpstreamExchange& exchange,
                                                       SessionPtr session, std::uint64_t id) {
  for (;;) {
    auto next = co_await exchange.next();
    if (!next) {
      co_return std::unexpected(std::move(next.error()));
    }
    const std::optional<std::string> text = *std::move(next);
    if (!text) {
      co_return fail(ErrorCode::kUnavailable, "its answer ended without a result");
    }
    json::Parser parser(text->size());
    const auto message = mcp::read_server_message(*text, parser);
    if (!message) {
      co_return fail(ErrorCode::kUnavailable, "it says what is no message of MCP: {}",
                     message.error().message);
    }
    if (const auto* response = std::get_if<mcp::ServerResponse>(&*message)) {
      if (response->id == id) {
        co_return UpstreamAnswer{.result = std::string(response->result),
                                 .error = response->error,
                                 .error_code = response->error_code};
      }
    } else if (const auto* note = std::get_if<mcp::ServerNotification>(&*message)) {
      co_return UpstreamNotice{.method = std::string(note->method),
                               .params = std::string(note->params)};
    } else if (!is_modern(*session)) {
      tell(session, mcp::answer_server_request(std::get<mcp::ServerRequest>(*message)));
    }
  }
}

/// One of the two requests that come before all others.
Task<Expected<UpstreamAnswer>> Upstream::introduce(const Session& session, std::string_view method,
                                                   std::string params, SteadyTime deadline,
                                                   UpstreamSwitch& off, std::string* session_id) {
  const std::uint64_t id = next_id_++;
  UpstreamSend message =
      message_to(session, mcp::write_server_request(id, method, params), deadline);
  if (is_modern(session)) {
    message.headers.emplace_back("Mcp-Method", method);
  }
  UpstreamExchange exchange(client_, off, options_->answer_bytes_max);
  const auto head = co_await exchange.send(message);
  if (!head) {
    co_return std::unexpected(head.error());
  }
  if (head->status != 200) {
    // Any other refusal may be how a server says that it does not know this request.
    const Error error = error_of(head->status);
    const bool knows_not =
        head->status >= 400 && head->status < 500 && error.code == ErrorCode::kUnavailable;
    co_return fail(knows_not ? ErrorCode::kFailedPrecondition : error.code, "{}: {}", method,
                   error.message);
  }
  if (session_id != nullptr) {
    *session_id = head->session_id;
  }
  const auto shared = std::make_shared<const Session>(session);
  for (;;) {
    auto said = co_await next_message(exchange, shared, id);
    if (!said) {
      co_return fail(said.error().code, "{}: {}", method, said.error().message);
    }
    if (auto* answer = std::get_if<UpstreamAnswer>(&*said)) {
      co_return std::move(*answer);
    }
  }
}

Task<Expected<Upstream::SessionPtr>> Upstream::discover(SteadyTime deadline, UpstreamSwitch& off) {
  const Session unknown{
      .offer = {.era = mcp::Era::kModern, .version = std::string(mcp::to_string(mcp::kNewest))}};
  const auto answer =
      co_await introduce(unknown, "server/discover", mcp::request_params(mcp::Era::kModern, ""),
                         deadline, off, nullptr);
  if (!answer) {
    co_return std::unexpected(answer.error());
  }
  if (!answer->error.empty()) {
    co_return fail(ErrorCode::kFailedPrecondition, "server/discover: it answered with an error");
  }
  auto offer = mcp::read_discover_result(answer->result);
  if (!offer) {
    co_return std::unexpected(std::move(offer.error()));
  }
  co_return std::make_shared<const Session>(Session{.offer = *std::move(offer)});
}

Task<Expected<Upstream::SessionPtr>> Upstream::initialize(SteadyTime deadline,
                                                          UpstreamSwitch& off) {
  Session session;
  const auto answer = co_await introduce(session, "initialize", mcp::initialize_params(), deadline,
                                         off, &session.id);
  if (!answer) {
    co_return std::unexpected(answer.error());
  }
  if (!answer->error.empty()) {
    co_return fail(ErrorCode::kFailedPrecondition, "initialize: it answered with an error");
  }
  auto offer = mcp::read_initialize_result(answer->result);
  if (!offer) {
    co_return std::unexpected(std::move(offer.error()));
  }
  session.offer = *std::move(offer);
  // It is waited for: a server may refuse requests that come before it.
  UpstreamExchange exchange(client_, off, kAsideBytesMax);
  const auto head = co_await exchange.send(message_to(
      session, mcp::write_server_notification("notifications/initialized", "{}"), deadline));
  if (!head) {
    co_return std::unexpected(head.error());
  }
  if (head->status < 200 || head->status >= 300) {
    co_return fail(ErrorCode::kUnavailable, "notifications/initialized: {}",
                   error_of(head->status).message);
  }
  co_return std::make_shared<const Session>(std::move(session));
}

Task<Expected<Upstream::SessionPtr>> Upstream::open(std::string identity, SteadyTime deadline,
                                                    UpstreamSwitch& off) {
  if (modern_ != nullptr) {
    co_return modern_;
  }
  if (const auto kept = sessions_.find(identity); kept != sessions_.end()) {
    kept->second.last_used = clock_.steady_now();
    co_return kept->second.session;
  }
  if (era_ != mcp::Era::kLegacy) {
    auto discovered = co_await discover(deadline, off);
    if (discovered) {
      era_ = mcp::Era::kModern;
      modern_ = *discovered;
      co_return modern_;
    }
    if (!may_be_legacy(discovered.error())) {
      co_return discovered;
    }
  }
  auto begun = co_await initialize(deadline, off);
  if (!begun) {
    era_.reset();
    co_return begun;
  }
  era_ = mcp::Era::kLegacy;
  co_return keep(std::move(identity), *std::move(begun));
}

/// The session that counts: one that was begun meanwhile, else this one, for which the one that was
/// not used for longest makes room.
Upstream::SessionPtr Upstream::keep(std::string identity, SessionPtr session) {
  if (const auto kept = sessions_.find(identity); kept != sessions_.end()) {
    end(session);
    return kept->second.session;
  }
  if (sessions_.size() >= options_->sessions_max) {
    const auto oldest = std::ranges::min_element(
        sessions_, {}, [](const auto& entry) { return entry.second.last_used; });
    end(oldest->second.session);
    sessions_.erase(oldest);
  }
  sessions_.emplace(std::move(identity),
                    Kept{.session = session, .last_used = clock_.steady_now()});
  return session;
}

void Upstream::forget(const std::string& identity) {
  modern_.reset();
  era_.reset();
  sessions_.erase(identity);
}

/// Sends a notification, or the answer to a request of the server's. Whether it arrives changes
/// nothing here.
void Upstream::tell(const SessionPtr& session, std::string body) {
  asio::co_spawn(loop_,
                 send_aside(shared_from_this(), message_to(*session, std::move(body),
                                                           clock_.steady_now() + kAsideTimeout)),
                 asio::detached);
}

/// 2025-11-25, "Session Management": a client that is done with a session says so.
void Upstream::end(const SessionPtr& session) {
  if (session->id.empty()) {
    return;
  }
  UpstreamSend message = message_to(*session, "", clock_.steady_now() + kAsideTimeout);
  message.method = "DELETE";
  asio::co_spawn(loop_, send_aside(shared_from_this(), std::move(message)), asio::detached);
}

Task<void> Upstream::send_aside(std::shared_ptr<Upstream> self, UpstreamSend message) {
  UpstreamSwitch off;
  UpstreamExchange exchange(self->client_, off, kAsideBytesMax);
  (void)co_await exchange.send(message);
}

UpstreamRequest::UpstreamRequest(std::shared_ptr<Upstream> upstream, UpstreamQuestion question)
    : upstream_(std::move(upstream)), question_(std::move(question)) {}

/// A modern server is told by the end of the connection, a legacy one in words.
UpstreamRequest::~UpstreamRequest() {
  if (may_run_ && !is_listening() && !is_modern(*session_)) {
    upstream_->tell(session_,
                    mcp::write_server_notification("notifications/cancelled",
                                                   fmt::format(R"({{"requestId":{}}})", id_)));
  }
}

Task<Expected<UpstreamMessage>> UpstreamRequest::next() {
  if (!std::exchange(is_begun_, true)) {
    if (const auto begun = co_await begin(); !begun) {
      co_return std::unexpected(begun.error());
    }
  }
  if (auto refusal = std::exchange(refusal_, std::nullopt)) {
    co_return *std::move(refusal);
  }
  auto message = co_await upstream_->next_message(*exchange_, session_, id_);
  while (!message && co_await resume()) {
    message = co_await upstream_->next_message(*exchange_, session_, id_);
  }
  resumes_ = message ? 0 : resumes_;
  may_run_ = may_run_ && !(message && std::holds_alternative<UpstreamAnswer>(*message));
  co_return message;
}

/// Comes back to a legacy server for the rest of an answer that broke off. False where that is no
/// use; then it ended as it ended.
Task<bool> UpstreamRequest::resume() {
  const auto point = exchange_->resume_point();
  if (!point || is_listening() || is_modern(*session_) || session_->id.empty() ||
      ++resumes_ > kResumesMax ||
      upstream_->clock().steady_now() + point->retry >= question_.deadline ||
      !co_await switch_.wait(upstream_->loop_, point->retry)) {
    co_return false;
  }
  UpstreamSend message = upstream_->message_to(*session_, "", question_.deadline);
  ask_for_events(message);
  message.headers.emplace_back("Last-Event-ID", point->event);
  const std::size_t bytes_left = exchange_->bytes_left();
  exchange_ = nullptr;  // Before the next one opens under the switch.
  exchange_ = std::make_unique<UpstreamExchange>(upstream_->client_, switch_, bytes_left);
  const auto head = co_await exchange_->send(message);
  co_return head && head->status == 200;
}

/// Sends the request in a session that the server knows.
Task<Expected<void>> UpstreamRequest::begin() {
  for (int attempt = 1;; ++attempt) {
    auto session = co_await upstream_->open(question_.identity, question_.deadline, switch_);
    if (!session) {
      co_return std::unexpected(std::move(session.error()));
    }
    session_ = *std::move(session);
    const auto head = co_await send();
    if (!head) {
      co_return std::unexpected(head.error());
    }
    if (head->status == 200) {
      co_return Expected<void>{};
    }
    retry_after_ = head->retry_after;
    // A refusal of the modern era comes with a status of its own. One in a session, or without a
    // word of JSON-RPC, may mean that the server has started anew or is another one by now.
    const bool may_be_new = head->status == 404 || head->status == 400;
    if (may_be_new && is_modern(*session_) && exchange_->has_messages()) {
      auto said = co_await upstream_->next_message(*exchange_, session_, id_);
      auto* answer = said ? std::get_if<UpstreamAnswer>(&*said) : nullptr;
      if (answer != nullptr && !answer->error.empty() &&
          answer->error_code != static_cast<int>(mcp::RpcCode::kUnsupportedProtocolVersion)) {
        refusal_ = std::move(*answer);
        co_return Expected<void>{};
      }
    }
    if (!may_be_new || attempt == kAttemptsMax || is_listening()) {
      co_return std::unexpected(error_of(head->status));
    }
    upstream_->forget(question_.identity);
  }
}

Task<Expected<UpstreamHead>> UpstreamRequest::send() {
  const mcp::Era era = session_->offer.era;
  id_ = upstream_->next_id_++;
  mcp::RequestMeta meta{.traceparent = question_.traceparent};
  if (question_.wants_events) {
    meta.progress_token = id_;
    meta.log_level = "debug";  // What the client wants of it is decided where it is passed on.
  }
  const bool modern = is_modern(*session_);
  const std::string_view method =
      is_listening() ? std::string_view("subscriptions/listen") : question_.method;
  UpstreamSend message = upstream_->message_to(
      *session_,
      mcp::write_server_request(id_, method, mcp::request_params(era, question_.members, meta)),
      question_.deadline);
  if (modern) {
    message.headers.emplace_back("Mcp-Method", method);
    if (!question_.name.empty()) {
      message.headers.emplace_back("Mcp-Name", mcp::encode_header_value(question_.name));
    }
    message.headers.insert(message.headers.end(), question_.param_headers.begin(),
                           question_.param_headers.end());
  } else if (is_listening()) {
    message.body.clear();
    ask_for_events(message);
  }
  exchange_ = nullptr;  // Before the next one opens under the switch.
  exchange_ = std::make_unique<UpstreamExchange>(upstream_->client_, switch_,
                                                 upstream_->options().answer_bytes_max);
  may_run_ = true;
  auto head = co_await exchange_->send(message);
  if (head) {
    may_run_ = head->status == 200;
  } else {
    const ErrorCode why = head.error().code;
    may_run_ = why == ErrorCode::kCancelled || why == ErrorCode::kDeadlineExceeded;
  }
  co_return head;
}

}  // namespace mcpgate::gateway
