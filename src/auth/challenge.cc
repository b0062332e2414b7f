#include "auth/challenge.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/write.h"

namespace mcpgate::auth {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";

}  // namespace

Challenge challenge_for(AuthFailureReason reason, std::string_view resource_metadata_url,
                        const std::vector<std::string>& scopes) {
  std::string header = fmt::format("Bearer resource_metadata=\"{}\"", resource_metadata_url);
  if (!scopes.empty()) {
    header += fmt::format(", scope=\"{}\"", fmt::join(scopes, " "));
  }
  switch (reason) {
    case AuthFailureReason::kMissing:
      return {401, header,
              "Authentication is required: send Authorization: Bearer <API key or access token>."};
    case AuthFailureReason::kSeveral:
      return {400, header + R"(, error="invalid_request", error_description="several credentials")",
              "Several Authorization headers are refused: send one."};
    case AuthFailureReason::kCredentialInUrl:
      return {400,
              header + R"(, error="invalid_request", error_description="credential in the URL")",
              "A credential in the URL is refused: send it as Authorization: Bearer <key>, and "
              "replace it, since URLs are logged."};
    case AuthFailureReason::kMissingScope:
      return {
          403,
          header + R"(, error="insufficient_scope", error_description="the token lacks a scope")",
          "The access token is valid, but lacks a scope that this needs: ask for one that has "
          "it."};
    case AuthFailureReason::kNotAsked:  // Too many questions are open, or none can be asked.
    case AuthFailureReason::kIssuerUnavailable:
      return {503, "", "Access tokens of this issuer cannot be verified now: try again."};
    case AuthFailureReason::kStoreUnavailable:
      return {503, "", "API keys cannot be verified now: try again."};
    default:
      return {
          401,
          header + R"(, error="invalid_token", error_description="the credential is not valid")",
          "The credential is not valid."};
  }
}

std::string resource_metadata_url(std::string_view resource) {
  const std::size_t scheme = resource.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t path = std::min(resource.find('/', host), resource.size());
  std::string_view tail = resource.substr(path);
  if (tail == "/") {
    tail = "";
  }
  return fmt::format("{}{}{}", resource.substr(0, path), kWellKnown, tail);
}

std::string protected_resource_metadata(std::string_view resource,
                                        const std::vector<std::string>& authorization_servers,
                                        const std::vector<std::string>& scopes) {
  std::string out;
  json::Writer writer(out);
  const auto list = [&writer](std::string_view name, const std::vector<std::string>& items) {
    if (items.empty()) {
      return;
    }
    writer.key(name).begin_array();
    for (const std::string& item : items) {
      writer.value(item);
    }
    writer.end_array();
  };
  writer.begin_object().field("resource", resource);
  list("authorization_servers", authorization_servers);
  list("scopes_supported", scopes);
  writer.key("bearer_methods_supported").begin_array().value("header").end_array();
  writer.field("resource_name", "mcpgate").end_object();
  return out;
}

}  // namespace mcpgate::auth
