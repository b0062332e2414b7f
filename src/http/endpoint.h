#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mcpgate::http {

/// unix(7): sun_path has 108, with the zero byte.
inline constexpr std::size_t kUnixPathBytesMax = 107;

/// Where a client connects to.
struct Endpoint {
  enum class Scheme { kUnix, kHttp, kHttps };

  Scheme scheme = Scheme::kHttp;
  /// DNS name or IP address without brackets; the socket's path for kUnix.
  std::string host;
  std::uint16_t port = 0;
  /// The URL's path and query, `/` where it has none: what a request's target starts from.
  std::string path = "/";

  /// `unix:PATH`, `http://HOST[:PORT][/PATH]`, `https://…`. No user information, no fragment.
  [[nodiscard]] static Expected<Endpoint> parse(std::string_view text);

  /// `HOST:PORT` alone, as kHttp.
  [[nodiscard]] static Expected<Endpoint> parse_host_port(std::string_view text);

  /// The Host field: `host`, `host:port` where the port is not the scheme's, `localhost` for kUnix.
  [[nodiscard]] std::string authority() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace mcpgate::http
