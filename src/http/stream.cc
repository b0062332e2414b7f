#include "http/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include <boost/asio/buffer.hpp>

namespace mcpgate::http {

namespace {

// One TLS record's worth: pieces that fit are copied together, so that head and body share a
// record.
constexpr std::size_t kRecordBytesMax = 16384;

std::unexpected<Error> io_error(const char* operation, const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted) {
    return fail(ErrorCode::kCancelled, "{}: cancelled", operation);
  }
  return fail(ErrorCode::kUnavailable, "{}: {}", operation, error.message());
}

}  // namespace

void Pieces::remove_prefix(std::size_t n) {
  for (std::string_view& piece : views) {
    const std::size_t part = std::min(n, piece.size());
    piece.remove_prefix(part);
    n -= part;
  }
}

Stream::Stream(asio::io_context& loop, UniqueFd fd, int family) : socket_(loop) {
  boost::system::error_code error;
  socket_.assign(asio::generic::stream_protocol(family, 0), fd.get(), error);
  if (!error) {
    // The socket owns it now. Where assign() failed, `fd` closes it and every operation fails.
    (void)fd.release();
    socket_.native_non_blocking(true, error);
  }
}

Expected<Stream::Wait> Stream::wanted(int result, const char* operation) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Wait::kRead;
    case SSL_ERROR_WANT_WRITE:
      return Wait::kWrite;
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      return fail(ErrorCode::kUnavailable, "{}: connection lost", operation);
    default: {
      const char* reason = ERR_reason_error_string(ERR_peek_last_error());
      ERR_clear_error();
      return fail(ErrorCode::kUnavailable, "{}: {}", operation,
                  reason != nullptr ? reason : "TLS session ended");
    }
  }
}

Task<Expected<void>> Stream::wait(Wait wanted) {
  const auto kind = wanted == Wait::kRead ? Socket::wait_read : Socket::wait_write;
  auto [error] = co_await socket_.async_wait(kind, kAwait);
  if (error) {
    co_return io_error("wait", error);
  }
  co_return Expected<void>{};
}

Task<Expected<void>> Stream::connect(const sockaddr* address, socklen_t length) {
  if (::connect(fd(), address, length) == 0) {
    co_return Expected<void>{};
  }
  if (errno != EINPROGRESS) {
    co_return fail(ErrorCode::kUnavailable, "connect: {}", std::strerror(errno));
  }
  if (auto ready = co_await wait(Wait::kWrite); !ready) {
    co_return ready;
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    co_return fail(ErrorCode::kUnavailable, "connect: {}", std::strerror(error));
  }
  co_return Expected<void>{};
}

Task<Expected<void>> Stream::handshake() {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      co_return Expected<void>{};
    }
    auto next = wanted(result, "TLS handshake");
    if (!next) {
      co_return std::unexpected(std::move(next.error()));
    }
    if (auto ready = co_await wait(*next); !ready) {
      co_return ready;
    }
  }
}

Task<Expected<std::size_t>> Stream::read_some(std::span<char> room) {
  if (ssl_ == nullptr) {
    auto [error, n] =
        co_await socket_.async_read_some(asio::buffer(room.data(), room.size()), kAwait);
    if (error == asio::error::eof) {
      co_return std::size_t{0};
    }
    if (error) {
      co_return io_error("read", error);
    }
    co_return n;
  }
  for (;;) {
    ERR_clear_error();
    std::size_t n = 0;
    const int result = SSL_read_ex(ssl_.get(), room.data(), room.size(), &n);
    if (result == 1) {
      co_return n;
    }
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) {
      co_return std::size_t{0};
    }
    auto next = wanted(result, "TLS read");
    if (!next) {
      co_return std::unexpected(std::move(next.error()));
    }
    if (auto ready = co_await wait(*next); !ready) {
      co_return std::unexpected(std::move(ready.error()));
    }
  }
}

