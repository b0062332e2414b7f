#include "cli/credential.h"

#include <sys/stat.h>

#include <cstdlib>

#include "auth/authenticator.h"
#include "base/address.h"
#include "base/file.h"
#include "cli/config.h"

namespace mcpgate::cli {

namespace {

/// An API key has 73 characters, an access token of Keycloak some 1,500.
constexpr std::size_t kTokenBytesMax = std::size_t{16} << 10;
constexpr mode_t kOthers = 077;

Expected<std::string> read_token(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    return fail_errno("read " + file.string());
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kInvalidArgument, "{}: not a regular file", file.string());
  }
  if ((status.st_mode & kOthers) != 0) {
    return fail(ErrorCode::kFailedPrecondition, "{}: others may read it; chmod 600 {}",
                file.string(), file.string());
  }
  std::string token = TRY(read_file(file, kTokenBytesMax));
  while (token.ends_with('\n') || token.ends_with('\r')) {
    token.pop_back();
  }
  if (token.empty() || token.find_first_of(" \t\r\n") != std::string::npos) {
    return fail(ErrorCode::kInvalidArgument, "{}: expected one token alone", file.string());
  }
  return token;
}

Expected<std::string> token_of(const Arguments& arguments, const http::Endpoint& endpoint) {
  if (const auto file = arguments.find("token-file")) {
    return read_token(*file);
  }
  if (const char* file = std::getenv("MCPGATE_TOKEN_FILE"); file != nullptr && *file != '\0') {
    return read_token(file);
  }
  if (is_loopback_host(endpoint.host)) {
    return std::string(auth::kDemoToken);
  }
  return fail(ErrorCode::kInvalidArgument,
              "a token is needed: name a file that holds your API key by --token-file");
}

}  // namespace

http::ClientOptions Target::client_options() const {
  http::ClientOptions options;
  options.tls = tls;
  return options;
}

std::vector<Flag> target_flags() {
  return {
      {.name = "url",
       .value = "URL",
       .help = "the gateway's endpoint [default: that of the configuration]"},
      {.name = "token-file",
       .value = "FILE",
       .help = "file with the API key [default: $MCPGATE_TOKEN_FILE; on loopback the demo token]"},
      {.name = "ca-file",
       .value = "FILE",
       .help = "certificates to trust instead of the system's"}};
}

Expected<Target> target_of(const Arguments& arguments, const World& world) {
  Target target;
  if (const auto url = arguments.find("url")) {
    target.url = *url;
  } else {
    const std::optional<std::filesystem::path> flag = arguments.find("config");
    target.url = TRY(load_config(flag, world.environment)).public_url + "mcp";
  }
  auto endpoint = http::Endpoint::parse(target.url);
  if (!endpoint || endpoint->scheme == http::Endpoint::Scheme::kUnix) {
    return fail(ErrorCode::kInvalidArgument, "--url: expected http:// or https:// and a host");
  }
  target.endpoint = *std::move(endpoint);
  target.token = TRY(token_of(arguments, target.endpoint));
  if (target.endpoint.scheme == http::Endpoint::Scheme::kHttps) {
    http::TlsClientOptions options;
    options.ca = arguments.find("ca-file");
    target.tls = TRY(http::TlsClient::create(options));
  }
  return target;
}

}  // namespace mcpgate::cli
