#pragma once

// The client's side of OAuth 2.1, as `mcpgate login` and what uses its login need it: where a
// gateway's tokens are to be had, and the requests for them. src/auth has the other side.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/random.h"
#include "base/task.h"
#include "http/form.h"
#include "http/tls.h"

namespace mcpgate::cli {

/// Who issues a gateway's tokens.
struct AuthorizationServer {
  /// The gateway's URL as the token request names it (RFC 8707).
  std::string resource;
  std::string issuer;
  std::string authorization_endpoint;
  std::string token_endpoint;
  /// What the gateway wants a token to have.
  std::vector<std::string> scopes;
};

/// What an issuer gives.
struct Tokens {
  std::string access_token;
  /// Empty: there is none.
  std::string refresh_token;
  /// How long the access token lives.
  std::chrono::seconds lifetime{0};
};

/// Proof that who redeems a code is who asked for it (RFC 7636).
struct Pkce {
  std::string verifier;
  /// S256 of the verifier.
  std::string challenge;
};
[[nodiscard]] Pkce make_pkce(Random& random);

/// Asks the gateway at `url` for its metadata (RFC 9728), and the first issuer there for its own.
/// Nothing is believed of a document that names another resource or issuer than the one it was
/// asked for, nor of an endpoint that is neither https nor loopback.
Task<Expected<AuthorizationServer>> discover(asio::io_context& loop, std::string url,
                                             std::shared_ptr<http::TlsClient> tls);

/// One request to a token endpoint. kUnauthenticated when the issuer refuses.
Task<Expected<Tokens>> request_tokens(asio::io_context& loop, std::string token_endpoint,
                                      http::FormFields form, std::shared_ptr<http::TlsClient> tls);

}  // namespace mcpgate::cli
