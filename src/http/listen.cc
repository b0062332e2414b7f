#include "http/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>

namespace mcpgate::http {

namespace {

enum class Port { kMine, kShared };

// A socket of the address's family, bound to it and listening. kMine fails where anybody has the
// port; from then on those who ask for kShared share it.
Expected<UniqueFd> open_listening(const sockaddr* address, socklen_t length,
                                  const std::string& name, Port port) {
  UniqueFd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return fail_errno("socket for " + name);
  }
  const auto set = [&](int option) {
    const int on = 1;
    return address->sa_family == AF_UNIX ||
           ::setsockopt(fd.get(), SOL_SOCKET, option, &on, sizeof on) == 0;
  };
  if (!set(SO_REUSEADDR) || (port == Port::kShared && !set(SO_REUSEPORT))) {
    return fail_errno("set options of " + name);
  }
  if (::bind(fd.get(), address, length) != 0) {
    return fail_errno("listen on " + name);
  }
  if (!set(SO_REUSEPORT)) {
    return fail_errno("set options of " + name);
  }
  if (::listen(fd.get(), kListenBacklog) != 0) {
    return fail_errno("listen on " + name);
  }
  return fd;
}

bool somebody_listens(const sockaddr_un& address) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return true;  // Nobody knows: whoever may listen there is left alone.
  }
  const int result =
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // EAGAIN: its queue is full, so there is one.
  return result == 0 || errno == EAGAIN;
}

std::uint64_t inode_of(const std::filesystem::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    unlink_path();
    fd_ = std::move(other.fd_);
    address_ = std::move(other.address_);
    port_ = other.port_;
    path_ = std::exchange(other.path_, {});
    inode_ = other.inode_;
  }
  return *this;
}

Listener::~Listener() {
  unlink_path();
}

void Listener::unlink_path() {
  if (!path_.empty() && inode_of(path_) == inode_) {
    (void)::unlink(path_.c_str());
  }
  path_.clear();
}

Expected<Listener> Listener::another() const {
  Listener copy;
  if (port_ == 0) {
    copy.fd_ = UniqueFd(::fcntl(fd(), F_DUPFD_CLOEXEC, 0));
    if (!copy.fd_) {
      return fail_errno("duplicate " + address_);
    }
  } else {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    auto* const bound = reinterpret_cast<sockaddr*>(&address);
    if (::getsockname(fd(), bound, &length) != 0) {
      return fail_errno("name of " + address_);
    }
    copy.fd_ = TRY(open_listening(bound, length, address_, Port::kShared));
  }
  copy.address_ = address_;
  copy.port_ = port_;
  return copy;
}

void Listener::refuse_new_connections() {
  if (port_ == 0) {
    unlink_path();
    return;
  }
  // Closing a TCP listener resets what is in its queue, and nothing tells when a handshake is about
  // to end there. So first the kernel drops packets with SYN: new clients try again a moment later
  // and find another listener or none, while those of handshakes under way get through.
  constexpr std::uint32_t kTcpFlagsOffset = 13;
  constexpr std::uint32_t kSyn = 0x02;
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kTcpFlagsOffset),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  }};
  const sock_fprog program{code.size(), code.data()};
  (void)::setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

Expected<Listener> listen_tcp(std::string_view host, std::uint16_t port) {
  std::string name(host);
  if (name.starts_with('[') && name.ends_with(']')) {
    name = name.substr(1, name.size() - 2);
  }
  sockaddr_storage address{};
  socklen_t length = 0;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  if (::inet_pton(AF_INET, name.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    length = sizeof v4;
  } else if (::inet_pton(AF_INET6, name.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    length = sizeof v6;
    name = "[" + name + "]";
  } else {
    return fail(ErrorCode::kInvalidArgument, "listen on {}: not an IP address", name);
  }
  Listener listener;
  listener.fd_ = TRY(open_listening(reinterpret_cast<const sockaddr*>(&address), length,
                                    name + ":" + std::to_string(port), Port::kMine));
  if (::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return fail_errno("name of " + name);
  }
  // The port is at the same place in both.
  listener.port_ = ntohs(v4.sin_port);
  listener.address_ = name + ":" + std::to_string(listener.port_);
  return listener;
}

Expected<Listener> listen_unix(const std::filesystem::path& path) {
  const std::string name = path.string();
  sockaddr_un address{};
  if (name.empty() || name.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalidArgument, "unix:{}: a socket's path has 1 to {} bytes", name,
                sizeof address.sun_path - 1);
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  struct stat status{};
  if (::lstat(name.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      return fail(ErrorCode::kAlreadyExists, "unix:{}: exists and is not a socket", name);
    }
    if (somebody_listens(address)) {
      return fail(ErrorCode::kAlreadyExists, "unix:{}: another process listens there", name);
    }
    if (::unlink(name.c_str()) != 0) {
      return fail_errno("replace stale unix:" + name);
    }
  }
  // bind(2) applies the umask, which is the process's; so the socket is bound where nobody connects
  // yet, made private, and only then put in place.
  const std::string hidden = name + "." + std::to_string(::getpid());
  sockaddr_un hidden_address{};
  hidden_address.sun_family = AF_UNIX;
  const bool fits = hidden.size() < sizeof hidden_address.sun_path;
  const std::string& bound = fits ? hidden : name;
  std::memcpy(hidden_address.sun_path, bound.data(), bound.size());
  Listener listener;
  listener.fd_ = TRY(open_listening(reinterpret_cast<const sockaddr*>(&hidden_address),
                                    sizeof hidden_address, "unix:" + bound, Port::kMine));
  if (::chmod(bound.c_str(), 0600) != 0 || (fits && ::rename(bound.c_str(), name.c_str()) != 0)) {
    auto error = fail_errno("set up unix:" + name);
    (void)::unlink(bound.c_str());
    return error;
  }
  listener.address_ = "unix:" + name;
  listener.path_ = path;
  listener.inode_ = inode_of(path);
  return listener;
}

Expected<Listener> listen(std::string_view address) {
  if (address.starts_with("unix:")) {
    return listen_unix(address.substr(5));
  }
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  const char* const end = address.data() + address.size();
  if (colon != std::string_view::npos) {
    const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
    if (error == std::errc{} && stop == end) {
      const std::string_view host = address.substr(0, colon);
      return listen_tcp(host == "localhost" ? "127.0.0.1" : host, port);
    }
  }
  return fail(ErrorCode::kInvalidArgument, "listen on {}: neither unix:PATH nor HOST:PORT",
              address);
}

}  // namespace mcpgate::http
