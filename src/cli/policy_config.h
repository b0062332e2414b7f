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

/// What the name of a tool set that is not there means: a grant for it grants nothing, while what
/// forbids or bounds nothing leaves open what somebody meant to close.
enum class UnknownSet : std::uint8_t { kWarns, kFails };

/// `toolSets`, which is needed, and `tools`. Problems go to the document.
[[nodiscard]] policy::Selection read_selection(YamlMap& map,
                                               const std::vector<policy::ToolSetRule>& tool_sets,
                                               UnknownSet unknown,
                                               std::vector<std::string>& warnings);

/// Reads both keys of a whole configuration, whose tool sets are given. Problems go to the
/// document; what probably is a slip goes to `warnings`, each with its place.
[[nodiscard]] PolicyConfig read_policy(YamlMap& root,
                                       const std::vector<policy::ToolSetRule>& tool_sets,
                                       std::vector<std::string>& warnings);

}  // namespace mcpgate::cli
