#include "http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "http/connection.h"

namespace mcpgate::http {

namespace {

/// Connections taken in one go, so that loops that share a unix socket share its queue.
constexpr int kAcceptBatch = 16;
/// How long to leave the queue alone when descriptors or connections have run out.
constexpr std::chrono::milliseconds kAcceptPause{20};
/// One in so many connections makes room at a time: a flood of idle ones must not hold off others.
constexpr std::size_t kEvictedShare = 64;
/// Between two lines of log that say so.
constexpr std::chrono::minutes kWarnEvery{1};
/// While draining: handshakes that were under way come to their end within a round trip.
constexpr std::chrono::milliseconds kHandshakeGrace{100};
/// How long handlers have to notice that their connection was cut.
constexpr std::chrono::milliseconds kCutGrace{1'000};

std::string peer_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      return ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
    }
    return ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  }
  return "unix";
}

}  // namespace

// Counts a connection from its accept until its coroutine ends, however it ends.
class Server::Place {
 public:
  explicit Place(std::shared_ptr<Core> core);
  Place(Place&& other) noexcept = default;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  Place& operator=(Place&&) = delete;
  ~Place();

  std::shared_ptr<Core> core;
};

// Connections hold it too: they may outlive their Server until the loop gets to end them.
struct Server::Core : ConnectionShared, std::enable_shared_from_this<Server::Core> {
  Core(asio::io_context& context, Listener socket, Handler& request_handler,
       ServerOptions server_options)
      : ConnectionShared(context, request_handler, std::move(server_options)),
        listener(std::move(socket)),
        readable(context),
        changed(context) {
    const int copy = ::fcntl(listener.fd(), F_DUPFD_CLOEXEC, 0);
    MCPGATE_ASSERT(copy >= 0);
    boost::system::error_code error;
    readable.assign(copy, error);
    MCPGATE_ASSERT(!error);
  }

  using Connections =
      boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>>;

  enum class Accepted { kOne, kNone, kExhausted };

  static Task<void> accept_loop(std::shared_ptr<Core> core);
  static Task<void> serve(Place place, std::unique_ptr<Connection> connection);
  Accepted accept_one();
  bool has_place();
  void make_room(const char* why);
  void cut_all();
  Task<void> until_empty(SteadyTime deadline);

  Listener listener;
  /// A duplicate of the listening socket, for Asio to wait on.
  asio::posix::stream_descriptor readable;
  /// Waited on by drain(): cancelled at each change of `open`.
  asio::steady_timer changed;
  Connections connections;
  std::size_t open = 0;
  bool closed = false;
  SteadyTime next_warning{};
};

bool Server::Core::has_place() {
  if (open < options.limits.connections_max) {
    return true;
  }
  make_room("limits.connections is reached");
  return false;
}

/// Ends the connections that have been idle longest. They leave by their coroutines, so their
/// places are free in the next round.
void Server::Core::make_room(const char* why) {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now >= next_warning) {
    log_warn("no room for new connections, so those idle longest are ended: {}", why);
    next_warning = now + kWarnEvery;
  }
  for (std::size_t ended = 0; ended <= open / kEvictedShare && idle.expire_first(); ++ended) {
  }
}

Server::Place::Place(std::shared_ptr<Core> counted) : core(std::move(counted)) {
  ++core->open;
}

Server::Place::~Place() {
  if (core != nullptr) {
    --core->open;
    if (core->draining) {
      core->changed.cancel();
    }
  }
}

/// Takes one connection from the kernel's queue.
Server::Core::Accepted Server::Core::accept_one() {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  UniqueFd fd(::accept4(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    switch (errno) {
      case EMFILE:
      case ENFILE:
      case ENOMEM:
      case ENOBUFS:
        make_room(std::strerror(errno));
        return Accepted::kExhausted;
      case ECONNABORTED:
      case EINTR:
        return Accepted::kOne;  // reset while it waited: there may be others
      default:
        return Accepted::kNone;
    }
  }
  if (address.ss_family != AF_UNIX) {
    const int on = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  auto connection = std::make_unique<Connection>(shared_from_this(), std::move(fd),
                                                 address.ss_family, peer_text(address));
  connections.push_back(*connection);
  asio::co_spawn(loop, serve(Place(shared_from_this()), std::move(connection)), asio::detached);
  return Accepted::kOne;
}

// `connection` goes before `place`: parameters are destroyed in reverse order.
Task<void> Server::Core::serve(Place place, std::unique_ptr<Connection> connection) {
  if (!place.core->closed) {
    co_await connection->serve();
  }
}

Task<void> Server::Core::accept_loop(std::shared_ptr<Core> core) {
  asio::steady_timer pause(core->loop);
  while (!core->draining && !core->closed) {
    auto last = Accepted::kOne;
    for (int taken = 0; taken < kAcceptBatch && last == Accepted::kOne; ++taken) {
      last = core->has_place() ? core->accept_one() : Accepted::kExhausted;
    }
    if (last == Accepted::kExhausted) {
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAwait);
      continue;
    }
    // Asio asks anew for what is readable already, so a full batch comes straight back.
    co_await core->readable.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
  }
}

void Server::Core::cut_all() {
  for (auto next = connections.begin(); next != connections.end();) {
    (next++)->cut();
  }
}

Task<void> Server::Core::until_empty(SteadyTime deadline) {
  while (open > 0 && std::chrono::steady_clock::now() < deadline) {
    changed.expires_at(deadline);
    co_await changed.async_wait(kAwait);
  }
}

Server::Server(asio::io_context& loop, Listener listener, Handler& handler, ServerOptions options)
    : core_(std::make_shared<Core>(loop, std::move(listener), handler, std::move(options))) {}

Server::~Server() {
  core_->closed = true;
  boost::system::error_code ignored;
  core_->readable.close(ignored);
  core_->cut_all();
}

void Server::start() {
  asio::co_spawn(core_->loop, Core::accept_loop(core_), asio::detached);
}

Task<void> Server::drain(SteadyTime deadline) {
  const std::shared_ptr<Core> core = core_;
  core->draining = true;
  core->listener.refuse_new_connections();
  while (core->accept_one() == Core::Accepted::kOne) {
  }
  for (auto next = core->connections.begin(); next != core->connections.end();) {
    (next++)->drain();
  }
  asio::steady_timer grace(core->loop, kHandshakeGrace);
  co_await grace.async_wait(kAwait);
  while (core->accept_one() == Core::Accepted::kOne) {
  }
  boost::system::error_code ignored;
  core->readable.close(ignored);
  core->listener = Listener();
  co_await core->until_empty(deadline);
  core->cut_all();
  co_await core->until_empty(std::chrono::steady_clock::now() + kCutGrace);
}

std::size_t Server::connections() const {
  return core_->open;
}
bool Server::draining() const {
  return core_->draining;
}

Response Handler::refused(const Refusal& refusal) {
  return {.status = refusal.status,
          .body = std::string(refusal.reason) + "\n",
          .content_type = "text/plain"};
}

}  // namespace mcpgate::http
