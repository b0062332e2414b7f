#include "cli/credential.h"

#include <sys/stat.h>

#include <cstdlib>

#include "auth/authenticator.h"
#include "base/address.h"
#include "base/file.h"
#include "cli/config.h"
#include "cli/login.h"

namespace mcpgate::cli {

namespace {

/// An API key has 73 characters, an access token of Keycloak some 1,500.
constexpr std::size_t kTokenBytesMax = std::size_t{16} << 10;
constexpr mode_t kOthers = 077;

/// Nothing where no file is named.
Expected<std::optional<std::string>> named_token(const Arguments& arguments) {
  if (const auto file = arguments.find("token-file")) {
    return TRY(read_token_file(*file));
  }
  if (const char* file = std::getenv("MCPGATE_TOKEN_FILE"); file != nullptr && *file != '\0') {
    return TRY(read_token_file(file));
  }
  return std::nullopt;
}

}  // namespace

Expected<std::string> read_token_file(const std::filesystem::path& file) {
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

http::ClientOptions Target::client_options() const {
  http::ClientOptions options;
  options.tls = tls;
  return options;
}

Task<Expected<std::string>> Target::authorization(asio::io_context& loop) const {
  auto current = login ? co_await current_token(loop, *login, tls, SystemClock()) : token;
  if (!current) {
    co_return std::unexpected(std::move(current.error()));
  }
  co_return "Bearer " + *current;
}

std::vector<Flag> target_flags() {
  return {
      {.name = "url",
       .value = "URL",
       .help = "the gateway's endpoint [default: that of the configuration]"},
      {.name = "token-file",
       .value = "FILE",
       .help = "file with the key or token [default: $MCPGATE_TOKEN_FILE; the login at this URL]"},
      {.name = "ca-file",
       .value = "FILE",
       .help = "certificates to trust instead of the system's"}};
}

Expected<std::shared_ptr<http::TlsClient>> trust_of(const Arguments& arguments) {
  http::TlsClientOptions options;
  options.ca = arguments.find("ca-file");
  return http::TlsClient::create(options);
}

Expected<Place> gateway_of(const Arguments& arguments, const World& world) {
  const std::optional<std::filesystem::path> flag = arguments.find("config");
  auto config = load_config(flag, world.environment);
  Place place;
  if (const auto url = arguments.find("url")) {
    place.url = *url;
  } else if (config) {
    place.url = config->public_url + "mcp";
  } else {
    return std::unexpected(std::move(config.error()));
  }
  // With a URL a configuration is not needed: without one there is no login either.
  place.state = config ? config->state : std::filesystem::path();
  auto endpoint = http::Endpoint::parse(place.url);
  if (!endpoint || endpoint->scheme == http::Endpoint::Scheme::kUnix) {
    return fail(ErrorCode::kInvalidArgument, "--url: expected http:// or https:// and a host");
  }
  place.endpoint = *std::move(endpoint);
  if (place.endpoint.scheme == http::Endpoint::Scheme::kHttps) {
    place.tls = TRY(trust_of(arguments));
  }
  return place;
}

Expected<Target> target_of(const Arguments& arguments, const World& world) {
  Place place = TRY(gateway_of(arguments, world));
  Target target{.endpoint = std::move(place.endpoint),
                .url = std::move(place.url),
                .token = "",
                .login = std::nullopt,
                .tls = std::move(place.tls)};
  if (auto token = TRY(named_token(arguments))) {
    target.token = *std::move(token);
    return target;
  }
  std::error_code ignored;
  const std::filesystem::path login = login_file(place.state, target.url);
  if (!place.state.empty() && std::filesystem::exists(login, ignored)) {
    target.login = login;
    if (!target.tls) {  // Its issuer may be https where the gateway is not.
      target.tls = TRY(trust_of(arguments));
    }
    return target;
  }
  if (is_loopback_host(target.endpoint.host)) {
    target.token = std::string(auth::kDemoToken);
    return target;
  }
  return fail(ErrorCode::kInvalidArgument,
              "a token is needed: name a file that holds your API key by --token-file, or log in: "
              "mcpgate login --url {}",
              target.url);
}

}  // namespace mcpgate::cli
