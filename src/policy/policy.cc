#include "policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace mcpgate::policy {

Policy::Policy(const Options& options) {
  std::set<std::string> roles;
  for (const ToolSetRule& rule : options.tool_sets) {
    tool_sets_.try_emplace(rule.name,
                           ToolSet{.index = tool_sets_.size(),
                                   .required_role = rule.required_role,
                                   .reason = fmt::format("requiredRole {}", rule.required_role)});
    if (!rule.required_role.empty()) {
      roles.insert(rule.required_role);
    }
  }
  for (const auto& [name, grant] : options.roles) {
    roles.insert(name);
    RoleRule rule;
    rule.access.resize(tool_sets_.size(), Access::kNone);
    rule.reason = "role " + name;
    for (const auto& [set_name, set] : tool_sets_) {
      const auto& names = grant.tool_sets;
      const bool covers = std::ranges::find(names, "*") != names.end() ||
                          std::ranges::find(names, set_name) != names.end();
      if (covers) {
        rule.access[set.index] = grant.read_only ? Access::kReadOnly : Access::kAll;
      }
    }
    rules_.emplace(name, std::move(rule));
  }
  roles_.assign(roles.begin(), roles.end());
}

Decision Policy::decide(const Principal& principal, const Action& action) const {
  const auto set = tool_sets_.find(action.tool_set);
  if (set == tool_sets_.end()) {
    return {.allowed = false, .reason = "no such tool set"};
  }
  const ToolSet& tool_set = set->second;
  for (const std::string& role : principal.roles) {
    if (!tool_set.required_role.empty() && role == tool_set.required_role) {
      return {.allowed = true, .reason = tool_set.reason};
    }
  }
  for (const std::string& role : principal.roles) {
    const auto rule = rules_.find(role);
    if (rule == rules_.end()) {
      continue;
    }
    const Access access = rule->second.access[tool_set.index];
    if (access == Access::kAll || (access == Access::kReadOnly && action.read_only)) {
      return {.allowed = true, .reason = rule->second.reason};
    }
  }
  return {.allowed = false, .reason = "no grant"};
}

RoleFinding Policy::finding(const std::string& role, const ToolSet& set,
                            const Action& action) const {
  if (!set.required_role.empty() && role == set.required_role) {
    return {.role = role, .opens = true, .why = "is the requiredRole of this tool set"};
  }
  const auto rule = rules_.find(role);
  if (rule == rules_.end()) {
    const bool named = std::ranges::binary_search(roles_, role);
    return {.role = role,
            .opens = false,
            .why = named ? "opens another tool set" : "is named nowhere in the configuration"};
  }
  switch (rule->second.access[set.index]) {
    case Access::kAll:
      return {.role = role, .opens = true, .why = "covers this tool set"};
    case Access::kReadOnly:
      return {.role = role,
              .opens = action.read_only,
              .why = action.read_only
                         ? "covers this tool set for reading, and the tool says that it only reads"
                         : "covers this tool set for reading, and the tool does not say that it "
                           "only reads"};
    case Access::kNone:
      break;
  }
  return {.role = role, .opens = false, .why = "does not cover this tool set"};
}

Explanation Policy::explain(const Principal& principal, const Action& action) const {
  Explanation explanation{.decision = decide(principal, action), .roles = {}, .opened_by = {}};
  const auto set = tool_sets_.find(action.tool_set);
  if (set == tool_sets_.end()) {
    return explanation;
  }
  for (const std::string& role : principal.roles) {
    explanation.roles.push_back(finding(role, set->second, action));
  }
  if (!set->second.required_role.empty()) {
    explanation.opened_by.push_back(set->second.reason);
  }
  for (const std::string& role : roles_) {
    if (role != set->second.required_role && finding(role, set->second, action).opens) {
      explanation.opened_by.push_back("role " + role);
    }
  }
  return explanation;
}

std::map<std::string, Grant> default_roles() {
  return {{"mcp-admin", {.tool_sets = {"*"}}},
          {"mcp-viewer", {.tool_sets = {"log-analysis", "data-science"}, .read_only = true}}};
}

}  // namespace mcpgate::policy
