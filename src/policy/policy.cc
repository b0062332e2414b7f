#include "policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "policy/selection.h"

namespace mcpgate::policy {

namespace {

/// Whether the grant opens the action; kUnknown where that depends on arguments.
Truth opens(const Grant& grant, const Principal& principal, const Action& action,
            const Circumstances& circumstances) {
  if ((grant.read_only && !action.read_only) || !covers_tool(grant.covers, action.tool)) {
    return Truth::kFalse;
  }
  return grant.when ? evaluate(*grant.when, principal, circumstances) : Truth::kTrue;
}

Truth applies(const DenyRule& rule, const Principal& principal,
              const Circumstances& circumstances) {
  return rule.when ? evaluate(*rule.when, principal, circumstances) : Truth::kTrue;
}

/// How the condition of a grant or rule stands, in words.
std::string judged(const Condition& condition, Truth truth) {
  switch (truth) {
    case Truth::kTrue:
      return describe(condition) + ", which holds";
    case Truth::kFalse:
      return describe(condition) + ", which does not hold";
    case Truth::kUnknown:
      break;
  }
  return describe(condition) + ", which the arguments decide";
}

std::string why_of(const Grant& grant, const Principal& principal, const Action& action,
                   const Circumstances& circumstances) {
  if (!covers_tool(grant.covers, action.tool)) {
    return "covers other tools of this tool set";
  }
  std::string why = grant.covers.tools ? "covers this tool" : "covers this tool set";
  if (grant.read_only) {
    why += action.read_only ? " for reading, and the tool says that it only reads"
                            : " for reading, and the tool does not say that it only reads";
  }
  if (grant.when) {
    why += " when " + judged(*grant.when, evaluate(*grant.when, principal, circumstances));
  }
  return why;
}

constexpr std::string_view kMissingScope = "missing_scope";

bool holds_all(const std::vector<std::string>& held, const std::vector<std::string>& needed) {
  return std::ranges::all_of(needed, [&held](const std::string& scope) {
    return std::ranges::find(held, scope) != held.end();
  });
}

}  // namespace

Policy::ToolSet Policy::tool_set_of(const ToolSetRule& rule, std::size_t index) {
  ToolSet set{.index = index,
              .required_role = rule.required_role,
              .reason = fmt::format("requiredRole {}", rule.required_role),
              .scopes = rule.scopes};
  for (const auto& [tool, scopes] : rule.tool_scopes) {
    std::vector<std::string>& all = set.tool_scopes.try_emplace(tool, rule.scopes).first->second;
    for (const std::string& scope : scopes) {
      if (std::ranges::find(all, scope) == all.end()) {
        all.push_back(scope);
      }
    }
  }
  return set;
}

Policy::Policy(Options options) : options_(std::make_shared<const Options>(std::move(options))) {
  std::set<std::string> roles;
  for (const ToolSetRule& rule : options_->tool_sets) {
    tool_sets_.try_emplace(rule.name, tool_set_of(rule, tool_sets_.size()));
    if (!rule.required_role.empty()) {
      roles.insert(rule.required_role);
    }
  }
  for (const auto& [name, grants] : options_->roles) {
    roles.insert(name);
    add_grants(name, grants);
  }
  roles_.assign(roles.begin(), roles.end());
  add_denials();
}

void Policy::add_grants(const std::string& role, const std::vector<Grant>& grants) {
  RoleRule rule{.openings = std::vector<Opening>(tool_sets_.size()), .reason = "role " + role};
  for (const auto& [name, set] : tool_sets_) {
    Opening& opening = rule.openings[set.index];
    for (const Grant& grant : grants) {
      if (!covers_set(grant.covers, name)) {
        continue;
      }
      if (grant.covers.tools || grant.when) {
        opening.limited.push_back(&grant);
      } else {
        opening.access =
            std::max(opening.access, grant.read_only ? Access::kReadOnly : Access::kAll);
      }
    }
  }
  rules_.emplace(role, std::move(rule));
}

void Policy::add_denials() {
  auto denials = std::make_shared<std::vector<Denial>>();
  for (const DenyRule& rule : options_->rules) {
    denials->push_back({.rule = &rule, .reason = "rule " + rule.name});
  }
  for (auto& [name, set] : tool_sets_) {
    for (const Denial& denial : *denials) {
      const Selection& covers = denial.rule->covers;
      if (covers.tools && covers_set(covers, name)) {
        for (const std::string& tool : *covers.tools) {
          set.denials.try_emplace(tool);
        }
      }
    }
    for (const Denial& denial : *denials) {
      const Selection& covers = denial.rule->covers;
      if (!covers_set(covers, name)) {
        continue;
      }
      if (!covers.tools) {
        set.denials_of_others.push_back(&denial);
        for (auto& [tool, of_tool] : set.denials) {
          of_tool.push_back(&denial);
        }
        continue;
      }
      for (const std::string& tool : std::set(covers.tools->begin(), covers.tools->end())) {
        set.denials.find(tool)->second.push_back(&denial);
      }
    }
  }
  denials_ = std::move(denials);
}

const Policy::Denials& Policy::denials_of(const ToolSet& set, const Action& action) {
  const auto found = set.denials.find(action.tool);
  return found == set.denials.end() ? set.denials_of_others : found->second;
}

/// The first rule that denies, or null.
const Policy::Denial* Policy::find_denial(const ToolSet& set, const Principal& principal,
                                          const Action& action,
                                          const Circumstances& circumstances) const {
  if (denials_->empty()) {
    return nullptr;
  }
  for (const Denial* denial : denials_of(set, action)) {
    if (applies(*denial->rule, principal, circumstances) == Truth::kTrue) {
      return denial;
    }
  }
  return nullptr;
}

const std::vector<std::string>& Policy::scopes_in(const ToolSet& set, const Action& action) {
  const auto found = set.tool_scopes.find(action.tool);
  return found == set.tool_scopes.end() ? set.scopes : found->second;
}

const std::vector<std::string>& Policy::scopes_of(const Action& action) const {
  static const std::vector<std::string> kNone;
  const auto set = tool_sets_.find(action.tool_set);
  return set == tool_sets_.end() ? kNone : scopes_in(set->second, action);
}

Decision Policy::decide(const Principal& principal, const Action& action,
                        const Circumstances& circumstances) const {
  const auto set = tool_sets_.find(action.tool_set);
  if (set == tool_sets_.end()) {
    return {.allowed = false, .reason = "no such tool set"};
  }
  const Decision decision = decide_by_roles(set->second, principal, action, circumstances);
  if (!decision.allowed || principal.auth_type != AuthType::kAccessToken) {
    return decision;
  }
  const std::vector<std::string>& needed = scopes_in(set->second, action);
  return holds_all(principal.scopes, needed)
             ? decision
             : Decision{.allowed = false, .reason = kMissingScope, .scopes = &needed};
}

Decision Policy::decide_by_roles(const ToolSet& tool_set, const Principal& principal,
                                 const Action& action, const Circumstances& circumstances) const {
  if (const Denial* const denial = find_denial(tool_set, principal, action, circumstances)) {
    return {.allowed = false, .reason = denial->reason};
  }
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
    const Opening& opening = rule->second.openings[tool_set.index];
    const bool opened = opening.access == Access::kAll ||
                        (opening.access == Access::kReadOnly && action.read_only) ||
                        std::ranges::any_of(opening.limited, [&](const Grant* grant) {
                          return opens(*grant, principal, action, circumstances) != Truth::kFalse;
                        });
    if (opened) {
      return {.allowed = true, .reason = rule->second.reason};
    }
  }
  return {.allowed = false, .reason = "no grant"};
}

