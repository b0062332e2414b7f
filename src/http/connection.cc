// One request after the other on one connection.
//
// Heads and bodies stay where they were received: views are made once the whole request is there.
// Nothing here is locked, for a connection belongs to one loop. A timeout cancels the pending
// operation and leaves the connection usable, so that 408 can be said; cut() does not.

#include "http/connection.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <utility>

#include "base/log.h"

namespace mcpgate::http {

namespace {

/// While the server drains: how long a connection that has not yet sent a request is waited for.
constexpr std::chrono::milliseconds kFreshGrace{1'000};

/// After a refusal the peer may still be sending. Closing at once would reset the connection, and
/// the answer could be lost with it; so what comes is thrown away for a while.
constexpr std::chrono::milliseconds kLingerTimeout{5'000};
constexpr std::size_t kLingerBytesMax = std::size_t{256} << 20;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kInternalError = "internal error\n";

void refresh_date(ConnectionShared& shared) {
  const std::int64_t second = std::time(nullptr);
  if (second == shared.date_second) {
    return;
  }
  const std::time_t now = second;
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[64];
  const std::size_t n =
      std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
  shared.date_line.assign(text, n);
  shared.date_second = second;
}

bool has_valid_headers(const Headers& headers) {
  return std::ranges::all_of(
      headers, [](const auto& header) { return is_valid_header(header.first, header.second); });
}

}  // namespace

Connection::Connection(std::shared_ptr<ConnectionShared> shared, UniqueFd fd, int family,
                       std::string peer)
    : shared_(std::move(shared)),
      stream_(shared_->loop, std::move(fd), family),
      peer_(std::move(peer)),
      deadline_([this] {
        timed_out_ = true;
        stream_.cancel();
      }),
      scanner_(shared_->options.limits.head_bytes_max) {}

Connection::~Connection() {
  if (watched_) {
    shared_->hangups.remove(stream_.fd());
  }
  shared_->buffered_bytes -= buffer_.capacity() - Buffer::kCapacityMin;
}

void Connection::drain() {
  if (!idle_) {
    return;
  }
  if (served_one_) {
    timed_out_ = true;
    stream_.cancel();
  } else {
    shared_->head.arm_after(deadline_, kFreshGrace);
  }
}

void Connection::cut() {
  broken_ = true;
  stream_.shutdown_both();
  if (auto gone = std::exchange(gone_, nullptr)) {
    gone();
  }
}

void Connection::on_hangup() {
  hung_up_ = true;
  if (auto gone = std::exchange(gone_, nullptr)) {
    gone();
  }
}

void Connection::on_disconnect(std::function<void()> gone) {
  gone_ = std::move(gone);
  if (gone_ == nullptr || (watched_ && !hung_up_)) {
    return;
  }
  if (auto watching = shared_->hangups.add(stream_.fd(), *this); watching) {
    watched_ = true;
  } else {
    log_error("{}", watching.error().message);
  }
}

// Receiving.

Connection::Received Connection::refuse(int status, std::string_view reason) {
  refusal_ = {status, reason};
  return Received::kRefused;
}

// Doubles the buffer, so that what a connection holds follows what it has sent, not what it
// promises.
bool Connection::make_room(std::size_t bytes_max) {
  if (!buffer_.room().empty()) {
    return true;
  }
  const std::size_t capacity = std::min(buffer_.capacity() * 2, bytes_max);
  const std::size_t growth = capacity - buffer_.capacity();
  if (shared_->buffered_bytes + growth > shared_->options.limits.buffered_bytes_max) {
    return false;
  }
  shared_->buffered_bytes += growth;
  buffer_.reserve(capacity);
  return true;
}

Task<Connection::Received> Connection::receive_more(DeadlineQueue& queue,
                                                    std::chrono::milliseconds timeout,
                                                    const char* late) {
  // A deadline that is armed runs on: it bounds the whole head, the whole body.
  if (!deadline_.armed() && !timed_out_) {
    queue.arm_after(deadline_, timeout);
  }
  if (!timed_out_) {
    auto n = co_await stream_.read_some(buffer_.room());
    if (n && *n > 0) {
      buffer_.commit(*n);
      co_return timed_out_&& late != nullptr ? refuse(408, late) : Received::kReady;
    }
  }
  co_return timed_out_&& late != nullptr ? refuse(408, late) : Received::kClosed;
}

Task<Connection::Received> Connection::receive_head() {
  const ServerLimits& limits = shared_->options.limits;
  scanner_ = HeadScanner(limits.head_bytes_max);
  for (;;) {
    auto scanned = scanner_.scan(buffer_.bytes());
    if (!scanned) {
      co_return refuse(scanned.error().status, scanned.error().reason);
    }
    if (*scanned > 0) {
      head_bytes_ = *scanned;
      break;
    }
    if (!make_room(limits.head_bytes_max + Buffer::kCapacityMin)) {
      co_return refuse(503, "too many bytes buffered");
    }
    if (buffer_.size() > 0) {
      const auto more =
          co_await receive_more(shared_->head, limits.head_timeout, "head not received in time");
      if (more != Received::kReady) {
        co_return more;
      }
      continue;
    }
    idle_ = true;
    if (shared_->draining) {
      drain();
    }
    auto more = co_await receive_more(shared_->idle, limits.idle_timeout, nullptr);
    idle_ = false;
    deadline_.cancel();
    if (more != Received::kReady && timed_out_) {
      // The request may have arrived while the wait was being ended.
      if (auto n = stream_.try_read(buffer_.room()); n && *n > 0) {
        buffer_.commit(*n);
        more = Received::kReady;
      }
    }
    timed_out_ = false;
    if (more != Received::kReady) {
      co_return Received::kClosed;
    }
  }
  if (auto parsed =
          parse_request_head(buffer_.bytes().substr(0, head_bytes_), limits.headers_max, head_);
      !parsed) {
    co_return refuse(parsed.error().status, parsed.error().reason);
  }
  co_return Received::kReady;
}

Task<Expected<void>> Connection::continue_if_expected() {
  if (!std::exchange(head_.expects_continue, false)) {
    co_return Expected<void>{};
  }
  const Pieces pieces{{kContinue, {}}};
  co_return co_await write_all(pieces);
}

/// Whether the whole body came with the head. What is chunked is not looked at.
bool Connection::has_body() const {
  return head_.framing != Framing::kChunked && buffer_.size() - head_bytes_ >= head_.content_length;
}

bool Connection::wants_body() {
  body_end_ = head_bytes_;
  try {
    return shared_->handler.wants_body(request_view());
  } catch (const std::exception& exception) {
    log_error("request handler: {}", exception.what());
    return false;
  }
}

/// Where the body will end, as far as the head tells.
Connection::Received Connection::expect_body() {
  deadline_.cancel();
  body_end_ = request_end_ = head_bytes_;
  if (head_.framing == Framing::kChunked) {
    return Received::kReady;
  }
  if (head_.content_length > shared_->options.limits.body_bytes_max) {
    return refuse(413, "body too large");
  }
  body_end_ = request_end_ = head_bytes_ + static_cast<std::size_t>(head_.content_length);
  return Received::kReady;
}

Task<Connection::Received> Connection::receive_body() {
  const ServerLimits& limits = shared_->options.limits;
  if (head_.framing == Framing::kChunked) {
    co_return co_await receive_chunks();
  }
  while (buffer_.size() < request_end_) {
    if (auto asked = co_await continue_if_expected(); !asked) {
      co_return Received::kClosed;
    }
    if (!make_room(std::max(request_end_, Buffer::kCapacityMin))) {
      co_return refuse(503, "too many bytes buffered");
    }
    const auto more =
        co_await receive_more(shared_->body, limits.body_timeout, "body not received in time");
    if (more != Received::kReady) {
      co_return more;
    }
  }
  co_return Received::kReady;
}

// Chunks are decoded in place: a body never takes more room than its chunks did.
Task<Connection::Received> Connection::receive_chunks() {
  const ServerLimits& limits = shared_->options.limits;
  ChunkedDecoder decoder;
  for (;;) {
    auto step = decoder.decode(buffer_.bytes().substr(body_end_), buffer_.data() + body_end_);
    if (!step) {
      co_return refuse(400, step.error());
    }
    request_end_ = body_end_ + step->consumed;
    body_end_ += step->produced;
    if (body_end_ - head_bytes_ + decoder.chunk_bytes_left() > limits.body_bytes_max) {
      co_return refuse(413, "body too large");
    }
    if (decoder.done()) {
      co_return Received::kReady;
    }
    buffer_.truncate(body_end_);
    if (auto asked = co_await continue_if_expected(); !asked) {
      co_return Received::kClosed;
    }
    if (!make_room(head_bytes_ + limits.body_bytes_max + Buffer::kCapacityMin)) {
      co_return refuse(503, "too many bytes buffered");
    }
    const auto more =
        co_await receive_more(shared_->body, limits.body_timeout, "body not received in time");
    if (more != Received::kReady) {
      co_return more;
    }
  }
}

Request Connection::request_view() {
  return {.method = head_.method,
          .target = head_.target,
          .path = head_.path,
          .query = head_.query,
          .host = head_.host,
          .headers = head_.headers,
          .body = buffer_.bytes().substr(head_bytes_, body_end_ - head_bytes_),
          .peer = peer_,
          .secure = stream_.secure()};
}

// Serving.

Task<void> Connection::serve() {
  if (const auto& tls = shared_->options.tls) {
    auto session = new_server_session(*tls, stream_.fd());
    if (!session) {
      log_error("{}", session.error().message);
      co_return;
    }
    stream_.use_tls(std::move(*session));
    shared_->head.arm_after(deadline_, shared_->options.limits.head_timeout);
    auto shaken = co_await stream_.handshake();
    deadline_.cancel();
    if (!shaken || timed_out_) {
      co_return;
    }
  }
  while (co_await serve_one()) {
  }
}

Task<bool> Connection::serve_one() {
  const std::size_t headers_max = shared_->options.limits.headers_max;
  head_bytes_ = 0;
  Received received = co_await receive_head();
  const bool unwanted = received == Received::kReady && !has_body() && !wants_body();
  if (unwanted) {
    body_end_ = request_end_ = head_bytes_;
    head_.keep_alive = false;
  } else if (received == Received::kReady) {
    const char* const parsed_at = buffer_.data();
    received = expect_body();
    if (received == Received::kReady && !has_body()) {
      received = co_await receive_body();
    }
    if (buffer_.data() != parsed_at) {
      // The buffer has moved, and the views with it.
      (void)parse_request_head(buffer_.bytes().substr(0, head_bytes_), headers_max, head_);
    }
  } else if (received == Received::kRefused) {
    // As far as it is readable, for the record of the refusal.
    (void)parse_request_head(buffer_.bytes(), headers_max, head_);
  }
  deadline_.cancel();
  if (received == Received::kClosed) {
    co_return false;
  }
  if (received == Received::kRefused) {
    decide_refusal();
  } else {
    keep_alive_ = head_.keep_alive;
    answer_ = Answer::kNone;
    const Request request = request_view();
    co_await handle(request);
    gone_ = nullptr;
  }
  if (!co_await answer()) {
    if (!broken_ && (received == Received::kRefused || unwanted || buffer_.size() > request_end_)) {
      co_await linger();
    }
    co_return false;
  }
  finish_request();
  co_return true;
}

// The backstop: we throw nothing, but libraries below a handler may.
Task<void> Connection::handle(const Request& request) {
  Responder responder(*this);
  try {
    co_await shared_->handler.handle(request, responder);
  } catch (const std::exception& exception) {
    log_error("request handler: {}", exception.what());
    if (answer_ == Answer::kWhole) {
      answer_ = Answer::kNone;
    }
  }
}

/// Sends the whole answer, or ends the streamed one. Whether the connection is kept.
Task<bool> Connection::answer() {
  if (broken_ || answer_ == Answer::kStream) {
    co_return false;
  }
  if (answer_ == Answer::kNone) {
    response_ = Response{.status = 500, .body = std::string(kInternalError)};
    answer_ = Answer::kWhole;
  }
  if (answer_ == Answer::kWhole) {
    keep_alive_ = keep_alive_ && !shared_->draining;
    out_.clear();
    append_head(response_.status, response_.headers);
    if (!response_.content_type.empty()) {
      fmt::format_to(std::back_inserter(out_), FMT_COMPILE("Content-Type: {}\r\n"),
                     response_.content_type);
    }
    if (!is_bodyless(response_.status)) {
      fmt::format_to(std::back_inserter(out_), FMT_COMPILE("Content-Length: {}\r\n"),
                     response_.body.size());
    }
    out_.append("\r\n");
    const bool with_body = !is_bodyless(response_.status) && head_.method != "HEAD";
    Pieces pieces{{out_, with_body ? std::string_view(response_.body) : ""}};
    // Most answers leave at once, and need no coroutine to wait for their peer.
    if (const auto sent = stream_.try_write(pieces); !sent) {
      broken_ = true;
      co_return false;
    }
    if (pieces.size() > 0 && !co_await write_all(pieces)) {
      co_return false;
    }
  }
  if (!keep_alive_) {
    stream_.shutdown_write();
  }
  co_return keep_alive_;
}

void Connection::finish_request() {
  const std::size_t before = buffer_.capacity();
  buffer_.consume(request_end_);
  buffer_.shrink();
  shared_->buffered_bytes -= before - buffer_.capacity();
  served_one_ = true;
  response_ = {};
}

void Connection::decide_refusal() {
  const Refusal refusal{.status = refusal_.status,
                        .reason = refusal_.reason,
                        .peer = peer_,
                        .method = head_.method,
                        .target = head_.target};
  timed_out_ = false;
  keep_alive_ = false;
  try {
    response_ = shared_->handler.refused(refusal);
  } catch (const std::exception& exception) {
    log_error("refusal handler: {}", exception.what());
    response_ = {};
  }
  if (constexpr int kUnrecorded = 503; response_.status != kUnrecorded) {
    response_.status = refusal_.status;
  }
  answer_ = Answer::kNone;
  send(std::move(response_));
}

Task<void> Connection::linger() {
  timed_out_ = false;
  shared_->write.arm_after(deadline_, kLingerTimeout);
  co_await stream_.discard(kLingerBytesMax);
  deadline_.cancel();
}

// Answering.

bool Connection::is_bodyless(int status) const {
  return status < 200 || status == 204 || status == 304;
}

void Connection::append_head(int status, const Headers& headers) {
  refresh_date(*shared_);
  fmt::format_to(std::back_inserter(out_), FMT_COMPILE("HTTP/1.1 {} {}\r\n{}"), status,
                 status_reason(status), shared_->date_line);
  for (const auto& [name, value] : headers) {
    out_.append(name).append(": ").append(value).append("\r\n");
  }
  if (!keep_alive_) {
    out_.append("Connection: close\r\n");
  }
}

Task<Expected<void>> Connection::write_all(Pieces pieces) {
  auto written = stream_.try_write(pieces);
  if (written && pieces.size() > 0) {
    shared_->write.arm_after(deadline_, shared_->options.limits.write_timeout);
    written = co_await stream_.write_rest(pieces);
    deadline_.cancel();
  }
  if (timed_out_) {
    written = fail(ErrorCode::kDeadlineExceeded, "write: peer too slow");
  }
  if (!written) {
    broken_ = true;
  }
  co_return written;
}

void Connection::send(Response response) {
  MCPGATE_ASSERT(answer_ == Answer::kNone);
  answer_ = Answer::kWhole;
  if (!has_valid_headers(response.headers) || !is_valid_header("x", response.content_type)) {
    log_error("answer with a control character in a header field: withheld");
    response = Response{.status = 500, .body = std::string(kInternalError)};
  }
  response_ = std::move(response);
}

Task<Expected<void>> Connection::begin(int status, Headers headers) {
  MCPGATE_ASSERT(answer_ == Answer::kNone);
  if (!has_valid_headers(headers)) {
    co_return fail(ErrorCode::kInvalidArgument, "answer with a bad header field");
  }
  answer_ = Answer::kStream;
  chunked_ = head_.version_11;
  keep_alive_ = keep_alive_ && chunked_ && !shared_->draining;
  out_.clear();
  append_head(status, headers);
  out_.append(chunked_ ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
  const Pieces pieces{{out_, {}}};
  co_return co_await write_all(pieces);
}

Task<Expected<void>> Connection::write(std::string_view bytes) {
  MCPGATE_ASSERT(answer_ == Answer::kStream);
  if (broken_) {
    co_return fail(ErrorCode::kUnavailable, "write: connection lost");
  }
  if (bytes.empty() || head_.method == "HEAD") {
    co_return Expected<void>{};
  }
  if (queued_.size() + bytes.size() > shared_->options.limits.stream_buffer_bytes_max && writing_) {
    broken_ = true;
    stream_.shutdown_both();
    co_return fail(ErrorCode::kResourceExhausted, "write: peer too slow");
  }
  if (chunked_) {
    fmt::format_to(std::back_inserter(queued_), FMT_COMPILE("{:x}\r\n"), bytes.size());
  }
  queued_.append(bytes).append(chunked_ ? "\r\n" : "");
  if (std::exchange(writing_, true)) {
    co_return Expected<void>{};
  }
  Expected<void> written;
  while (written && !queued_.empty()) {
    out_.clear();
    std::swap(out_, queued_);
    const Pieces pieces{{out_, {}}};
    written = co_await write_all(pieces);
  }
  writing_ = false;
  queued_.clear();
  co_return written;
}

Task<Expected<void>> Connection::finish() {
  MCPGATE_ASSERT(answer_ == Answer::kStream && !writing_);
  if (broken_) {
    co_return fail(ErrorCode::kUnavailable, "write: connection lost");
  }
  answer_ = Answer::kFinished;
  if (!chunked_ || head_.method == "HEAD") {
    co_return Expected<void>{};
  }
  const Pieces pieces{{"0\r\n\r\n", {}}};
  co_return co_await write_all(pieces);
}

void Connection::close() {
  MCPGATE_ASSERT(answer_ == Answer::kFinished || broken_);
  keep_alive_ = false;
  stream_.shutdown_write();
}

// Responder is the face of a connection that handlers see.

void Responder::send(Response response) {
  connection_.send(std::move(response));
}
Task<Expected<void>> Responder::begin(int status, Headers headers) {
  return connection_.begin(status, std::move(headers));
}
Task<Expected<void>> Responder::write(std::string_view bytes) {
  return connection_.write(bytes);
}
Task<Expected<void>> Responder::finish() {
  return connection_.finish();
}
void Responder::close() {
  connection_.close();
}
void Responder::on_disconnect(std::function<void()> gone) {
  connection_.on_disconnect(std::move(gone));
}

}  // namespace mcpgate::http
