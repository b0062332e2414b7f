#pragma once

// The HTTP/1.1 client of one loop: a bounded pool of kept connections to one endpoint.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "http/endpoint.h"
#include "http/message.h"

namespace mcpgate::http {

class AddressRules;
class TlsClient;

/// Every bound of a client.
struct ClientOptions {
  /// Connections in use and kept, together. At the limit an exchange fails: kResourceExhausted.
  std::size_t connections_max = 1024;
  /// Connections kept between exchanges.
  std::size_t idle_connections_max = 256;
  /// Below the 75 s after which servers, ours among them, close a kept connection.
  std::chrono::milliseconds idle_timeout{30'000};
  /// To connect, TLS handshake and name resolution included, within the exchange's deadline.
  std::chrono::milliseconds connect_timeout{5'000};
  /// Status line and fields of an answer.
  std::size_t head_bytes_max = std::size_t{64} << 10;
  std::size_t headers_max = 128;
  /// Needed for https.
  std::shared_ptr<TlsClient> tls;
  /// Which addresses may be connected to; null: any.
  std::shared_ptr<const AddressRules> admitted;
};

/// What to send. Views must live until send() returns.
struct ClientRequest {
  std::string_view method = "GET";
  std::string_view target = "/";
  /// Beside Host and Content-Length, which are the client's.
  std::span<const Header> headers = {};
  std::string_view body = {};
  /// For everything until the end of the answer; set_deadline() moves it.
  SteadyTime deadline = SteadyTime::max();
  /// The caller says that doing it twice does no harm: may be sent again when a kept connection
  /// turns out dead. Otherwise it is sent again only if none of it had been sent.
  bool idempotent = false;
};

/// The head of an answer. Views are valid as long as the Exchange.
struct ResponseHead {
  int status = 0;
  std::span<const Header> headers;

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

class Client;
class ClientPool;

/// One request and its answer. Pinned; used from the client's loop only, by one coroutine at a time
/// but for abort(). Destroying one whose answer was not read to its end closes the connection; no
/// await of it may be pending then.
///
/// Errors of all: kUnavailable (cannot connect, peer gone, not HTTP), kDeadlineExceeded,
/// kResourceExhausted (a limit), kCancelled (abort), kInvalidArgument (a field with control
/// characters), kPermissionDenied (no address that may be connected to).
class Exchange {
 public:
  explicit Exchange(Client& client);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  /// Sends the request and gives the answer's head; interim answers (1xx) are skipped. Call once.
  Task<Expected<ResponseHead>> send(const ClientRequest& request);
  /// The next piece of the body as it arrives, valid until the next call; empty at the end.
  Task<Expected<std::string_view>> read();
  /// The rest of the body. kResourceExhausted when it has more than `bytes_max`.
  Task<Expected<std::string>> read_all(std::size_t bytes_max);

  void set_deadline(SteadyTime deadline);
  /// Ends the exchange: pending and later awaits give kCancelled, the connection is closed.
  void abort();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A whole answer as a value.
struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

/// The pool. Pinned; belongs to one loop; outlives its exchanges, and is destroyed before its
/// io_context.
class Client {
 public:
  Client(asio::io_context& loop, Endpoint endpoint, ClientOptions options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// One exchange, whole.
  Task<Expected<ClientResponse>> fetch(const ClientRequest& request, std::size_t body_bytes_max);

  [[nodiscard]] const Endpoint& endpoint() const;
  /// Connections in use and kept.
  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::size_t idle_connections() const;

 private:
  friend class Exchange;
  std::shared_ptr<ClientPool> pool_;
};

}  // namespace mcpgate::http
