#include "policy/unreachable.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/selection.h"

namespace mcpgate::policy {

namespace {

/// Whether everything that `inner` selects is selected by `outer` too.
bool within(const Selection& inner, const Selection& outer) {
  if (inner.tool_sets.empty()) {
    return false;  // It selects nothing, which is no matter of others.
  }
  const bool sets = names(outer.tool_sets, "*") ||
                    std::ranges::all_of(inner.tool_sets, [&](const std::string& name) {
                      return names(outer.tool_sets, name);
                    });
  const bool tools =
      !outer.tools ||
      (inner.tools && std::ranges::all_of(*inner.tools, [&](const std::string& name) {
         return names(*outer.tools, name);
       }));
  return sets && tools;
}

bool same(const std::optional<Condition>& a, const std::optional<Condition>& b) {
  return a.has_value() == b.has_value() && (!a || describe(*a) == describe(*b));
}

/// Whether whatever `inner` opens `outer` opens as well.
bool within(const Grant& inner, const Grant& outer) {
  return within(inner.covers, outer.covers) && (inner.read_only || !outer.read_only) &&
         (!outer.when || same(inner.when, outer.when));
}

bool within(const DenyRule& inner, const DenyRule& outer) {
  return within(inner.covers, outer.covers) && (!outer.when || same(inner.when, outer.when));
}

}  // namespace

std::vector<std::string> find_unreachable(const Policy::Options& options) {
  std::vector<std::string> found;
  for (const auto& [role, grants] : options.roles) {
    for (std::size_t i = 0; i < grants.size(); ++i) {
      for (std::size_t j = 0; j < grants.size(); ++j) {
        // Of two that are the same the second one is too many.
        if (i != j && within(grants[i], grants[j]) && (!within(grants[j], grants[i]) || j < i)) {
          found.push_back(fmt::format("{}: another grant of this role opens all of this already",
                                      grants[i].place));
          break;
        }
      }
      for (const DenyRule& rule : options.rules) {
        if (!rule.when && within(grants[i].covers, rule.covers)) {
          found.push_back(
              fmt::format("{}: rule {} denies all of this", grants[i].place, rule.name));
          break;
        }
      }
    }
  }
  for (std::size_t i = 0; i < options.rules.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (within(options.rules[i], options.rules[j])) {
        found.push_back(fmt::format("{}: never decides, since rule {} before it denies all of this",
                                    options.rules[i].place, options.rules[j].name));
        break;
      }
    }
  }
  return found;
}

}  // namespace mcpgate::policy
