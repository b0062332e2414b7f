#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/snapshot.h"
#include "http/message.h"

namespace mcpgate::gateway {

/// Whether the Host field names this server. A page that makes a victim's browser resolve its own
/// name to our address (DNS rebinding) fails here.
[[nodiscard]] bool is_host_allowed(const Settings& settings, const http::Request& request);

/// The URL by which clients reach the endpoint of that path, `/` or `/mcp`, in two parts:
/// publicUrl, which may have a path of its own, and what follows it.
struct ResourceUrl {
  std::string_view base, rest;

  [[nodiscard]] std::string to_string() const { return std::string(base).append(rest); }
};
[[nodiscard]] ResourceUrl resource_url(const Settings& settings, std::string_view path);

/// Whether the Origin field is absent or allowed (2025-11-25, basic/transports, "Security Warning":
/// otherwise 403). A server on loopback also takes origins on loopback.
[[nodiscard]] bool is_origin_allowed(const Settings& settings, const http::Request& request);

/// What a browser of an allowed origin needs to see on every answer; nothing without Origin.
void add_cors_headers(const http::Request& request, http::Headers& headers);

/// The answer to a preflight request of an allowed origin.
[[nodiscard]] http::Response preflight_answer(const http::Request& request);

/// Whether the peer is this machine itself, and nothing claims to have forwarded the request.
[[nodiscard]] bool is_from_loopback(const http::Request& request);

}  // namespace mcpgate::gateway
