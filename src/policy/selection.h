#pragma once

// What a Selection covers, asked where policies are compiled, decided and compared.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace mcpgate::policy {

[[nodiscard]] inline bool names(const std::vector<std::string>& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

[[nodiscard]] inline bool covers_set(const Selection& selection, std::string_view tool_set) {
  return names(selection.tool_sets, "*") || names(selection.tool_sets, tool_set);
}

[[nodiscard]] inline bool covers_tool(const Selection& selection, std::string_view tool) {
  return !selection.tools || names(*selection.tools, tool);
}

/// Adds the tools that a selection names in tool sets that it names; with `*` it means the sets
/// that have them.
inline void add_named_tools(std::vector<NamedTool>& named, const Selection& selection,
                            const std::string& place) {
  for (const std::string& set : selection.tool_sets) {
    if (!selection.tools || set == "*") {
      continue;
    }
    for (const std::string& tool : *selection.tools) {
      named.push_back({.tool_set = set, .tool = tool, .place = place});
    }
  }
}

}  // namespace mcpgate::policy
