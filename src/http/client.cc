#include "http/client.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/address_rules.h"
#include "http/chunked.h"
#include "http/client_pool.h"
#include "http/dial.h"

namespace mcpgate::http {

namespace {

/// Interim answers (1xx) before the real one.
constexpr int kInterimAnswersMax = 8;
/// What a read of a body has room for at least, behind the head that stays in the buffer.
constexpr std::size_t kBodyRoomMin = std::size_t{8} << 10;

bool is_target(std::string_view target) {
  return !target.empty() &&
         std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f; });
}

Expected<void> check_request(const ClientRequest& request) {
  const auto is_valid = [](const Header& header) {
    return is_valid_header(header.name, header.value);
  };
  if (!is_valid_header(request.method, "") || !is_target(request.target) ||
      !std::ranges::all_of(request.headers, is_valid)) {
    return fail(ErrorCode::kInvalidArgument, "request with a bad method, target or header field");
  }
  return {};
}

void format_head(std::string& out, const ClientRequest& request, std::string_view authority) {
  out.clear();
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{} {} HTTP/1.1\r\nHost: {}\r\n"),
                 request.method, request.target, authority);
  // A POST without a body says so (RFC 9110, 8.6).
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("Content-Length: {}\r\n"),
                   request.body.size());
  }
  for (const Header& header : request.headers) {
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  out.append("\r\n");
}

}  // namespace

struct Exchange::State {
  explicit State(std::shared_ptr<ClientPool> client_pool)
      : pool(std::move(client_pool)), deadline([this] {
          timed_out = true;
          interrupt();
        }) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (connection == nullptr) {
      return;
    }
    const bool reusable = complete && !failed && !aborted && connection->head.keep_alive &&
                          position == connection->buffer.size();
    reusable ? pool->give_back(std::move(connection)) : pool->close(std::move(connection));
  }

  void interrupt() {
    if (resolution) {
      resolution->give_up();
    }
    if (connection != nullptr) {
      connection->stream.shutdown_both();
    }
  }

  /// The error as the caller should see it: a deadline and an abort end whatever was pending, which
  /// then fails in its own words.
  std::unexpected<Error> error(Error cause) {
    failed = true;
    deadline.cancel();
    if (aborted) {
      return fail(ErrorCode::kCancelled, "{}: aborted", pool->authority());
    }
    if (timed_out) {
      return fail(ErrorCode::kDeadlineExceeded, "{}: no answer in time", pool->authority());
    }
    cause.message = pool->authority() + ": " + cause.message;
    return std::unexpected(std::move(cause));
  }
  std::unexpected<Error> error(ErrorCode code, std::string_view message) {
    return error(Error{code, std::string(message)});
  }

  void arm(SteadyTime at) { pool->exchanges().arm(deadline, at); }

  Task<Expected<void>> connect(SteadyTime limit);
  Task<Expected<void>> connect_to(const SocketAddress& address);
  Expected<void> begin_request(const ClientRequest& request, Pieces& rest);
  Task<Expected<void>> receive_head(std::string_view method);
  Task<Expected<std::size_t>> receive();
  Expected<std::string_view> take_piece();
  std::optional<Expected<std::string_view>> ready();

  std::shared_ptr<ClientPool> pool;
  std::unique_ptr<ClientConnection> connection;
  std::optional<Resolution> resolution;
  Deadline deadline;
  SteadyTime deadline_at = SteadyTime::max();

  ChunkedDecoder chunks;
  std::uint64_t length_left = 0;
  std::size_t head_bytes = 0;
  /// Where in the buffer the body goes on.
  std::size_t position = 0;
  /// Of the request at hand, whether it left, and whether anything came back.
  bool sent_some = false;
  bool received_some = false;

  bool complete = false;
  bool failed = false;
  bool timed_out = false;
  bool aborted = false;
};

Task<Expected<void>> Exchange::State::connect_to(const SocketAddress& address) {
  const int family = address.storage.ss_family;
  auto fd = new_client_socket(family);
  if (!fd) {
    co_return std::unexpected(std::move(fd.error()));
  }
  if (auto place = pool->reserve_place(); !place) {
    co_return place;
  }
  connection = std::make_unique<ClientConnection>(pool->loop(), *std::move(fd), family);
  auto connected =
      co_await dial(connection->stream, address, pool->endpoint(), pool->options().tls);
  if (!connected) {
    pool->close(std::move(connection));
  }
  co_return connected;
}

