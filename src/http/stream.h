#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/fd.h"
#include "base/task.h"
#include "http/tls.h"

namespace mcpgate::http {

/// Pieces to be sent as one, shortened from the front as they leave.
struct Pieces {
  std::array<std::string_view, 2> views;

  [[nodiscard]] std::size_t size() const { return views[0].size() + views[1].size(); }
  void remove_prefix(std::size_t n);
};

/// A connected TCP or unix socket, plain or under TLS. One read and one write may be pending.
///
/// Errors of all operations: kCancelled (cancel()), kUnavailable (everything else that ends it).
class Stream {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  /// Owns `fd`, a non-blocking socket of address family `family`.
  Stream(asio::io_context& loop, UniqueFd fd, int family);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() = default;

  /// From here on everything goes through `ssl`; its handshake comes first.
  void use_tls(SslPtr ssl) { ssl_ = std::move(ssl); }
  [[nodiscard]] bool secure() const { return ssl_ != nullptr; }
  Task<Expected<void>> handshake();

  /// Connects the socket, which was not connected yet.
  Task<Expected<void>> connect(const sockaddr* address, socklen_t length);

  /// What has arrived, waiting for it if needed; 0 at the peer's end.
  Task<Expected<std::size_t>> read_some(std::span<char> room);
  /// Like read_some for what is there already; kResourceExhausted when it would have to wait.
  [[nodiscard]] Expected<std::size_t> try_read(std::span<char> room);

  /// Sends what the kernel takes at once and shortens `pieces` by it: most answers need no more.
  [[nodiscard]] Expected<void> try_write(Pieces& pieces);
  /// Sends the rest, waiting for the peer.
  Task<Expected<void>> write_rest(Pieces pieces);

  /// Throws away what arrives, undecrypted, until the peer's end or `bytes_max`.
  Task<void> discard(std::size_t bytes_max);

  /// Ends pending operations with kCancelled; the socket stays usable.
  void cancel();
  /// Says goodbye: no more bytes from us.
  void shutdown_write();
  /// Makes every operation, pending or to come, fail. The descriptor is closed by the destructor.
  void shutdown_both();
  /// Whether a kept connection is as it was left: open, and with nothing to read.
  [[nodiscard]] bool is_quiet();

  [[nodiscard]] int fd() { return socket_.native_handle(); }

 private:
  enum class Wait { kNone, kRead, kWrite };

  /// What OpenSSL said, as what to wait for. The error is the end of the session.
  Expected<Wait> wanted(int result, const char* operation);
  Task<Expected<void>> wait(Wait wanted);
  Expected<Wait> try_tls_write(Pieces& pieces);

  Socket socket_;
  SslPtr ssl_;
};

}  // namespace mcpgate::http
