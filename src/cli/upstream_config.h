#pragma once

// What `toolSets.*.upstream` says: see docs/guide/upstream-servers.md.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/yaml.h"
#include "gateway/upstream_options.h"
#include "http/address_rules.h"
#include "http/endpoint.h"

namespace mcpgate::cli {

/// An MCP server elsewhere that serves as a tool set.
struct UpstreamConfig {
  /// http only to loopback, or where `allowPlaintext` is set.
  http::Endpoint endpoint;
  /// PEM, trusted for its https instead of the system's store.
  std::optional<std::filesystem::path> ca;
  /// The file of this gateway's own credential; empty: none.
  std::filesystem::path credential_file;
  /// The header that carries it. Authorization carries it as a bearer token, any other as it is.
  std::string credential_header = "Authorization";
  /// Networks that it may be in, besides all that is reachable from everywhere.
  http::AddressRules admitted;
};

/// Reads it; problems go to the document. Paths are resolved against `state`; what is weaker than
/// the default goes to `warn`.
[[nodiscard]] UpstreamConfig read_upstream(
    YamlMap upstream, const std::filesystem::path& state,
    const std::function<void(const YamlNode&, std::string_view)>& warn);

/// The gateway's part of it; reads the files that it names.
[[nodiscard]] Expected<std::shared_ptr<const gateway::UpstreamOptions>> make_upstream(
    const UpstreamConfig& config, const std::string& tool_set, bool trusts_annotations,
    std::size_t answer_bytes_max, std::size_t sessions_max);

}  // namespace mcpgate::cli