/// A new connection, to the first address that takes one.
Task<Expected<void>> Exchange::State::connect(SteadyTime limit) {
  arm(std::min(limit, std::chrono::steady_clock::now() + pool->options().connect_timeout));
  resolution.emplace(pool->loop());
  auto addresses = co_await resolution->resolve(pool->endpoint());
  if (!addresses) {
    co_return std::unexpected(std::move(addresses.error()));
  }
  if (const auto& admitted = pool->options().admitted) {
    std::erase_if(*addresses, [&](const SocketAddress& address) {
      return !admitted->admits(reinterpret_cast<const sockaddr&>(address.storage));
    });
    if (addresses->empty()) {
      co_return fail(ErrorCode::kPermissionDenied, "{} has no address that may be connected to",
                     pool->endpoint().host);
    }
  }
  Expected<void> connected = fail(ErrorCode::kUnavailable, "no address");
  for (const SocketAddress& address : *addresses) {
    if (timed_out || aborted) {
      break;
    }
    connected = co_await connect_to(address);
    if (connected) {
      break;
    }
  }
  arm(limit);
  co_return connected;
}

/// Sends what leaves at once, as most requests do; `rest` is what does not.
Expected<void> Exchange::State::begin_request(const ClientRequest& request, Pieces& rest) {
  std::string& head = connection->request_head;
  format_head(head, request, pool->authority());
  rest = {{head, request.body}};
  const std::size_t whole = rest.size();
  auto written = connection->stream.try_write(rest);
  sent_some = written || rest.size() < whole;
  return written;
}

Task<Expected<std::size_t>> Exchange::State::receive() {
  auto n = co_await connection->stream.read_some(connection->buffer.room());
  if (timed_out || aborted) {
    co_return fail(ErrorCode::kCancelled, "interrupted");
  }
  if (n && *n > 0) {
    received_some = true;
    connection->buffer.commit(*n);
  }
  co_return n;
}

Task<Expected<void>> Exchange::State::receive_head(std::string_view method) {
  const ClientOptions& options = pool->options();
  Buffer& buffer = connection->buffer;
  for (int interim = 0; interim <= kInterimAnswersMax; ++interim) {
    HeadScanner scanner(options.head_bytes_max);
    for (;;) {
      auto scanned = scanner.scan(buffer.bytes());
      if (!scanned) {
        co_return fail(ErrorCode::kUnavailable, "bad answer: {}", scanned.error().reason);
      }
      head_bytes = *scanned;
      if (head_bytes > 0) {
        break;
      }
      if (buffer.room().empty()) {
        buffer.reserve(buffer.capacity() * 2);
      }
      auto n = co_await receive();
      if (!n) {
        co_return std::unexpected(std::move(n.error()));
      }
      if (*n == 0) {
        co_return fail(ErrorCode::kUnavailable, "connection closed before the answer");
      }
    }
    // The head stays where it is from here on, so there must be room for bodies behind it.
    buffer.reserve(std::max(head_bytes + kBodyRoomMin, buffer.size()));
    StatusHead& head = connection->head;
    if (auto parsed = parse_response_head(buffer.bytes().substr(0, head_bytes), method,
                                          options.headers_max, head);
        !parsed) {
      co_return fail(ErrorCode::kUnavailable, "bad answer: {}", parsed.error().reason);
    }
    if (head.status == 101) {
      co_return fail(ErrorCode::kUnavailable, "bad answer: switches protocols unasked");
    }
    if (head.status >= 200) {
      co_return Expected<void>{};
    }
    buffer.consume(head_bytes);
  }
  co_return fail(ErrorCode::kUnavailable, "bad answer: too many interim answers");
}

Exchange::Exchange(Client& client) : state_(std::make_unique<State>(client.pool_)) {}
Exchange::~Exchange() = default;

Task<Expected<ResponseHead>> Exchange::send(const ClientRequest& request) {
  State& state = *state_;
  MCPGATE_ASSERT(state.connection == nullptr);
  if (auto checked = check_request(request); !checked) {
    co_return state.error(std::move(checked.error()));
  }
  if (state.aborted) {
    co_return state.error(ErrorCode::kCancelled, "");
  }
  state.deadline_at = std::min(state.deadline_at, request.deadline);
  state.connection = state.pool->take_idle();
  for (;;) {
    const bool reused = state.connection != nullptr;
    Expected<void> done;
    if (reused) {
      state.arm(state.deadline_at);
    } else {
      done = co_await state.connect(state.deadline_at);
    }
    state.sent_some = state.received_some = false;
    if (done) {
      Pieces rest;
      done = state.begin_request(request, rest);
      if (done && rest.size() > 0) {
        done = co_await state.connection->stream.write_rest(rest);
      }
      // A server that refuses early may have answered before it closed its side.
      if (done || state.sent_some) {
        done = co_await state.receive_head(request.method);
      }
    }
    if (done) {
      break;
    }
    // A kept connection may die at any moment; a fresh one that fails is an answer.
    const bool may_repeat = reused && !state.received_some && !state.timed_out && !state.aborted &&
                            (request.idempotent || !state.sent_some);
    if (!may_repeat) {
      co_return state.error(std::move(done.error()));
    }
    state.pool->close(std::move(state.connection));
  }
  const StatusHead& head = state.connection->head;
  state.position = state.head_bytes;
  state.length_left = head.content_length;
  if (head.framing == Framing::kNone ||
      (head.framing == Framing::kLength && head.content_length == 0)) {
    state.complete = true;
    state.deadline.cancel();
  }
  co_return ResponseHead{head.status, head.headers};
}

