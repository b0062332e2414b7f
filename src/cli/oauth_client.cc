#include "cli/oauth_client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "auth/challenge.h"
#include "base/address.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "http/fetch.h"
#include "json/parse.h"

namespace mcpgate::cli {
namespace {

constexpr std::size_t kDocumentBytesMax = std::size_t{256} << 10;
constexpr std::chrono::seconds kPatience{15};
constexpr std::size_t kVerifierBytes = 32;
constexpr std::string_view kDiscoveryPath = "/.well-known/openid-configuration";

/// Whether secrets may be sent there.
bool is_private_way(std::string_view url) {
  const auto endpoint = http::Endpoint::parse(url);
  return endpoint &&
         (endpoint->scheme == http::Endpoint::Scheme::kHttps ||
          (endpoint->scheme == http::Endpoint::Scheme::kHttp && is_loopback_host(endpoint->host)));
}

/// A document that was asked for, with the parser whose memory it is.
struct Document {
  std::unique_ptr<json::Parser> parser;
  json::Object object;
};

Expected<Document> parse_document(std::string_view text, std::string_view from) {
  auto parser = std::make_unique<json::Parser>(kDocumentBytesMax);
  const auto element = parser->parse(text);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  if (!object) {
    return fail(ErrorCode::kUnavailable, "{}: the answer is no JSON object", from);
  }
  return Document{.parser = std::move(parser), .object = *object};
}

Task<Expected<Document>> get_document(asio::io_context& loop, std::string url,
                                      std::shared_ptr<http::TlsClient> tls) {
  if (!is_private_way(url)) {
    co_return fail(ErrorCode::kFailedPrecondition,
                   "{}: a login goes over https:// only, or to this machine", url);
  }
  const auto response = co_await http::fetch_url(
      loop,
      {.url = url, .tls = std::move(tls), .deadline = std::chrono::steady_clock::now() + kPatience},
      kDocumentBytesMax);
  if (!response) {
    co_return fail(response.error().code, "{}: {}", url, response.error().message);
  }
  if (response->status != 200) {
    co_return fail(ErrorCode::kUnavailable, "{} answered with status {}", url, response->status);
  }
  co_return parse_document(response->body, url);
}

std::string text_at(json::Object object, std::string_view name) {
  return std::string(json::string_at(object, name).value_or(""));
}

std::vector<std::string> texts_at(json::Object object, std::string_view name) {
  std::vector<std::string> texts;
  if (const auto list = json::array_at(object, name)) {
    for (const json::Element each : *list) {
      texts.emplace_back(json::as_string(each).value_or(""));
    }
  }
  return texts;
}

/// The endpoints of an issuer's own document.
Expected<void> read_endpoints(json::Object document, AuthorizationServer& server) {
  server.authorization_endpoint = text_at(document, "authorization_endpoint");
  server.token_endpoint = text_at(document, "token_endpoint");
  if (text_at(document, "issuer") != server.issuer) {
    return fail(ErrorCode::kUnavailable, "{}: its document names another issuer", server.issuer);
  }
  if (!is_private_way(server.authorization_endpoint) || !is_private_way(server.token_endpoint)) {
    return fail(ErrorCode::kUnavailable, "{}: its endpoints are not https", server.issuer);
  }
  const auto methods = texts_at(document, "code_challenge_methods_supported");
  if (std::ranges::find(methods, "S256") == methods.end()) {
    return fail(ErrorCode::kUnavailable, "{}: it does not do PKCE with S256", server.issuer);
  }
  return {};
}

}  // namespace

Pkce make_pkce(Random& random) {
  std::array<std::uint8_t, kVerifierBytes> bytes{};
  random.fill(bytes);
  Pkce pkce{.verifier = base64url_encode(bytes), .challenge = ""};
  pkce.challenge = base64url_encode(sha256(pkce.verifier));
  return pkce;
}

Task<Expected<AuthorizationServer>> discover(asio::io_context& loop, std::string url,
                                             std::shared_ptr<http::TlsClient> tls) {
  const auto metadata = co_await get_document(loop, auth::resource_metadata_url(url), tls);
  if (!metadata) {
    co_return std::unexpected(metadata.error());
  }
  AuthorizationServer server{.resource = text_at(metadata->object, "resource")};
  if (server.resource != url) {
    co_return fail(ErrorCode::kUnavailable,
                   "{}: this gateway calls itself by another name (publicUrl); log in to that",
                   url);
  }
  const auto issuers = texts_at(metadata->object, "authorization_servers");
  if (issuers.empty()) {
    co_return fail(ErrorCode::kUnavailable, "{}: nobody can log in here; it takes API keys", url);
  }
  server.issuer = issuers.front();
  server.scopes = texts_at(metadata->object, "scopes_supported");
  std::string base = server.issuer;
  if (base.ends_with('/')) {
    base.pop_back();
  }
  const auto document = co_await get_document(loop, base.append(kDiscoveryPath), std::move(tls));
  if (!document) {
    co_return std::unexpected(document.error());
  }
  if (auto read = read_endpoints(document->object, server); !read) {
    co_return std::unexpected(std::move(read.error()));
  }
  co_return server;
}

Task<Expected<Tokens>> request_tokens(asio::io_context& loop, std::string token_endpoint,
                                      http::FormFields form, std::shared_ptr<http::TlsClient> tls) {
  const auto response =
      co_await http::fetch_url(loop,
                               {.url = token_endpoint,
                                .tls = std::move(tls),
                                .deadline = std::chrono::steady_clock::now() + kPatience,
                                .form = http::form_encode(form)},
                               kDocumentBytesMax);
  if (!response) {
    co_return fail(response.error().code, "{}: {}", token_endpoint, response.error().message);
  }
  if (response->status != 200) {
    co_return fail(ErrorCode::kUnauthenticated, "{} refused with status {}", token_endpoint,
                   response->status);
  }
  const auto document = parse_document(response->body, token_endpoint);
  if (!document) {
    co_return std::unexpected(document.error());
  }
  constexpr std::int64_t kLifetimeMax = std::int64_t{365} * 24 * 3600;  // An issuer may err.
  const std::int64_t lifetime = json::int_at(document->object, "expires_in").value_or(0);
  Tokens tokens{
      .access_token = text_at(document->object, "access_token"),
      .refresh_token = text_at(document->object, "refresh_token"),
      .lifetime = std::chrono::seconds(std::clamp<std::int64_t>(lifetime, 0, kLifetimeMax))};
  const bool sendable = !tokens.access_token.empty() &&
                        tokens.access_token.find_first_of(" \t\r\n") == std::string::npos &&
                        !has_control_character(tokens.access_token);
  if (!sendable) {
    co_return fail(ErrorCode::kUnavailable, "{} gave no access token", token_endpoint);
  }
  co_return tokens;
}

}  // namespace mcpgate::cli
