#include "cli/stdio_bridge.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/encoding.h"
#include "base/file.h"
#include "http/sse.h"
#include "json/raw.h"
#include "mcp/params.h"
#include "mcp/rpc.h"

namespace mcpgate::cli {

namespace {

constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;
/// A call may take as long as the gateway lets it; this only ends what hangs for ever.
constexpr std::chrono::hours kPatience{24};

/// How often a stream that breaks off without saying anything more is taken up again, and how long
/// the gateway may have it wait before.
constexpr int kResumesMax = 5;
constexpr std::chrono::milliseconds kRetryMax{30'000};

/// A header value that any byte may be in: base64 where it is not plain ASCII (2026-07-28,
/// basic/transports, "Header encoding").
std::string header_value(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; }) &&
                     !text.starts_with(' ') && !text.ends_with(' ') && !text.starts_with("=?");
  return plain ? std::string(text) : "=?base64?" + base64_encode(as_bytes(text)) + "?=";
}

bool is_events(const http::ResponseHead& head) {
  return head.header("content-type").value_or("").starts_with("text/event-stream");
}

}  // namespace

/// One line of the client on its way to the gateway.
struct StdioBridge::Outgoing {
  std::string line;
  std::string method;
  /// What Mcp-Name repeats; empty where the method has none.
  std::string name;
  /// JSON bytes; empty for notifications, responses, and requests whose id is none.
  std::string id;
  /// A response to the gateway: whatever becomes of it is nothing that its client waits for.
  bool is_response = false;
  /// The envelope's revision; empty in the legacy era.
  std::string modern_revision;
  /// Of the request that `notifications/cancelled` names, JSON bytes.
  std::string cancelled_id;
  bool answered = false;
  /// Of its answer's stream: the last event with an id, and how long to wait before coming back.
  std::string last_event;
  std::chrono::milliseconds retry{1'000};
  /// What carries it, while it is under way; else null.
  http::Exchange* exchange = nullptr;
};

StdioBridge::StdioBridge(asio::io_context& loop, Target target, int input, int output)
    : loop_(loop),
      target_(std::move(target)),
      client_(loop, target_.endpoint, target_.client_options()),
      input_(loop, ::fcntl(input, F_DUPFD_CLOEXEC, 0)),
      output_(output),
      parser_(kAnswerBytesMax),
      done_(loop) {}

StdioBridge::~StdioBridge() = default;

Task<void> StdioBridge::run() {
  co_await read_lines();
  while (in_flight_ > 0) {
    done_.expires_at(SteadyTime::max());
    (void)co_await done_.async_wait(kAwait);
  }
}

Task<void> StdioBridge::read_lines() {
  std::string buffer;
  std::vector<char> chunk(std::size_t{64} << 10);
  for (;;) {
    for (std::size_t end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n')) {
      co_await take_line_in_turn(buffer.substr(0, end));
      buffer.erase(0, end + 1);
    }
    if (buffer.size() > kLineBytesMax) {
      write_line(mcp::write_error(mcp::kNullId, {.code = mcp::RpcCode::kInvalidRequest,
                                                 .message = "the line is too long"}));
      co_return;
    }
    const auto [error, bytes] = co_await input_.async_read_some(asio::buffer(chunk), kAwait);
    if (error) {  // The client has closed its end, perhaps in place of the last line's.
      co_await take_line_in_turn(std::move(buffer));
      co_return;
    }
    buffer.append(chunk.data(), bytes);
  }
}

Task<void> StdioBridge::take_line_in_turn(std::string line) {
  while (in_flight_ >= kMessagesInFlightMax) {
    done_.expires_at(SteadyTime::max());
    (void)co_await done_.async_wait(kAwait);
  }
  take_line(std::move(line));
}

void StdioBridge::take_line(std::string line) {
  if (line.find_first_not_of(" \t\r") == std::string::npos) {
    return;
  }
  const auto element = parser_.parse(line);
  if (!element) {
    const bool is_json = element.error().code == ErrorCode::kOutOfRange;
    write_line(mcp::write_error(
        mcp::kNullId, {.code = is_json ? mcp::RpcCode::kInvalidRequest : mcp::RpcCode::kParseError,
                       .message = element.error().message}));
    return;
  }
  auto message = std::make_shared<Outgoing>();
  if (const auto object = json::as_object(*element)) {
    message->method = json::string_at(*object, "method").value_or("");
    message->is_response = !json::find(*object, "method") &&
                           (json::find(*object, "result") || json::find(*object, "error"));
    if (const auto id = json::find_member(*object, line, "id");
        id && mcp::is_id(id->value) && !message->method.empty()) {
      message->id = id->raw;
    }
    const auto params = json::find_member(*object, line, "params");
    if (const auto fields = params ? json::as_object(params->value) : std::nullopt) {
      message->name =
          json::string_at(*fields, "name").value_or(json::string_at(*fields, "uri").value_or(""));
      const auto meta = json::object_at(*fields, "_meta");
      message->modern_revision = meta ? json::string_at(*meta, kVersionKey).value_or("") : "";
      const auto cancelled = json::find_member(*fields, params->raw, "requestId");
      message->cancelled_id = cancelled ? cancelled->raw : "";
    }
  }
  message->line = std::move(line);
  if (message->method == "notifications/cancelled" && cancel(*message)) {
    return;
  }
  ++in_flight_;
  if (!message->id.empty()) {
    requests_[message->id] = message;
  }
  asio::co_spawn(loop_, deliver(std::move(message)), asio::detached);
}

/// Its client waits no more for what `message` cancels. Whether that is all: in the modern era the
/// end of its HTTP request is what cancels a call.
bool StdioBridge::cancel(const Outgoing& message) {
  const auto found = requests_.find(message.cancelled_id);
  const auto request = found == requests_.end() ? nullptr : found->second.lock();
  if (!request) {
    return false;
  }
  request->answered = true;
  if (request->modern_revision.empty()) {
    return false;
  }
  if (request->exchange != nullptr) {
    request->exchange->abort();
  }
  return true;
}

Task<void> StdioBridge::deliver(std::shared_ptr<Outgoing> message) {
  co_await post(message);
  int resumes = 0;
  while (can_resume(*message) && resumes < kResumesMax) {
    const std::string before = message->last_event;
    co_await resume(message);
    resumes = message->last_event == before ? resumes + 1 : 0;
  }
  if (!message->id.empty()) {
    if (!message->answered) {
      fail_request(*message, "the gateway's answer ended before its time");
    }
    requests_.erase(message->id);
  }
  --in_flight_;
  done_.cancel();
}

Task<void> StdioBridge::post(const std::shared_ptr<Outgoing>& message) {
  const bool modern = !message->modern_revision.empty();
  const auto authorization = co_await target_.authorization(loop_);
  if (!authorization) {
    fail_request(*message, authorization.error().message);
    co_return;
  }
  if (message->answered) {
    co_return;  // The client has cancelled it while the token was refreshed.
  }
  const std::string revision = modern ? message->modern_revision : revision_;
  const std::string name = header_value(message->name);
  std::vector<http::Header> headers{{"Authorization", *authorization},
                                    {"Content-Type", "application/json"},
                                    {"Accept", "application/json, text/event-stream"}};
  if (!revision.empty()) {
    headers.push_back({"MCP-Protocol-Version", revision});
  }
  if (modern) {
    headers.push_back({"Mcp-Method", message->method});
    if (!message->name.empty()) {
      headers.push_back({"Mcp-Name", name});
    }
  } else if (!session_.empty() && message->method != "initialize") {
    headers.push_back({"Mcp-Session-Id", session_});
  }
  http::Exchange exchange(client_);
  message->exchange = &exchange;
  const auto head =
      co_await exchange.send({.method = "POST",
                              .target = target_.endpoint.path,
                              .headers = headers,
                              .body = message->line,
                              .deadline = std::chrono::steady_clock::now() + kPatience});
  if (!head) {
    fail_request(*message, target_.url + ": " + head.error().message);
  } else {
    co_await take_answer(*message, exchange, *head);
  }
  message->exchange = nullptr;
}

/// Whether the rest of its answer may be had by coming back (2025-11-25, basic/transports,
/// "Resumability and Redelivery").
bool StdioBridge::can_resume(const Outgoing& message) const {
  return !message.answered && !message.last_event.empty() && !session_.empty();
}

Task<void> StdioBridge::resume(const std::shared_ptr<Outgoing>& message) {
  asio::steady_timer wait(loop_, message->retry);
  (void)co_await wait.async_wait(kAwait);
  const auto authorization = co_await target_.authorization(loop_);
  if (!authorization) {
    fail_request(*message, authorization.error().message);
    co_return;
  }
  const std::vector<http::Header> headers{{"Authorization", *authorization},
                                          {"Accept", "text/event-stream"},
                                          {"MCP-Protocol-Version", revision_},
                                          {"Mcp-Session-Id", session_},
                                          {"Last-Event-ID", message->last_event}};
  http::Exchange exchange(client_);
  const auto head =
      co_await exchange.send({.method = "GET",
                              .target = target_.endpoint.path,
                              .headers = headers,
                              .deadline = std::chrono::steady_clock::now() + kPatience});
  if (head && is_events(*head)) {
    (void)co_await take_events(*message, exchange);
  } else if (head) {
    co_await take_answer(*message, exchange, *head);
  }
}

Task<void> StdioBridge::take_answer(Outgoing& message, http::Exchange& exchange,
                                    const http::ResponseHead& head) {
  if (head.status == 202 || message.is_response) {
    message.answered = true;  // A notification, or a call that the client has cancelled.
    co_return;
  }
  learn(message, head);
  if (head.status == 404 && message.modern_revision.empty()) {
    session_.clear();  // It has ended; the client cannot know, so what follows goes without one.
  }
  if (is_events(head)) {
    const auto read = co_await take_events(message, exchange);
    if (!read && !can_resume(message)) {
      fail_request(message, read.error().message);
    }
    co_return;
  }
  const auto body = co_await exchange.read_all(kAnswerBytesMax);
  if (!body) {
    fail_request(message, body.error().message);
    co_return;
  }
  take_body(message, *body);
}

/// What the legacy era's later requests must repeat.
void StdioBridge::learn(const Outgoing& message, const http::ResponseHead& head) {
  if (message.method == "initialize" && head.status == 200) {
    session_ = head.header("mcp-session-id").value_or("");
  }
}

void StdioBridge::learn_revision(std::string_view body) {
  const auto element = parser_.parse(body);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto result = object ? json::object_at(*object, "result") : std::nullopt;
  revision_ = result ? json::string_at(*result, "protocolVersion").value_or("") : "";
}

Task<Expected<void>> StdioBridge::take_events(Outgoing& message, http::Exchange& exchange) {
  http::SseParser events(kAnswerBytesMax);
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece) {
      co_return std::unexpected(std::move(piece.error()));
    }
    if (piece->empty()) {
      co_return Expected<void>();
    }
    if (auto fed = events.feed(*piece); !fed) {
      co_return fed;
    }
    while (const auto event = events.next()) {
      message.last_event = event->id.value_or(message.last_event);
      if (event->retry_ms) {
        message.retry = std::min(std::chrono::milliseconds(*event->retry_ms), kRetryMax);
      }
      if (!event->data.empty()) {
        take_body(message, event->data);
      }
    }
  }
}

