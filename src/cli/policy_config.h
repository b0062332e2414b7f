#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/yaml.h"
#include "policy/policy.h"

namespace mcpgate::cli {

/// What `roles:` and `policy:` say.
struct PolicyConfig {
  std::map<std::string, std::vector<policy::Grant>> roles;
  std::vector<policy::DenyRule> rules;
};

/// Whether a role may be called that: not empty, at most 128 bytes, no comma and no space.
[[nodiscard]] bool is_role(std::string_view role);

/// A list of addresses and networks.
[[nodiscard]] std::vector<Network> read_networks(const YamlNode& node);

/// Reads both keys of a whole configuration, whose tool sets are given. Problems go to the
/// document; what probably is a slip goes to `warnings`, each with its place.
[[nodiscard]] PolicyConfig read_policy(YamlMap& root,
                                       const std::vector<policy::ToolSetRule>& tool_sets,
                                       std::vector<std::string>& warnings);

}  // namespace mcpgate::cli
