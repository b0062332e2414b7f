#include "cli/upstream_config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/address.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "http/message.h"

namespace mcpgate::cli {

namespace {

/// What this gateway says in headers itself.
constexpr std::array<std::string_view, 10> kOwnHeaders{
    "Host",   "Content-Length",    "Content-Type", "Accept",     "Mcp-Session-Id",
    "Cookie", "Transfer-Encoding", "Mcp-Method",   "Connection", "MCP-Protocol-Version"};

http::Endpoint read_url(YamlMap& upstream,
                        const std::function<void(const YamlNode&, std::string_view)>& warn) {
  const bool plaintext_allowed = upstream.boolean("allowPlaintext");
  const YamlNode node = upstream.find("url");
  if (!node) {
    upstream.node().problem("url is missing: https://HOST/mcp");
    return {};
  }
  auto endpoint = http::Endpoint::parse(node.string());
  if (!endpoint || endpoint->scheme == http::Endpoint::Scheme::kUnix) {
    node.problem("expected https://HOST[:PORT]/PATH, without user and fragment");
    return {};
  }
  if (endpoint->scheme == http::Endpoint::Scheme::kHttp && !is_loopback_host(endpoint->host)) {
    if (plaintext_allowed) {
      warn(node, "calls and the credential travel in the clear: allowPlaintext");
    } else {
      node.problem(
          "http:// to another host sends the credential, arguments and results in the clear; use "
          "https://, or set allowPlaintext: true");
    }
  }
  return *std::move(endpoint);
}

void read_credential(YamlMap credential, const std::filesystem::path& state,
                     UpstreamConfig& config) {
  const YamlNode file = credential.find("file");
  if (!file || file.string().empty()) {
    credential.node().problem("file is missing: the file that holds the credential");
  }
  config.credential_file = (state / file.string()).lexically_normal();
  const YamlNode header = credential.find("header");
  config.credential_header = header.string(config.credential_header);
  const bool is_own = std::ranges::any_of(kOwnHeaders, [&](std::string_view name) {
    return http::iequals(name, config.credential_header);
  });
  if (header && (is_own || !http::is_valid_header(config.credential_header, "x"))) {
    header.problem("expected the name of a header that is not MCP's or HTTP's own");
  }
  credential.reject_unknown();
}

/// Without the line end that editors leave; the rest must fit into a header.
Expected<std::string> load_credential(const UpstreamConfig& config) {
  std::string secret = TRY(read_file(config.credential_file));
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) {
    secret.pop_back();
  }
  if (secret.empty() || !http::is_valid_header(config.credential_header, secret)) {
    return fail(ErrorCode::kInvalidArgument, "{}: want one line with the upstream's credential",
                config.credential_file.string());
  }
  const bool is_bearer = http::iequals(config.credential_header, "Authorization");
  return is_bearer ? "Bearer " + secret : secret;
}

}  // namespace

UpstreamConfig read_upstream(YamlMap upstream, const std::filesystem::path& state,
                             const std::function<void(const YamlNode&, std::string_view)>& warn) {
  UpstreamConfig config;
  if (!upstream.node().is_map()) {
    return config;
  }
  config.endpoint = read_url(upstream, warn);
  if (const YamlNode ca = upstream.find("ca")) {
    config.ca = (state / ca.string()).lexically_normal();
  }
  if (upstream.key("credential")) {
    read_credential(upstream.map("credential"), state, config);
  }
  upstream.know("credential");
  if (const YamlNode networks = upstream.find("allowAddresses")) {
    auto rules = http::AddressRules::create(networks.strings());
    if (rules) {
      config.admitted = *std::move(rules);
      warn(networks, "this upstream may be in networks that are not public: allowAddresses");
    } else {
      networks.problem(rules.error().message);
    }
  }
  upstream.reject_unknown();
  return config;
}

Expected<std::shared_ptr<const gateway::UpstreamOptions>> make_upstream(
    const UpstreamConfig& config, const std::string& tool_set, bool trusts_annotations,
    std::size_t answer_bytes_max, std::size_t sessions_max) {
  auto options = std::make_shared<gateway::UpstreamOptions>();
  options->tool_set = tool_set;
  options->endpoint = config.endpoint;
  if (!config.credential_file.empty()) {
    options->credential_header = config.credential_header;
    options->credential = TRY(load_credential(config));
  }
  options->trusts_annotations = trusts_annotations;
  options->admitted = config.admitted;
  if (config.endpoint.scheme == http::Endpoint::Scheme::kHttps) {
    options->tls = TRY(http::TlsClient::create({.ca = config.ca}));
    options->ca_sha256 = config.ca ? sha256_hex(TRY(read_file(*config.ca))) : "";
  }
  options->answer_bytes_max = answer_bytes_max;
  options->sessions_max = sessions_max;
  return options;
}

}  // namespace mcpgate::cli
