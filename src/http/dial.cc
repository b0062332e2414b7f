#include "http/dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

namespace mcpgate::http {

Expected<UniqueFd> new_client_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return fail_errno("socket");
  }
  if (family != AF_UNIX) {
    const int on = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return fd;
}

Task<Expected<void>> dial(Stream& stream, const SocketAddress& address, const Endpoint& endpoint,
                          const std::shared_ptr<TlsClient>& tls) {
  auto connected =
      co_await stream.connect(reinterpret_cast<const sockaddr*>(&address.storage), address.length);
  if (!connected || endpoint.scheme != Endpoint::Scheme::kHttps) {
    co_return connected;
  }
  if (tls == nullptr) {
    co_return fail(ErrorCode::kFailedPrecondition, "https without TLS options");
  }
  auto session = new_client_session(*tls, stream.fd(), endpoint.host);
  if (!session) {
    co_return std::unexpected(std::move(session.error()));
  }
  stream.use_tls(std::move(*session));
  co_return co_await stream.handshake();
}

}  // namespace mcpgate::http
