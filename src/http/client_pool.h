#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "http/buffer.h"
#include "http/client.h"
#include "http/deadline.h"
#include "http/head.h"
#include "http/stream.h"

namespace mcpgate::http {

/// A socket address of any family.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

/// The addresses of an endpoint. An operation of its own because the system's resolver cannot be
/// interrupted: give_up() ends the wait, while the query runs out in its thread.
class Resolution {
 public:
  explicit Resolution(asio::io_context& loop);

  Task<Expected<std::vector<SocketAddress>>> resolve(const Endpoint& endpoint);
  void give_up();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// A connection to the endpoint with what it needs from one exchange to the next.
struct ClientConnection {
  ClientConnection(asio::io_context& loop, UniqueFd fd, int family)
      : stream(loop, std::move(fd), family) {}

  Stream stream;
  Buffer buffer;
  /// Of the latest request and answer, kept for their memory.
  std::string request_head;
  StatusHead head;
  SteadyTime idle_since{};
};

/// What a Client and its exchanges share.
class ClientPool {
 public:
  ClientPool(asio::io_context& loop, Endpoint endpoint, ClientOptions options);

  /// The kept connection that was used last, if one is still alive.
  [[nodiscard]] std::unique_ptr<ClientConnection> take_idle();
  /// Keeps a connection for the next exchange, or closes it where enough are kept.
  void give_back(std::unique_ptr<ClientConnection> connection);
  void close(std::unique_ptr<ClientConnection> connection);

  /// A place for a new connection; give it back by close().
  [[nodiscard]] Expected<void> reserve_place();
  void release_place() { --open_; }

  [[nodiscard]] asio::io_context& loop() { return loop_; }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] const ClientOptions& options() const { return options_; }
  [[nodiscard]] const std::string& authority() const { return authority_; }
  [[nodiscard]] DeadlineQueue& exchanges() { return exchanges_; }
  [[nodiscard]] std::size_t open() const { return open_; }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }
  /// The client is gone: nothing is kept any more.
  void shut();

 private:
  void close_expired();

  asio::io_context& loop_;
  Endpoint endpoint_;
  ClientOptions options_;
  std::string authority_;
  DeadlineQueue exchanges_;
  DeadlineQueue expiries_;
  Deadline expiry_;
  /// The one used last is at the back, so the front is the longest idle.
  std::vector<std::unique_ptr<ClientConnection>> idle_;
  std::size_t open_ = 0;
  bool shut_ = false;
};

}  // namespace mcpgate::http