/// One message of the gateway: the answer to `message`, or something on the way to it.
void StdioBridge::take_body(Outgoing& message, std::string_view body) {
  const auto element = parser_.parse(body);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  if (!object && !(element && element->is_array())) {
    fail_request(message, "the gateway's answer is no JSON-RPC message");
    return;
  }
  const bool is_answer = !object || !json::find(*object, "method");
  const auto id = object ? json::find(*object, "id") : std::nullopt;
  if (is_answer && id && id->is_null() && !message.id.empty()) {
    // A refusal by HTTP's means does not know the id, but the client waits for it.
    const auto error = json::object_at(*object, "error");
    fail_request(message,
                 error ? json::string_at(*error, "message").value_or("refused") : "refused");
    return;
  }
  if (is_answer) {
    message.answered = true;
  }
  write_line(body);
  if (is_answer && message.method == "initialize") {
    learn_revision(body);
  }
}

void StdioBridge::fail_request(Outgoing& message, std::string_view why) {
  if (message.answered || message.id.empty()) {
    return;
  }
  message.answered = true;
  write_line(mcp::write_error(message.id,
                              {.code = mcp::RpcCode::kInternalError, .message = std::string(why)}));
}

/// A message is one line: line ends in it can only be blanks between tokens.
void StdioBridge::write_line(std::string_view json) {
  std::string line(json);
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  line += '\n';
  (void)write_all(output_, line);  // A client that is gone closes its input next.
}

}  // namespace mcpgate::cli
