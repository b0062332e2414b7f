#include "policy/terms.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/selection.h"

namespace mcpgate::policy {

namespace {

constexpr std::string_view kNo = "no";

bool covers(const Selection& selection, const Action& action) {
  return covers_set(selection, action.tool_set) && covers_tool(selection, action.tool);
}

/// What grants or rules together come to: always, or under one of these conditions, or never.
struct Together {
  bool always = false;
  std::vector<std::string> conditions = {};

  void add(const std::optional<Condition>& when) {
    if (when) {
      conditions.push_back(describe(*when));
    } else {
      always = true;
    }
  }
  [[nodiscard]] std::string text() const {
    return fmt::format("{}", fmt::join(conditions, ", or "));
  }
};

Together opened_by(const Policy::Options& options, const std::string& role, const Action& action) {
  Together opened;
  const auto set = std::ranges::find(options.tool_sets, action.tool_set, &ToolSetRule::name);
  opened.always = !role.empty() && set->required_role == role;
  if (const auto grants = options.roles.find(role); grants != options.roles.end()) {
    for (const Grant& grant : grants->second) {
      if (covers(grant.covers, action) && (action.read_only || !grant.read_only)) {
        opened.add(grant.when);
      }
    }
  }
  return opened;
}

}  // namespace

std::string terms_of(const Policy::Options& options, const std::string& role,
                     const Action& action) {
  if (std::ranges::find(options.tool_sets, action.tool_set, &ToolSetRule::name) ==
      options.tool_sets.end()) {
    return std::string(kNo);
  }
  const Together opened = opened_by(options, role, action);
  Together denied;
  for (const DenyRule& rule : options.rules) {
    if (covers(rule.covers, action)) {
      denied.add(rule.when);
    }
  }
  if (denied.always || (!opened.always && opened.conditions.empty())) {
    return std::string(kNo);
  }
  const std::string grant = opened.always ? "yes" : "when " + opened.text();
  return denied.conditions.empty() ? grant : fmt::format("{}, unless {}", grant, denied.text());
}

}  // namespace mcpgate::policy
