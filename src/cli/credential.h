#pragma once

// With what a command of ours goes to a gateway: its URL, a token, and trust.

#include <memory>
#include <string>

#include "cli/command.h"
#include "http/client.h"
#include "http/tls.h"

namespace mcpgate::cli {

/// A gateway, and how to be let in.
struct Target {
  http::Endpoint endpoint;
  /// As the user or the configuration wrote it.
  std::string url;
  /// The API key or access token. A secret.
  std::string token;
  /// Null for plain http.
  std::shared_ptr<http::TlsClient> tls;

  /// For an http::Client of `endpoint`.
  [[nodiscard]] http::ClientOptions client_options() const;
};

/// The flags `--url`, `--token-file` and `--ca-file`, for every command that speaks to a gateway.
[[nodiscard]] std::vector<Flag> target_flags();

/// What those flags mean. Without `--url` it is the gateway of the configuration; without
/// `--token-file` that of $MCPGATE_TOKEN_FILE, and on loopback the demo token.
///
/// Errors: kInvalidArgument, kNotFound; kFailedPrecondition where others may read the token's file.
[[nodiscard]] Expected<Target> target_of(const Arguments& arguments, const World& world);

}  // namespace mcpgate::cli
