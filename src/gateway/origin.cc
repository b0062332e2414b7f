#include "gateway/origin.h"

#include <algorithm>
#include <array>

namespace mcpgate::gateway {

namespace {

/// `host`, `host:port`, `[v6]` or `[v6]:port` without the port and the brackets.
std::string_view host_without_port(std::string_view authority) {
  if (authority.starts_with('[')) {
    return authority.substr(1, authority.find(']') - 1);
  }
  return authority.substr(0, authority.find(':'));
}

bool is_host_listed(const Settings& settings, std::string_view authority) {
  const std::string_view host = host_without_port(authority);
  return std::ranges::any_of(settings.allowed_hosts, [host](std::string_view allowed) {
    return http::iequals(allowed, host);
  });
}

bool is_loopback_name(std::string_view host) {
  static constexpr std::array<std::string_view, 3> kNames{"localhost", "127.0.0.1", "::1"};
  return std::ranges::find(kNames, host) != kNames.end();
}

}  // namespace

bool is_host_allowed(const Settings& settings, const http::Request& request) {
  return is_host_listed(settings, request.host);
}

bool is_origin_allowed(const Settings& settings, const http::Request& request) {
  const auto origin = request.header("origin");
  if (!origin) {
    return true;
  }
  if (request.header_count("origin") != 1) {
    return false;
  }
  if (std::ranges::find(settings.allowed_origins, *origin) != settings.allowed_origins.end()) {
    return true;
  }
  // An application on the user's own machine: only where we serve that machine alone.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin->starts_with(scheme)) {
      const std::string_view authority = origin->substr(scheme.size());
      return is_loopback_name(host_without_port(authority)) && is_host_listed(settings, authority);
    }
  }
  return false;
}

void add_cors_headers(const http::Request& request, http::Headers& headers) {
  if (const auto origin = request.header("origin")) {
    headers.emplace_back("Access-Control-Allow-Origin", *origin);
    headers.emplace_back("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate");
    headers.emplace_back("Vary", "Origin");
  }
}

http::Response preflight_answer(const http::Request& request) {
  http::Response response{.status = 204};
  add_cors_headers(request, response.headers);
  response.headers.emplace_back("Access-Control-Allow-Methods", "POST, OPTIONS");
  response.headers.emplace_back(
      "Access-Control-Allow-Headers",
      "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, "
      "Mcp-Session-Id, Last-Event-ID");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

bool is_from_loopback(const http::Request& request) {
  const bool peer = request.peer.starts_with("127.") || request.peer == "::1" ||
                    request.peer.starts_with("::ffff:127.");
  return peer && !request.header("forwarded") && !request.header("x-forwarded-for") &&
         !request.header("x-real-ip");
}

}  // namespace mcpgate::gateway
