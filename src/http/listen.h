#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace mcpgate::http {

/// A bound, listening, non-blocking stream socket. The last Listener of a unix path removes it.
class Listener {
 public:
  Listener() = default;
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&& other) noexcept;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// `127.0.0.1:8080`, `[::1]:8080` or `unix:PATH`, with the port that was bound.
  [[nodiscard]] const std::string& address() const { return address_; }
  /// The bound port, 0 for a unix socket.
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// The same socket for another loop: TCP gets a socket of its own with SO_REUSEPORT, so that the
  /// kernel spreads connections; a unix path has one queue, which both accept from.
  [[nodiscard]] Expected<Listener> another() const;

  /// New connections are turned away from now on; those that the kernel has already accepted, or
  /// whose handshake is under way, can still be taken.
  void refuse_new_connections();

 private:
  friend Expected<Listener> listen_tcp(std::string_view host, std::uint16_t port);
  friend Expected<Listener> listen_unix(const std::filesystem::path& path);

  void unlink_path();

  UniqueFd fd_;
  std::string address_;
  std::uint16_t port_ = 0;
  /// The path to remove, empty for TCP and for copies; and the socket file's inode, since another
  /// process may have taken the path over.
  std::filesystem::path path_;
  std::uint64_t inode_ = 0;
};

/// Connections the kernel holds for us before accept(2).
inline constexpr int kListenBacklog = 4096;

/// Listens on an IP address, IPv6 with or without brackets. Port 0 takes a free one. Fails where
/// anybody listens there, another process of ours too: two gateways must not share a port unasked.
[[nodiscard]] Expected<Listener> listen_tcp(std::string_view host, std::uint16_t port);

/// Listens on a unix path, mode 0600. A socket file that nobody listens on is replaced;
/// kAlreadyExists when somebody does, kInvalidArgument when the path exceeds kUnixPathBytesMax.
[[nodiscard]] Expected<Listener> listen_unix(const std::filesystem::path& path);

/// `unix:PATH`, `HOST:PORT`, `[V6]:PORT` or `localhost:PORT`, as configuration spells it.
[[nodiscard]] Expected<Listener> listen(std::string_view address);

}  // namespace mcpgate::http
