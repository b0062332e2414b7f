#include "auth/challenge.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/write.h"

namespace mcpgate::auth {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";

}  // namespace

Challenge challenge_for(AuthFailureReason reason, std::string_view resource_metadata_url) {
  const std::string header = fmt::format("Bearer resource_metadata=\"{}\"", resource_metadata_url);
  switch (reason) {
    case AuthFailureReason::kMissing:
      return {401, header, "Authentication is required: send Authorization: Bearer <key>."};
    case AuthFailureReason::kSeveral:
      return {400, header + R"(, error="invalid_request", error_description="several credentials")",
              "Several Authorization headers are refused: send one."};
    case AuthFailureReason::kCredentialInUrl:
      return {400,
              header + R"(, error="invalid_request", error_description="credential in the URL")",
              "A credential in the URL is refused: send it as Authorization: Bearer <key>, and "
              "replace it, since URLs are logged."};
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
                                        const std::vector<std::string>& authorization_servers) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("resource", resource);
  if (!authorization_servers.empty()) {
    writer.key("authorization_servers").begin_array();
    for (const std::string& server : authorization_servers) {
      writer.value(server);
    }
    writer.end_array();
  }
  writer.key("bearer_methods_supported").begin_array().value("header").end_array();
  writer.field("resource_name", "mcpgate").end_object();
  return out;
}

}  // namespace mcpgate::auth
