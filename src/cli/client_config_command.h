#pragma once

#include <string>
#include <string_view>

#include "cli/command.h"

namespace mcpgate::cli {

/// `mcpgate client-config`: what to paste into an AI client.
[[nodiscard]] Command client_config_command();

/// The text for one of `cursor`, `claude-desktop`, `claude-code` and `vscode`. With `token` empty
/// the secret is left to the client: its own place for secrets, an environment variable or a file.
struct ClientConfig {
  std::string url;
  /// Only the demo token is ever printed: it is no secret.
  std::string token;
  /// This executable, and a file for the key, both absolute.
  std::string program;
  std::string token_file;
};
[[nodiscard]] std::string client_config_text(std::string_view client, const ClientConfig& config);

}  // namespace mcpgate::cli
