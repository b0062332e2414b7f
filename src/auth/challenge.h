#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/authenticator.h"

namespace mcpgate::auth {

/// How a request that is not authenticated is answered.
struct Challenge {
  /// 401, or 400 for a credential in the URL or several of them.
  int status = 401;
  /// The value of WWW-Authenticate (RFC 6750, 3; RFC 9728, 5.1).
  std::string www_authenticate;
  /// One plain sentence for the body; the same for every wrong credential.
  std::string_view message;
};

/// `resource_metadata_url` is where this endpoint's document is. A missing credential gets no
/// `error` (RFC 6750, 3.1), a wrong one `invalid_token` without telling what was wrong with it.
[[nodiscard]] Challenge challenge_for(AuthFailureReason reason,
                                      std::string_view resource_metadata_url);

/// Where the document of an endpoint is: the path goes behind the well-known part (RFC 9728, 3.1).
/// `https://h/` → `https://h/.well-known/oauth-protected-resource`, `https://h/mcp` → `…/mcp`.
[[nodiscard]] std::string resource_metadata_url(std::string_view resource);

/// The document of RFC 9728, 2, as JSON. `resource` is the endpoint's own URL; no authorization
/// server, no `authorization_servers`.
[[nodiscard]] std::string protected_resource_metadata(
    std::string_view resource, const std::vector<std::string>& authorization_servers);

}  // namespace mcpgate::auth
