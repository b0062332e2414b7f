#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/failure.h"

namespace mcpgate::auth {

/// How a request that is not authenticated is answered.
struct Challenge {
  /// 401; 400 for a credential in the URL or several of them; 403 for a token without the scopes;
  /// 503 where the issuer's keys or the API keys are not known, or the issuer cannot be asked.
  int status = 401;
  /// The value of WWW-Authenticate (RFC 6750, 3; RFC 9728, 5.1). Empty with 503.
  std::string www_authenticate;
  /// One plain sentence for the body; the same for every wrong credential.
  std::string_view message;
};

/// `resource_metadata_url` is where this endpoint's document is, `scopes` are what a token needs
/// here, all of them in one challenge (SEP-2350). A missing credential gets no `error` (RFC 6750,
/// 3.1), a wrong one `invalid_token` without telling what was wrong with it.
[[nodiscard]] Challenge challenge_for(AuthFailureReason reason,
                                      std::string_view resource_metadata_url,
                                      const std::vector<std::string>& scopes);

/// Where the document of an endpoint is: the path goes behind the well-known part (RFC 9728, 3.1).
/// `https://h/` → `https://h/.well-known/oauth-protected-resource`, `https://h/mcp` → `…/mcp`.
[[nodiscard]] std::string resource_metadata_url(std::string_view resource);

/// The document of RFC 9728, 2, as JSON. `resource` is the endpoint's own URL; an empty list is
/// left out.
[[nodiscard]] std::string protected_resource_metadata(
    std::string_view resource, const std::vector<std::string>& authorization_servers,
    const std::vector<std::string>& scopes);

}  // namespace mcpgate::auth