RoleFinding Policy::finding(const std::string& role, const ToolSet& set, const Principal& principal,
                            const Action& action, const Circumstances& circumstances) const {
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
  std::vector<std::string> whys;
  for (const Grant& grant : options_->roles.find(role)->second) {
    if (!covers_set(grant.covers, action.tool_set)) {
      continue;
    }
    std::string why = why_of(grant, principal, action, circumstances);
    if (opens(grant, principal, action, circumstances) != Truth::kFalse) {
      return {.role = role, .opens = true, .why = std::move(why)};
    }
    whys.push_back(std::move(why));
  }
  return {.role = role,
          .opens = false,
          .why = whys.empty() ? "does not cover this tool set"
                              : fmt::format("{}", fmt::join(whys, "; and "))};
}

Explanation Policy::explain(const Principal& principal, const Action& action,
                            const Circumstances& circumstances) const {
  Explanation explanation{.decision = decide(principal, action, circumstances)};
  const auto set = tool_sets_.find(action.tool_set);
  if (set == tool_sets_.end()) {
    return explanation;
  }
  explanation.scopes = scopes_in(set->second, action);
  for (const Denial* denial : denials_of(set->second, action)) {
    const DenyRule& rule = *denial->rule;
    const Truth truth = applies(rule, principal, circumstances);
    explanation.rules.push_back(
        {.name = rule.name,
         .denies = truth == Truth::kTrue,
         .why = rule.when ? "denies when " + judged(*rule.when, truth) : "denies always"});
  }
  for (const std::string& role : principal.roles) {
    explanation.roles.push_back(finding(role, set->second, principal, action, circumstances));
  }
  if (!set->second.required_role.empty()) {
    explanation.opened_by.push_back(set->second.reason);
  }
  for (const std::string& role : roles_) {
    if (role != set->second.required_role &&
        finding(role, set->second, principal, action, circumstances).opens) {
      explanation.opened_by.push_back("role " + role);
    }
  }
  return explanation;
}

std::vector<NamedTool> Policy::named_tools() const {
  std::vector<NamedTool> named;
  for (const auto& [role, grants] : options_->roles) {
    for (const Grant& grant : grants) {
      add_named_tools(named, grant.covers, grant.place);
    }
  }
  for (const DenyRule& rule : options_->rules) {
    add_named_tools(named, rule.covers, rule.place);
  }
  for (const ToolSetRule& set : options_->tool_sets) {
    for (const auto& [tool, scopes] : set.tool_scopes) {
      named.push_back({.tool_set = set.name, .tool = tool, .place = set.place});
    }
  }
  std::erase_if(named,
                [this](const NamedTool& tool) { return !tool_sets_.contains(tool.tool_set); });
  return named;
}

std::map<std::string, std::vector<Grant>> default_roles() {
  return {{"mcp-admin", {{.covers = {.tool_sets = {"*"}}}}},
          {"mcp-viewer",
           {{.covers = {.tool_sets = {"log-analysis", "data-science"}}, .read_only = true}}}};
}

}  // namespace mcpgate::policy
