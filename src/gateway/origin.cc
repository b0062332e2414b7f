#include "gateway/origin.h"

#include <algorithm>

#include "base/address.h"

namespace mcpgate::gateway {

namespace {

/// `host`, `host:port`, `[v6]` or `[v6]:port` without the port and the brackets; empty for anything
/// else. `localhost:x@evil.com` is none of them: its host is what stands behind the `@`.
std::string_view host_without_port(std::string_view authority) {
  const bool has_brackets = authority.starts_with('[');
  const std::size_t end = std::min(authority.find(has_brackets ? "]" : ":"), authority.size());
  const std::string_view host =
      authority.substr(has_brackets ? 1 : 0, end - (has_brackets ? 1 : 0));
  std::string_view port = authority.substr(end);
  if (has_brackets) {
    if (port.empty()) {
      return {};
    }
    port.remove_prefix(1);
  }
  const bool is_port =
      port.empty() || (port.front() == ':' && port.find_first_not_of("0123456789", 1) == port.npos);
  return is_port ? host : std::string_view{};
}

bool is_host_listed(const Settings& settings, std::string_view authority) {
  const std::string_view host = host_without_port(authority);
  return !host.empty() &&
         std::ranges::any_of(settings.allowed_hosts, [host](std::string_view allowed) {
           return http::iequals(allowed, host);
         });
}

}  // namespace

bool is_host_allowed(const Settings& settings, const http::Request& request) {
  return is_host_listed(settings, request.host);
}

ResourceUrl resource_url(const Settings& settings, std::string_view path) {
  return {.base = settings.public_url, .rest = path.ends_with("/mcp") ? "mcp" : ""};
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
      return is_loopback_host(host_without_port(authority)) && is_host_listed(settings, authority);
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
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
  response.headers.emplace_back(
      "Access-Control-Allow-Headers",
      "Authorization, DPoP, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, "
      "Mcp-Session-Id, Last-Event-ID");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

bool is_from_loopback(const http::Request& request) {
  return is_loopback_address(request.peer) && !request.header("forwarded") &&
         !request.header("x-forwarded-for") && !request.header("x-real-ip");
}

}  // namespace mcpgate::gateway
