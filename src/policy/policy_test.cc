#include "policy/policy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace mcpgate::policy {
namespace {

/// The guide's roles over three tool sets.
Policy::Options guide() {
  return {.roles = default_roles(),
          .tool_sets = {{"log-analysis", "mcp-log-analyst"},
                        {"data-science", "mcp-data-analyst"},
                        {"database", "mcp-dba"},
                        {"admin-only", ""}}};
}

Principal holding(std::vector<std::string> roles) {
  Principal principal;
  principal.user = "alice";
  principal.roles = std::move(roles);
  return principal;
}

struct Case {
  std::vector<std::string> roles;
  Action action;
  bool allowed;
  std::string_view reason;
};

TEST(Policy, DecidesAsTheGuideSays) {
  const Policy policy(guide());
  constexpr Action kLogRead{"log-analysis", "log_store", true};
  constexpr Action kLogWrite{"log-analysis", "purge", false};
  constexpr Action kDba{"database", "postgres_query", true};
  constexpr Action kAdminOnly{"admin-only", "x", true};
  const Case cases[] = {
      {{"mcp-log-analyst"}, kLogRead, true, "requiredRole mcp-log-analyst"},
      {{"mcp-log-analyst"}, kLogWrite, true, "requiredRole mcp-log-analyst"},
      {{"mcp-log-analyst"}, kDba, false, "no grant"},
      {{"mcp-log-analyst"}, kAdminOnly, false, "no grant"},
      {{"mcp-viewer"}, kLogRead, true, "role mcp-viewer"},
      {{"mcp-viewer"}, kLogWrite, false, "no grant"},
      {{"mcp-viewer"}, kDba, false, "no grant"},
      {{"mcp-viewer"}, kAdminOnly, false, "no grant"},
      {{"mcp-dba"}, kDba, true, "requiredRole mcp-dba"},
      {{"mcp-dba"}, kLogRead, false, "no grant"},
      {{"mcp-admin"}, kDba, true, "role mcp-admin"},
      {{"mcp-admin"}, kAdminOnly, true, "role mcp-admin"},
      // Grants add up, each with its own limits.
      {{"mcp-viewer", "mcp-dba"}, kDba, true, "requiredRole mcp-dba"},
      {{"mcp-viewer", "mcp-dba"}, kLogWrite, false, "no grant"},
      {{"mcp-viewer", "mcp-log-analyst"}, kLogWrite, true, "requiredRole mcp-log-analyst"},
      // Nothing else opens anything.
      {{}, kLogRead, false, "no grant"},
      {{"", "*", "root", "MCP-ADMIN", "mcp-admin "}, kLogRead, false, "no grant"},
      {{"mcp-admin"}, {"unknown", "x", true}, false, "no such tool set"},
      {{"mcp-admin"}, {"", "", true}, false, "no such tool set"},
      {{"mcp-admin"}, {"*", "x", true}, false, "no such tool set"},
  };
  for (const Case& c : cases) {
    const Decision decision = policy.decide(holding(c.roles), c.action);
    EXPECT_EQ(decision.allowed, c.allowed) << c.action.tool_set << " " << c.reason;
    EXPECT_EQ(decision.reason, c.reason) << c.action.tool_set;
  }
}

TEST(Policy, AnEmptyPolicyAllowsNothing) {
  const Policy policy({});
  EXPECT_FALSE(policy.decide(holding({"mcp-admin", ""}), {"log-analysis", "x", true}).allowed);
  EXPECT_TRUE(policy.roles().empty());
}

// A set without a required role must not open to a principal with an empty role.
TEST(Policy, AnEmptyRequiredRoleIsNoRole) {
  const Policy policy({.roles = {}, .tool_sets = {{"open", ""}}});
  EXPECT_FALSE(policy.decide(holding({""}), {"open", "x", true}).allowed);
}

TEST(Policy, NamesAllRolesThatItKnows) {
  EXPECT_EQ(Policy(guide()).roles(),
            (std::vector<std::string>{"mcp-admin", "mcp-data-analyst", "mcp-dba", "mcp-log-analyst",
                                      "mcp-viewer"}));
}

/// The rule as the design states it, without any preparation.
bool naive(const Policy::Options& options, const Principal& principal, const Action& action) {
  for (const ToolSetRule& set : options.tool_sets) {
    if (set.name != action.tool_set) {
      continue;
    }
    for (const std::string& role : principal.roles) {
      if (!set.required_role.empty() && role == set.required_role) {
        return true;
      }
      const auto grant = options.roles.find(role);
      if (grant == options.roles.end() || (grant->second.read_only && !action.read_only)) {
        continue;
      }
      for (const std::string& covered : grant->second.tool_sets) {
        if (covered == "*" || covered == set.name) {
          return true;
        }
      }
    }
  }
  return false;
}

/// Why each role opens or not, in order.
std::vector<std::string> whys(const Explanation& explanation) {
  std::vector<std::string> found;
  for (const RoleFinding& finding : explanation.roles) {
    found.push_back(fmt::format("{}{}: {}", finding.opens ? "+" : "-", finding.role, finding.why));
  }
  return found;
}

TEST(Policy, ExplainsEachRoleAndWhatWouldOpen) {
  const Policy policy(guide());
  const Explanation denied = policy.explain(holding({"mcp-viewer", "mcp-dba", "offline_access"}),
                                            {"log-analysis", "purge", false});
  EXPECT_FALSE(denied.decision.allowed);
  EXPECT_EQ(whys(denied), (std::vector<std::string>{
                              "-mcp-viewer: covers this tool set for reading, and the tool does "
                              "not say that it only reads",
                              "-mcp-dba: opens another tool set",
                              "-offline_access: is named nowhere in the configuration"}));
  EXPECT_EQ(denied.opened_by,
            (std::vector<std::string>{"requiredRole mcp-log-analyst", "role mcp-admin"}));
  const Explanation allowed =
      policy.explain(holding({"mcp-viewer", "mcp-admin"}), {"database", "postgres_query", true});
  EXPECT_EQ(allowed.decision.reason, "role mcp-admin");
  EXPECT_EQ(whys(allowed), (std::vector<std::string>{"-mcp-viewer: does not cover this tool set",
                                                     "+mcp-admin: covers this tool set"}));
  EXPECT_TRUE(policy.explain(holding({"mcp-admin"}), {"unknown", "x", true}).opened_by.empty());
}

// 100,000 random policies and requests, a fixed seed.
TEST(Policy, AgreesWithTheNaiveReadingOfTheRule) {
  std::mt19937 random(1);
  const auto any = [&random](std::uint32_t n) { return static_cast<std::size_t>(random() % n); };
  const std::vector<std::string> sets{"a", "b", "c", "*", "d"};
  const std::vector<std::string> roles{"r", "s", "t", "u", ""};
  int allowed = 0;
  for (int i = 0; i < 100'000; ++i) {
    Policy::Options options;
    for (std::size_t j = any(4); j > 0; --j) {
      Grant grant{.tool_sets = {}, .read_only = any(2) == 0};
      for (std::size_t k = any(3); k > 0; --k) {
        grant.tool_sets.push_back(sets[any(5)]);
      }
      options.roles.emplace(roles[any(4)], grant);
    }
    for (std::size_t j = 0; j < 3; ++j) {
      options.tool_sets.push_back({sets[j], roles[any(5)]});
    }
    Principal principal;
    for (std::size_t j = any(4); j > 0; --j) {
      principal.roles.push_back(roles[any(5)]);
    }
    const Action action{sets[any(5)], "x", any(2) == 0};
    const Policy policy(options);
    const bool decided = policy.decide(principal, action).allowed;
    const Explanation explained = policy.explain(principal, action);
    ASSERT_EQ(std::ranges::any_of(explained.roles, &RoleFinding::opens), decided) << i;
    ASSERT_EQ(decided, naive(options, principal, action)) << i;
    allowed += decided ? 1 : 0;
  }
  EXPECT_GT(allowed, 10'000) << "the cases must be mixed for the comparison to mean something";
  EXPECT_LT(allowed, 90'000);
}

}  // namespace
}  // namespace mcpgate::policy
