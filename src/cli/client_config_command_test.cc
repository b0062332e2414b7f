// What is printed is pasted into other people's programs: their own formats, letter by letter.

#include "cli/client_config_command.h"

#include <gtest/gtest.h>

namespace mcpgate::cli {
namespace {

const ClientConfig kWithKey{.url = "https://mcp.example.com/mcp",
                            .token = "",
                            .program = "/usr/bin/mcpgate",
                            .token_file = "/etc/mcpgate/token"};
const ClientConfig kDemo{.url = "http://127.0.0.1:8080/mcp",
                         .token = "demo-token-12345",
                         .program = "/usr/bin/mcpgate",
                         .token_file = "/etc/mcpgate/token"};

TEST(ClientConfigText, Cursor) {
  EXPECT_EQ(client_config_text("cursor", kWithKey), R"({
  "mcpServers": {
    "mcpgate": {
      "url": "https://mcp.example.com/mcp",
      "headers": {
        "Authorization": "Bearer ${env:MCPGATE_TOKEN}"
      }
    }
  }
})");
  EXPECT_TRUE(client_config_text("cursor", kDemo).contains("\"Bearer demo-token-12345\""));
}

TEST(ClientConfigText, VsCodeAsksForTheSecretOnce) {
  const std::string text = client_config_text("vscode", kWithKey);
  EXPECT_TRUE(text.contains("\"type\": \"promptString\""));
  EXPECT_TRUE(text.contains("\"password\": true"));
  EXPECT_TRUE(text.contains("\"Bearer ${input:mcpgate-token}\""));
  EXPECT_FALSE(client_config_text("vscode", kDemo).contains("inputs"));
}

TEST(ClientConfigText, ClaudeDesktopStartsTheBridgeByAbsolutePaths) {
  EXPECT_EQ(client_config_text("claude-desktop", kWithKey), R"({
  "mcpServers": {
    "mcpgate": {
      "command": "/usr/bin/mcpgate",
      "args": [
        "stdio",
        "--url",
        "https://mcp.example.com/mcp",
        "--token-file",
        "/etc/mcpgate/token"
      ]
    }
  }
})");
  // The bridge knows the demo token by itself; a secret is never an argument.
  EXPECT_FALSE(client_config_text("claude-desktop", kDemo).contains("token"));
}

TEST(ClientConfigText, ClaudeCodeLeavesTheSecretToTheShell) {
  EXPECT_EQ(client_config_text("claude-code", kWithKey),
            "claude mcp add --transport http mcpgate https://mcp.example.com/mcp "
            "--header \"Authorization: Bearer $MCPGATE_TOKEN\"");
  ClientConfig config = kWithKey;
  config.url = "https://h/mcp?a=1&b=$(id);'";
  EXPECT_TRUE(client_config_text("claude-code", config)
                  .starts_with("claude mcp add --transport http mcpgate "
                               "'https://h/mcp?a=1&b=$(id);'\\''' --header"));
}

}  // namespace
}  // namespace mcpgate::cli
