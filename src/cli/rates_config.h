#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/yaml.h"
#include "policy/policy.h"
#include "policy/rates.h"

namespace mcpgate::cli {

/// Every key of one rate, for the reference.
inline constexpr std::array<std::string_view, 10> kRateKeys{
    "toolSets", "tools", "roles", "per", "window", "calls", "cpu", "bytes", "inFlight", "shared"};

/// Reads `rates:` of a whole configuration, whose tool sets and `roles:` are given. Problems go to
/// the document; what probably is a slip goes to `warnings`, each with its place.
[[nodiscard]] std::vector<policy::Rate> read_rates(
    YamlMap& root, const std::vector<policy::ToolSetRule>& tool_sets,
    const std::map<std::string, std::vector<policy::Grant>>& roles,
    std::vector<std::string>& warnings);

}  // namespace mcpgate::cli
