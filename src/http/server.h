#pragma once

// The HTTP/1.1 server of one loop.
//
// Strict where requests could be smuggled: whatever two parsers might read differently is refused
// with 400 and the connection is closed (RFC 9112, 11.2). One coroutine a connection; requests on
// it are served one after the other, in order.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "http/listen.h"
#include "http/message.h"

namespace mcpgate::http {

class TlsServer;
class Connection;

/// Every bound of a Server. Bytes and counts are per loop, times per connection.
struct ServerLimits {
  /// Request line and fields. More: 431.
  std::size_t head_bytes_max = std::size_t{64} << 10;
  /// Fields of one head. More: 431.
  std::size_t headers_max = 128;
  /// A body, chunks joined. More: 413, and the handler is not called.
  std::size_t body_bytes_max = std::size_t{4} << 20;
  /// Request bytes held by all connections beyond their first 8 KiB each. More: 503.
  std::size_t buffered_bytes_max = std::size_t{256} << 20;
  /// Bytes of a stream that wait while an earlier write() is under way. More: the reader is
  /// dropped.
  std::size_t stream_buffer_bytes_max = std::size_t{1} << 20;
  /// Open connections. At the limit the longest idle one makes room, else new ones wait.
  std::size_t connections_max = 16384;
  /// From the first byte of a request to the end of its head, and for a TLS handshake. More: 408.
  std::chrono::milliseconds head_timeout{10'000};
  /// From the end of the head to the end of the body. More: 408.
  std::chrono::milliseconds body_timeout{10'000};
  /// Without a request on a kept connection. More: closed.
  std::chrono::milliseconds idle_timeout{75'000};
  /// For the peer to take one answer, or one write() of a stream. More: the reader is dropped.
  std::chrono::milliseconds write_timeout{30'000};
};

/// How a Server serves.
struct ServerOptions {
  ServerLimits limits;
  /// TLS where set; shared by the servers of all loops, reloaded while they run.
  std::shared_ptr<TlsServer> tls;
};

/// How a handler answers. Belongs to one request; everything is called on the connection's loop.
class Responder {
 public:
  explicit Responder(Connection& connection) : connection_(connection) {}
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder() = default;

  /// The whole answer; it leaves when the handler returns. Call it once, and not after begin().
  void send(Response response);

  /// Starts a streamed answer and sends its head. Errors, here and below: kUnavailable (peer gone),
  /// kDeadlineExceeded (peer too slow). After an error the connection is lost; just return.
  Task<Expected<void>> begin(int status, Headers headers);
  /// Sends a piece at once and waits until the kernel took it. No write() may be pending when the
  /// handler returns. While another coroutine's write() is
  /// under way the piece is queued behind it instead: kResourceExhausted, and the reader is
  /// dropped, when more than stream_buffer_bytes_max wait.
  Task<Expected<void>> write(std::string_view bytes);
  /// Ends the stream. A handler that returns without it cuts the connection, which the client sees.
  Task<Expected<void>> finish();
  /// After finish(): ends the connection as well, so that the peer does not wait on it for the
  /// handler's end. It is left to on_disconnect() to tell when the peer has done the same.
  void close();

  /// Calls `gone` once, from the loop, if the peer goes away while the handler runs; pipelined
  /// requests do not hide that. A half-closed connection counts as gone. Replaces an earlier one.
  void on_disconnect(std::function<void()> gone);

 private:
  Connection& connection_;
};

/// A request that the server answers itself. What is not known of it is empty.
struct Refusal {
  int status;
  /// Why, for the audit record; never bytes of the peer.
  std::string_view reason;
  std::string_view peer;
  std::string_view method;
  std::string_view target;
};

/// What a server serves. Outlives every Server that has it; called from all their loops.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  /// Answers one request through `responder`. Returning without an answer is a 500.
  virtual Task<void> handle(const Request& request, Responder& responder) = 0;

  /// Whether the body of a request is worth waiting for, by its head alone; asked where it has not
  /// arrived with it. Where not, handle() gets the request without its body, and the connection is
  /// closed after the answer.
  [[nodiscard]] virtual bool wants_body(const Request& /*head*/) { return true; }

  /// Records a refused request and gives its answer; the status stays the refusal's unless the
  /// answer's is 503, since then it was not recorded. The connection is closed after it. The
  /// default says the reason as plain text.
  virtual Response refused(const Refusal& refusal);
};

/// Serves one listening socket on one loop. Pinned; destroyed before its io_context, on its thread
/// or when the loop no longer runs. Destroying it closes its connections.
class Server {
 public:
  Server(asio::io_context& loop, Listener listener, Handler& handler, ServerOptions options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Begins to accept. Call once.
  void start();

  /// Stops accepting, serves every connection that the kernel had already accepted, finishes
  /// requests in flight (their answers say `Connection: close`), closes idle connections. Completes
  /// when all are gone; at `deadline` what is left is cut. To be awaited on the server's loop.
  Task<void> drain(SteadyTime deadline);

  /// Open connections, idle ones included.
  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] bool draining() const;

 private:
  struct Core;
  class Place;
  std::shared_ptr<Core> core_;
};

}  // namespace mcpgate::http
