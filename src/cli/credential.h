#pragma once

// With what a command of ours goes to a gateway: its URL, a token, and trust.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/task.h"
#include "cli/command.h"
#include "http/client.h"
#include "http/tls.h"

namespace mcpgate::cli {

/// A gateway, as the flags name it.
struct Place {
  http::Endpoint endpoint;
  /// As the user or the configuration wrote it.
  std::string url;
  /// Null for plain http.
  std::shared_ptr<http::TlsClient> tls;
  /// The state folder of this machine's configuration, where logins are kept.
  std::filesystem::path state;
};

/// A gateway, and how to be let in.
struct Target {
  http::Endpoint endpoint;
  std::string url;
  /// The API key or access token, a secret; empty where `login` is set.
  std::string token;
  /// The file of a login, whose token changes every few minutes: current_token().
  std::optional<std::filesystem::path> login;
  /// Null for plain http without a login.
  std::shared_ptr<http::TlsClient> tls;

  /// For an http::Client of `endpoint`.
  [[nodiscard]] http::ClientOptions client_options() const;
  /// The value of the Authorization header for a request now. A secret.
  Task<Expected<std::string>> authorization(asio::io_context& loop) const;
};

/// The flags `--url`, `--token-file` and `--ca-file`, for every command that speaks to a gateway.
[[nodiscard]] std::vector<Flag> target_flags();

/// The token that a file holds alone. Errors: as target_of().
[[nodiscard]] Expected<std::string> read_token_file(const std::filesystem::path& file);

/// Whom those flags trust.
[[nodiscard]] Expected<std::shared_ptr<http::TlsClient>> trust_of(const Arguments& arguments);

/// Which gateway those flags mean: without `--url` that of the configuration.
///
/// Errors: kInvalidArgument, kNotFound.
[[nodiscard]] Expected<Place> gateway_of(const Arguments& arguments, const World& world);

/// What those flags mean. Without `--token-file` it is that of $MCPGATE_TOKEN_FILE, else the login
/// at this URL, else on loopback the demo token.
///
/// Errors: kInvalidArgument, kNotFound; kFailedPrecondition where others may read the token's file.
[[nodiscard]] Expected<Target> target_of(const Arguments& arguments, const World& world);

}  // namespace mcpgate::cli
