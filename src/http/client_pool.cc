#include "http/client_pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace mcpgate::http {

namespace {

SocketAddress unix_address(const std::string& path) {
  SocketAddress address;
  auto& un = reinterpret_cast<sockaddr_un&>(address.storage);
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), std::min(path.size(), sizeof un.sun_path - 1));
  address.length = sizeof un;
  return address;
}

SocketAddress ip_address(const asio::ip::tcp::endpoint& endpoint) {
  SocketAddress address;
  std::memcpy(&address.storage, endpoint.data(), endpoint.size());
  address.length = static_cast<socklen_t>(endpoint.size());
  return address;
}

}  // namespace

struct Resolution::State {
  explicit State(asio::io_context& loop) : resolver(loop), done(loop, SteadyTime::max()) {}

  asio::ip::tcp::resolver resolver;
  /// Cancelled when there is an answer, or when nobody wants it any more.
  asio::steady_timer done;
  boost::system::error_code error = asio::error::operation_aborted;
  std::vector<SocketAddress> addresses;
};

Resolution::Resolution(asio::io_context& loop) : state_(std::make_shared<State>(loop)) {}

void Resolution::give_up() {
  state_->resolver.cancel();
  state_->done.cancel();
}

Task<Expected<std::vector<SocketAddress>>> Resolution::resolve(const Endpoint& endpoint) {
  if (endpoint.scheme == Endpoint::Scheme::kUnix) {
    co_return std::vector<SocketAddress>{unix_address(endpoint.host)};
  }
  boost::system::error_code not_an_address;
  if (const auto ip = asio::ip::make_address(endpoint.host, not_an_address); !not_an_address) {
    co_return std::vector<SocketAddress>{ip_address({ip, endpoint.port})};
  }
  const std::shared_ptr<State> state = state_;
  state->resolver.async_resolve(
      endpoint.host, std::to_string(endpoint.port),
      [state](const boost::system::error_code& error, const auto& results) {
        state->error = error;
        for (const auto& result : results) {
          state->addresses.push_back(ip_address(result.endpoint()));
        }
        state->done.cancel();
      });
  co_await state->done.async_wait(kAwait);
  if (state->error) {
    co_return fail(ErrorCode::kUnavailable, "resolve {}: {}", endpoint.host,
                   state->error.message());
  }
  co_return std::move(state->addresses);
}

ClientPool::ClientPool(asio::io_context& loop, Endpoint endpoint, ClientOptions options)
    : loop_(loop),
      endpoint_(std::move(endpoint)),
      options_(std::move(options)),
      authority_(endpoint_.authority()),
      exchanges_(loop),
      expiries_(loop),
      expiry_([this] { close_expired(); }) {}

std::unique_ptr<ClientConnection> ClientPool::take_idle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    // The peer may have closed it meanwhile, or sent what nobody asked for.
    if (connection->stream.is_quiet()) {
      return connection;
    }
    close(std::move(connection));
  }
  return nullptr;
}

void ClientPool::give_back(std::unique_ptr<ClientConnection> connection) {
  if (shut_ || idle_.size() >= options_.idle_connections_max) {
    close(std::move(connection));
    return;
  }
  connection->idle_since = std::chrono::steady_clock::now();
  connection->buffer.truncate(0);
  connection->buffer.shrink();
  if (!expiry_.armed()) {
    expiries_.arm_after(expiry_, options_.idle_timeout);
  }
  idle_.push_back(std::move(connection));
}

void ClientPool::close(std::unique_ptr<ClientConnection> connection) {
  connection.reset();
  release_place();
}

Expected<void> ClientPool::reserve_place() {
  if (open_ >= options_.connections_max) {
    return fail(ErrorCode::kResourceExhausted, "{}: {} connections are open, the limit", authority_,
                open_);
  }
  ++open_;
  return {};
}

void ClientPool::close_expired() {
  const SteadyTime oldest = std::chrono::steady_clock::now() - options_.idle_timeout;
  while (!idle_.empty() && idle_.front()->idle_since <= oldest) {
    idle_.erase(idle_.begin());
    release_place();
  }
  if (!idle_.empty()) {
    expiries_.arm(expiry_, idle_.front()->idle_since + options_.idle_timeout);
  }
}

void ClientPool::shut() {
  shut_ = true;
  expiry_.cancel();
  open_ -= idle_.size();
  idle_.clear();
}

}  // namespace mcpgate::http
