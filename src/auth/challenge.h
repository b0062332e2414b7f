#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/failure.h"

namespace mcpgate::auth {

/// How a request that is not authenticated is answered.
struct Challenge {
  /// 401; 400 for a credential in the URL or several of them; 403 for a token without the scopes;
  /// 429 for too many proofs, and for too many bad tokens; 503 where the issuer's keys or the API
  /// keys are not known, the issuer cannot be asked, or no more proofs can be told apart.
  int status = 401;
  /// The value of WWW-Authenticate (RFC 6750, 3; RFC 9449, 7.1; RFC 9728, 5.1). Empty with 429 and
  /// 503.
  std::string www_authenticate;
  /// The value of Retry-After, with 429 and 503: seconds.
  std::string_view retry_after = {};
  /// One plain sentence for the body; the same for every wrong credential.
  std::string_view message;
};

/// What the endpoint asks for.
struct ChallengeTerms {
  /// Where its document is: resource_metadata_url().
  std::string_view resource_metadata_url;
  /// What a token needs here, all of them in one challenge (SEP-2350).
  const std::vector<std::string>& scopes;
  /// Whether access tokens are taken, and with them DPoP.
  bool takes_tokens = false;
};

/// A missing credential gets no `error` (RFC 6750, 3.1), a wrong one `invalid_token` without
/// telling what was wrong with it; a wrong proof, whose token is good, `invalid_dpop_proof` and
/// what is wrong. The scheme that was used stands first (RFC 9449, 7.2).
[[nodiscard]] Challenge challenge_for(const AuthFailure& failure, const ChallengeTerms& terms);

/// Where the document of an endpoint is: the path goes behind the well-known part (RFC 9728, 3.1).
/// `https://h/` → `https://h/.well-known/oauth-protected-resource`, `https://h/mcp` → `…/mcp`.
[[nodiscard]] std::string resource_metadata_url(std::string_view resource);

/// The document of RFC 9728, 2, as JSON. `resource` is the endpoint's own URL; an empty list is
/// left out, and where there is no authorization server what is about access tokens.
[[nodiscard]] std::string protected_resource_metadata(
    std::string_view resource, const std::vector<std::string>& authorization_servers,
    const std::vector<std::string>& scopes, bool dpop_required);

}  // namespace mcpgate::auth
