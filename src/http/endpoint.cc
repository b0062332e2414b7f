#include "http/endpoint.h"

#include <algorithm>
#include <charconv>

namespace mcpgate::http {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool is_path_char(char c) {
  return c > 0x20 && c < 0x7f && c != '#' && c != '\\' && c != '"';
}

// The text is the operator's, from a configuration file, so the error may repeat it, but for user
// information, which may be a password.
std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  if (text.contains('@')) {
    return fail(ErrorCode::kInvalidArgument, "endpoint: {}", why);
  }
  return fail(ErrorCode::kInvalidArgument, "endpoint {}: {}", text, why);
}

}  // namespace

Expected<Endpoint> Endpoint::parse(std::string_view text) {
  Endpoint endpoint;
  if (text.starts_with("unix:")) {
    endpoint.scheme = Scheme::kUnix;
    endpoint.host = text.substr(5);
    if (endpoint.host.empty() || endpoint.host.size() > kUnixPathBytesMax ||
        endpoint.host.contains('\0')) {
      return bad(text, fmt::format("a socket's path has 1 to {} bytes", kUnixPathBytesMax));
    }
    return endpoint;
  }
  std::string_view rest = text;
  if (text.starts_with("http://")) {
    endpoint.scheme = Scheme::kHttp;
    endpoint.port = kHttpPort;
    rest.remove_prefix(7);
  } else if (text.starts_with("https://")) {
    endpoint.scheme = Scheme::kHttps;
    endpoint.port = kHttpsPort;
    rest.remove_prefix(8);
  } else {
    return bad(text, "neither unix:PATH nor http://HOST nor https://HOST");
  }
  const std::size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  const std::string_view path = rest.substr(authority_end);
  if (authority.contains('@')) {
    return bad(text, "user information is not allowed");
  }
  if (!std::ranges::all_of(path, is_path_char)) {
    return bad(text, "the path holds what a URL may not");
  }
  endpoint.path = path.starts_with('/') ? std::string(path) : "/" + std::string(path);

  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  const std::size_t colon =
      bracket == std::string_view::npos ? bracket : authority.find(':', bracket);
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (error != std::errc{} || end != port.data() + port.size() || endpoint.port == 0) {
      return bad(text, "bad port");
    }
    authority = authority.substr(0, colon);
  }
  const bool is_v6 = authority.starts_with('[') && authority.ends_with(']');
  endpoint.host = is_v6 ? authority.substr(1, authority.size() - 2) : authority;
  const auto is_host_char = [&](char c) { return is_name_char(c) || (is_v6 && c == ':'); };
  if (endpoint.host.empty() || !std::ranges::all_of(endpoint.host, is_host_char)) {
    return bad(text, "bad host");
  }
  return endpoint;
}

Expected<Endpoint> Endpoint::parse_host_port(std::string_view text) {
  Endpoint endpoint = TRY(parse(fmt::format("http://{}", text)));
  if (endpoint.path != "/" || !text.ends_with(fmt::format(":{}", endpoint.port))) {
    return bad(text, "neither more nor less than HOST:PORT is wanted");
  }
  return endpoint;
}

std::string Endpoint::authority() const {
  if (scheme == Scheme::kUnix) {
    return "localhost";
  }
  const std::string name = host.contains(':') ? "[" + host + "]" : host;
  const std::uint16_t usual = scheme == Scheme::kHttp ? kHttpPort : kHttpsPort;
  return port == usual ? name : name + ":" + std::to_string(port);
}

}  // namespace mcpgate::http
