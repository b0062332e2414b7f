#pragma once

// What a login gave, kept for the commands that come after it.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "cli/oauth_client.h"

namespace mcpgate::cli {

/// One login at one gateway, as its file has it: JSON, mode 0600. Holds secrets.
struct Login {
  /// The gateway's, as `--url` had it.
  std::string url;
  std::string issuer;
  std::string token_endpoint;
  std::string client_id;
  std::string access_token;
  /// Empty: it cannot be refreshed.
  std::string refresh_token;
  /// When the access token ends.
  WallTime expires;

  friend bool operator==(const Login&, const Login&) = default;
};

/// Where the login at `url` is kept in a state folder.
[[nodiscard]] std::filesystem::path login_file(const std::filesystem::path& state,
                                               std::string_view url);

/// kNotFound where nobody has logged in; kFailedPrecondition where others may read the file.
[[nodiscard]] Expected<Login> load_login(const std::filesystem::path& file);
/// Makes the folder, 0700, where it is missing.
[[nodiscard]] Expected<void> save_login(const std::filesystem::path& file, const Login& login);

/// Puts fresh tokens into a login. An issuer that gives no new refresh token means the old one.
void renew(Login& login, Tokens tokens, WallTime now);

/// The access token of the login in `file`, refreshed where it is about to end. Two commands at the
/// same time refresh once: a refresh token works once.
///
/// Errors: kUnauthenticated where it cannot be refreshed: log in again.
Task<Expected<std::string>> current_token(asio::io_context& loop, std::filesystem::path file,
                                          std::shared_ptr<http::TlsClient> tls, const Clock& clock);

}  // namespace mcpgate::cli
