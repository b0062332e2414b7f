#include "cli/welcome.h"

#include <ostream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "auth/authenticator.h"
#include "cli/client_config_command.h"
#include "cli/environment.h"
#include "cli/mcp_client.h"
#include "cli/tools_command.h"

namespace mcpgate::cli {

namespace {

constexpr std::string_view kExampleTool = "log_store";
constexpr std::string_view kExampleArguments = R"({"action":"summary"})";
/// As much of the result as leaves the rest on the screen.
constexpr std::size_t kLinesShown = 24;

std::string indented(std::string_view text) {
  std::string out;
  std::size_t lines = 0;
  while (!text.empty()) {
    if (++lines > kLinesShown) {
      out += "  …\n";
      break;
    }
    const std::size_t end = text.find('\n');
    out.append("  ").append(text.substr(0, end)).append("\n");
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

std::string introduction(const Config& config, const std::string& url) {
  std::string text = fmt::format("\nmcpgate serves {}\n", url);
  if (config.demo_token_allowed) {
    const ClientConfig client{.url = url, .token = std::string(auth::kDemoToken)};
    text += fmt::format(
        "\nPaste into Cursor's mcp.json (others: {} client-config --client NAME --url {}):\n{}",
        own_program_as_typed(), url, indented(client_config_text("cursor", client)));
  }
  return text;
}

Task<void> greet(asio::io_context& loop, std::string url, std::string introduction,
                 std::ostream& out) {
  McpClient client(loop, {.endpoint = *http::Endpoint::parse(url),
                          .url = url,
                          .token = std::string(auth::kDemoToken)});
  const auto result =
      co_await client.call_tool(std::string(kExampleTool), std::string(kExampleArguments));
  out << introduction;
  if (result) {
    out << fmt::format("\n$ {} tools call {} '{}' --url {}\n", own_program_as_typed(), kExampleTool,
                       kExampleArguments, url)
        << indented(readable_result(*result));
  }
  out << "\nCtrl-C ends it.\n" << std::flush;
}

}  // namespace

void welcome(GatewayProcess& gateway, std::ostream& out) {
  const Config& config = gateway.config();
  const std::string url = config.public_url + "mcp";
  if (!config.demo_token_allowed || config.tls) {
    // Without a token that we may use there is no call to show.
    out << introduction(config, url) << "\nCtrl-C ends it.\n" << std::flush;
    return;
  }
  asio::co_spawn(gateway.loop(), greet(gateway.loop(), url, introduction(config, url), out),
                 asio::detached);
}

}  // namespace mcpgate::cli
