#include "cli/login.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <utility>

#include "base/digest.h"
#include "base/fd.h"
#include "base/file.h"
#include "json/parse.h"
#include "json/write.h"

namespace mcpgate::cli {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{256} << 10;
constexpr mode_t kSecretMode = 0600;
constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kOthers = 077;
constexpr std::size_t kNameHexDigits = 16;
/// A token that ends sooner is refreshed first: one call may take that long to arrive.
constexpr std::chrono::seconds kMargin{30};

/// Keeps other commands from refreshing the same login while it lives.
Expected<UniqueFd> lock(const std::filesystem::path& file) {
  const std::filesystem::path path = file.string() + ".lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kSecretMode));
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0) {
    return fail_errno("lock " + path.string());
  }
  return fd;
}

}  // namespace

std::filesystem::path login_file(const std::filesystem::path& state, std::string_view url) {
  return state / "tokens" / (sha256_hex(url).substr(0, kNameHexDigits) + ".login.json");
}

Expected<Login> load_login(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    return fail_errno("read " + file.string());
  }
  if ((status.st_mode & kOthers) != 0) {
    return fail(ErrorCode::kFailedPrecondition, "{}: others may read it; chmod 600 {}",
                file.string(), file.string());
  }
  const std::string text = TRY(read_file(file, kFileBytesMax));
  json::Parser parser(kFileBytesMax);
  const auto element = parser.parse(text);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto expires =
      object ? parse_rfc3339(json::string_at(*object, "expires").value_or("")) : std::nullopt;
  if (!expires) {
    return fail(ErrorCode::kInvalidArgument, "{}: not a login; remove it and log in again",
                file.string());
  }
  const auto text_at = [&object](std::string_view name) {
    return std::string(json::string_at(*object, name).value_or(""));
  };
  return Login{.url = text_at("url"),
               .issuer = text_at("issuer"),
               .token_endpoint = text_at("token_endpoint"),
               .client_id = text_at("client_id"),
               .access_token = text_at("access_token"),
               .refresh_token = text_at("refresh_token"),
               .expires = *expires};
}

Expected<void> save_login(const std::filesystem::path& file, const Login& login) {
  TRY_VOID(make_directories(file.parent_path(), kPrivateDirectory));
  std::string text;
  json::Writer(text, json::Layout::kPretty)
      .begin_object()
      .field("url", login.url)
      .field("issuer", login.issuer)
      .field("token_endpoint", login.token_endpoint)
      .field("client_id", login.client_id)
      .field("access_token", login.access_token)
      .field("refresh_token", login.refresh_token)
      .field("expires", format_rfc3339(login.expires))
      .end_object();
  return write_file_atomically(file, text + "\n", kSecretMode);
}

void renew(Login& login, Tokens tokens, WallTime now) {
  login.access_token = std::move(tokens.access_token);
  if (!tokens.refresh_token.empty()) {
    login.refresh_token = std::move(tokens.refresh_token);
  }
  login.expires = now + tokens.lifetime;
}

Task<Expected<std::string>> current_token(asio::io_context& loop, std::filesystem::path file,
                                          std::shared_ptr<http::TlsClient> tls,
                                          const Clock& clock) {
  auto login = load_login(file);
  if (login && clock.wall_now() + kMargin < login->expires) {
    co_return login->access_token;
  }
  const auto locked = lock(file);
  login = load_login(file);  // Another command may have refreshed it meanwhile.
  if (!locked || !login) {
    co_return std::unexpected(locked ? login.error() : locked.error());
  }
  if (clock.wall_now() + kMargin < login->expires) {
    co_return login->access_token;
  }
  const std::string again =
      fmt::format("the login at {} has ended: mcpgate login --url {}", login->url, login->url);
  if (login->refresh_token.empty()) {
    co_return fail(ErrorCode::kUnauthenticated, "{}", again);
  }
  auto tokens = co_await request_tokens(loop, login->token_endpoint,
                                        {{"grant_type", "refresh_token"},
                                         {"refresh_token", login->refresh_token},
                                         {"client_id", login->client_id},
                                         {"resource", login->url}},
                                        std::move(tls));
  if (!tokens) {
    co_return tokens.error().code == ErrorCode::kUnauthenticated
        ? fail(ErrorCode::kUnauthenticated, "{}", again)
        : std::unexpected(std::move(tokens.error()));
  }
  renew(*login, *std::move(tokens), clock.wall_now());
  if (auto saved = save_login(file, *login); !saved) {
    co_return std::unexpected(std::move(saved.error()));
  }
  co_return login->access_token;
}

}  // namespace mcpgate::cli