Expected<std::size_t> Stream::try_read(std::span<char> room) {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    std::size_t n = 0;
    const int result = SSL_read_ex(ssl_.get(), room.data(), room.size(), &n);
    if (result == 1 || SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) {
      return n;
    }
    TRY_VOID(wanted(result, "TLS read"));
    return fail(ErrorCode::kResourceExhausted, "read: nothing there");
  }
  const ssize_t n = ::recv(fd(), room.data(), room.size(), MSG_DONTWAIT);
  if (n >= 0) {
    return static_cast<std::size_t>(n);
  }
  if (errno == EAGAIN || errno == EINTR) {
    return fail(ErrorCode::kResourceExhausted, "read: nothing there");
  }
  return fail(ErrorCode::kUnavailable, "read: {}", std::strerror(errno));
}

Expected<Stream::Wait> Stream::try_tls_write(Pieces& pieces) {
  while (pieces.size() > 0) {
    // A retry after WANT_WRITE brings the same bytes: `pieces` was not shortened by the attempt.
    char record[kRecordBytesMax];
    std::string_view next = pieces.views[0].empty() ? pieces.views[1] : pieces.views[0];
    if (next.size() < kRecordBytesMax && next.size() < pieces.size()) {
      const std::size_t more =
          std::min(pieces.views[1].size(), kRecordBytesMax - pieces.views[0].size());
      std::memcpy(record, pieces.views[0].data(), pieces.views[0].size());
      std::memcpy(record + pieces.views[0].size(), pieces.views[1].data(), more);
      next = {record, pieces.views[0].size() + more};
    }
    ERR_clear_error();
    std::size_t n = 0;
    const int result =
        SSL_write_ex(ssl_.get(), next.data(), std::min(next.size(), kRecordBytesMax), &n);
    if (result != 1) {
      return wanted(result, "TLS write");
    }
    pieces.remove_prefix(n);
  }
  return Wait::kNone;
}

Expected<void> Stream::try_write(Pieces& pieces) {
  if (ssl_ != nullptr) {
    TRY_VOID(try_tls_write(pieces));
    return {};
  }
  while (pieces.size() > 0) {
    std::array<iovec, 2> vectors{};
    std::size_t count = 0;
    for (const std::string_view piece : pieces.views) {
      if (!piece.empty()) {
        vectors[count++] = {const_cast<char*>(piece.data()), piece.size()};
      }
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      pieces.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      return {};
    } else if (errno != EINTR) {
      return fail(ErrorCode::kUnavailable, "write: {}", std::strerror(errno));
    }
  }
  return {};
}

Task<Expected<void>> Stream::write_rest(Pieces pieces) {
  while (pieces.size() > 0) {
    Wait next = Wait::kWrite;
    if (ssl_ != nullptr) {
      auto wanted = try_tls_write(pieces);
      if (!wanted) {
        co_return std::unexpected(std::move(wanted.error()));
      }
      next = *wanted;
    } else if (auto written = try_write(pieces); !written) {
      co_return written;
    }
    if (pieces.size() == 0) {
      break;
    }
    if (auto ready = co_await wait(next); !ready) {
      co_return ready;
    }
  }
  co_return Expected<void>{};
}

Task<void> Stream::discard(std::size_t bytes_max) {
  // Not on the stack: this is a coroutine, and its frame would carry it.
  const auto room = std::make_unique_for_overwrite<char[]>(kRecordBytesMax);
  while (bytes_max > 0) {
    auto [error, n] = co_await socket_.async_read_some(
        asio::buffer(room.get(), std::min(bytes_max, kRecordBytesMax)), kAwait);
    if (error || n == 0) {
      co_return;
    }
    bytes_max -= n;
  }
}

void Stream::cancel() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Stream::shutdown_write() {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    (void)SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  (void)::shutdown(fd(), SHUT_WR);
}

void Stream::shutdown_both() {
  (void)::shutdown(fd(), SHUT_RDWR);
  cancel();
}

bool Stream::is_quiet() {
  char byte = 0;
  return ::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

}  // namespace mcpgate::http
