#include "cli/client_config_command.h"

#include <filesystem>
#include <ostream>
#include <system_error>

#include "auth/api_key.h"
#include "auth/authenticator.h"
#include "cli/config.h"
#include "http/client.h"
#include "json/write.h"

namespace mcpgate::cli {

namespace {

/// How each client names a secret that is not in its configuration file.
constexpr std::string_view kCursorSecret = "${env:MCPGATE_TOKEN}";
constexpr std::string_view kVsCodeSecret = "${input:mcpgate-token}";
constexpr std::string_view kShellSecret = "$MCPGATE_TOKEN";

std::string bearer(const ClientConfig& config, std::string_view secret) {
  return "Bearer " + (config.token.empty() ? std::string(secret) : config.token);
}

/// `{"url": …, "headers": {"Authorization": …}}`, the members of an open object.
void add_http_server(json::Writer& writer, const ClientConfig& config, std::string_view secret) {
  writer.field("url", config.url)
      .key("headers")
      .begin_object()
      .field("Authorization", bearer(config, secret))
      .end_object();
}

std::string cursor(const ClientConfig& config) {
  std::string out;
  json::Writer writer(out, json::Layout::kPretty);
  writer.begin_object().key("mcpServers").begin_object().key("mcpgate").begin_object();
  add_http_server(writer, config, kCursorSecret);
  writer.end_object().end_object().end_object();
  return out;
}

std::string vscode(const ClientConfig& config) {
  std::string out;
  json::Writer writer(out, json::Layout::kPretty);
  writer.begin_object();
  if (config.token.empty()) {
    writer.key("inputs")
        .begin_array()
        .begin_object()
        .field("type", "promptString")
        .field("id", "mcpgate-token")
        .field("description", "mcpgate API key")
        .field("password", true)
        .end_object()
        .end_array();
  }
  writer.key("servers").begin_object().key("mcpgate").begin_object().field("type", "http");
  add_http_server(writer, config, kVsCodeSecret);
  writer.end_object().end_object().end_object();
  return out;
}

/// Claude Desktop starts commands only, without the user's PATH and folder: the bridge.
std::string claude_desktop(const ClientConfig& config) {
  std::string out;
  json::Writer writer(out, json::Layout::kPretty);
  writer.begin_object().key("mcpServers").begin_object().key("mcpgate").begin_object();
  writer.field("command", config.program).key("args").begin_array();
  writer.value("stdio").value("--url").value(config.url);
  if (config.token.empty()) {
    writer.value("--token-file").value(config.token_file);
  }
  writer.end_array().end_object().end_object().end_object();
  return out;
}

/// One word of a POSIX shell's command line.
std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/@%+=,";
  if (text.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(text);
  }
  std::string word = "'";
  for (const char c : text) {
    word += c == '\'' ? std::string_view("'\\''") : std::string_view(&c, 1);
  }
  return word + "'";
}

std::string claude_code(const ClientConfig& config) {
  return fmt::format("claude mcp add --transport http mcpgate {} --header \"Authorization: {}\"",
                     shell_word(config.url), bearer(config, kShellSecret));
}

/// What the user must still do, for standard error.
std::string_view advice(std::string_view client, const ClientConfig& config) {
  if (!config.token.empty()) {
    return "The demo token opens every tool, on this machine only. For people make keys: mcpgate "
           "keys create.";
  }
  if (client == "claude-desktop") {
    return "Put your API key alone into the file named after --token-file, with mode 0600.";
  }
  if (client == "vscode") {
    return "VS Code asks for your API key once and keeps it.";
  }
  return "Set MCPGATE_TOKEN to your API key in the client's environment.";
}

Expected<ClientConfig> read(const Arguments& arguments, const World& world) {
  const std::optional<std::filesystem::path> flag = arguments.find("config");
  const Config config = TRY(load_config(flag, world.environment));
  ClientConfig client{.url = arguments.get("url", config.public_url + "mcp")};
  const auto endpoint = http::Endpoint::parse(client.url);
  if (!endpoint || endpoint->scheme == http::Endpoint::Scheme::kUnix) {
    return fail(ErrorCode::kInvalidArgument, "--url: expected http:// or https:// and a host");
  }
  if (auth::has_credential_in_query(endpoint->path)) {
    return fail(ErrorCode::kInvalidArgument,
                "--url: a credential in the URL is refused by the gateway, and URLs are logged");
  }
  client.program = own_program().string();
  client.token_file = (config.state / "tokens" / "mcpgate.token").string();
  return client;
}

int print(const Arguments& arguments, const World& world) {
  const auto config = read(arguments, world);
  if (!config) {
    world.err << config.error().message << '\n';
    return kWrongUsage;
  }
  const std::string client = arguments.get("client");
  world.out << client_config_text(client, *config) << '\n';
  world.err << advice(client, *config) << '\n';
  return kDone;
}

}  // namespace

std::string client_config_text(std::string_view client, const ClientConfig& config) {
  if (client == "cursor") {
    return cursor(config);
  }
  if (client == "vscode") {
    return vscode(config);
  }
  if (client == "claude-desktop") {
    return claude_desktop(config);
  }
  return claude_code(config);
}

Command client_config_command() {
  return {.name = "client-config",
          .help = "Print what to paste into an AI client",
          .flags = {{.name = "client",
                     .value = "NAME",
                     .help = "cursor, claude-desktop, claude-code or vscode",
                     .is_required = true,
                     .choices = {"cursor", "claude-desktop", "claude-code", "vscode"}},
                    {.name = "url",
                     .value = "URL",
                     .help = "the gateway's endpoint [default: that of the configuration]"}},
          .run = &print};
}

}  // namespace mcpgate::cli