/// The body's part of the bytes that were received; empty where they hold none.
Expected<std::string_view> Exchange::State::take_piece() {
  Buffer& buffer = connection->buffer;
  const std::string_view bytes = buffer.bytes().substr(position);
  std::string_view piece = bytes;
  switch (connection->head.framing) {
    case Framing::kNone:
    case Framing::kUntilClose:
      position += bytes.size();
      break;
    case Framing::kLength:
      piece = bytes.substr(
          0, static_cast<std::size_t>(std::min<std::uint64_t>(length_left, bytes.size())));
      length_left -= piece.size();
      position += piece.size();
      complete = length_left == 0;
      break;
    case Framing::kChunked: {
      char* const out = buffer.data() + position;
      auto step = chunks.decode(bytes, out);
      if (!step) {
        return fail(ErrorCode::kUnavailable, "bad answer: {}", step.error());
      }
      piece = {out, step->produced};
      position += step->consumed;
      complete = chunks.done();
      break;
    }
  }
  if (complete) {
    deadline.cancel();
  }
  return piece;
}

/// What read() gives without waiting for the peer, if anything.
std::optional<Expected<std::string_view>> Exchange::State::ready() {
  if (aborted || timed_out || failed) {
    return error(ErrorCode::kUnavailable, "the exchange has failed");
  }
  MCPGATE_ASSERT(complete || connection != nullptr);
  while (!complete && position < connection->buffer.size()) {
    auto piece = take_piece();
    if (!piece) {
      return error(std::move(piece.error()));
    }
    if (!piece->empty()) {
      return *piece;
    }
  }
  return complete ? std::optional(Expected<std::string_view>("")) : std::nullopt;
}

Task<Expected<std::string_view>> Exchange::read() {
  State& state = *state_;
  for (;;) {
    if (auto ready = state.ready()) {
      co_return *std::move(ready);
    }
    state.connection->buffer.truncate(state.head_bytes);
    state.position = state.head_bytes;
    auto n = co_await state.receive();
    if (!n) {
      co_return state.error(std::move(n.error()));
    }
    if (*n == 0) {
      if (state.connection->head.framing != Framing::kUntilClose) {
        co_return state.error(ErrorCode::kUnavailable, "answer cut off");
      }
      state.complete = true;
      state.deadline.cancel();
    }
  }
}

Task<Expected<std::string>> Exchange::read_all(std::size_t bytes_max) {
  std::string body;
  for (;;) {
    auto ready = state_->ready();
    auto piece = ready ? *std::move(ready) : co_await read();
    if (!piece) {
      co_return std::unexpected(std::move(piece.error()));
    }
    if (piece->empty()) {
      co_return body;
    }
    if (body.size() + piece->size() > bytes_max) {
      co_return state_->error(ErrorCode::kResourceExhausted,
                              fmt::format("answer larger than {} bytes", bytes_max));
    }
    body.append(*piece);
  }
}

void Exchange::set_deadline(SteadyTime deadline) {
  state_->deadline_at = deadline;
  if (state_->connection != nullptr && !state_->complete && !state_->failed) {
    state_->arm(deadline);
  }
}

void Exchange::abort() {
  state_->aborted = true;
  state_->interrupt();
}

Client::Client(asio::io_context& loop, Endpoint endpoint, ClientOptions options)
    : pool_(std::make_shared<ClientPool>(loop, std::move(endpoint), std::move(options))) {}

Client::~Client() {
  pool_->shut();
}

Task<Expected<ClientResponse>> Client::fetch(const ClientRequest& request,
                                             std::size_t body_bytes_max) {
  Exchange exchange(*this);
  auto head = co_await exchange.send(request);
  if (!head) {
    co_return std::unexpected(std::move(head.error()));
  }
  ClientResponse response;
  response.status = head->status;
  for (const Header& header : head->headers) {
    response.headers.emplace_back(header.name, header.value);
  }
  auto body = co_await exchange.read_all(body_bytes_max);
  if (!body) {
    co_return std::unexpected(std::move(body.error()));
  }
  response.body = std::move(*body);
  co_return response;
}

const Endpoint& Client::endpoint() const {
  return pool_->endpoint();
}
std::size_t Client::connections() const {
  return pool_->open();
}
std::size_t Client::idle_connections() const {
  return pool_->idle();
}

}  // namespace mcpgate::http
