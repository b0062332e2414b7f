#include "policy/policy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

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

/// Whatever the arguments may be.
const Circumstances kAny{.arguments = {.any = true}};

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
    const Decision decision = policy.decide(holding(c.roles), c.action, {});
    EXPECT_EQ(decision.allowed, c.allowed) << c.action.tool_set << " " << c.reason;
    EXPECT_EQ(decision.reason, c.reason) << c.action.tool_set;
  }
}

TEST(Policy, AnEmptyPolicyAllowsNothing) {
  const Policy policy({});
  EXPECT_FALSE(policy.decide(holding({"mcp-admin", ""}), {"log-analysis", "x", true}, {}).allowed);
  EXPECT_TRUE(policy.roles().empty());
}

// A set without a required role must not open to a principal with an empty role.
TEST(Policy, AnEmptyRequiredRoleIsNoRole) {
  const Policy policy({.roles = {}, .tool_sets = {{"open", ""}}});
  EXPECT_FALSE(policy.decide(holding({""}), {"open", "x", true}, {}).allowed);
}

TEST(Policy, NamesAllRolesThatItKnows) {
  EXPECT_EQ(Policy(guide()).roles(),
            (std::vector<std::string>{"mcp-admin", "mcp-data-analyst", "mcp-dba", "mcp-log-analyst",
                                      "mcp-viewer"}));
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
                                            {"log-analysis", "purge", false}, {});
  EXPECT_FALSE(denied.decision.allowed);
  EXPECT_EQ(whys(denied), (std::vector<std::string>{
                              "-mcp-viewer: covers this tool set for reading, and the tool does "
                              "not say that it only reads",
                              "-mcp-dba: opens another tool set",
                              "-offline_access: is named nowhere in the configuration"}));
  EXPECT_EQ(denied.opened_by,
            (std::vector<std::string>{"requiredRole mcp-log-analyst", "role mcp-admin"}));
  const Explanation allowed = policy.explain(holding({"mcp-viewer", "mcp-admin"}),
                                             {"database", "postgres_query", true}, {});
  EXPECT_EQ(allowed.decision.reason, "role mcp-admin");
  EXPECT_EQ(whys(allowed), (std::vector<std::string>{"-mcp-viewer: does not cover this tool set",
                                                     "+mcp-admin: covers this tool set"}));
  EXPECT_TRUE(policy.explain(holding({"mcp-admin"}), {"unknown", "x", true}, {}).opened_by.empty());
}

Condition argument(std::string name, Test test) {
  return {.test = ArgumentTest{.pointer = {std::move(name)}, .test = std::move(test)}};
}

Condition at_most(std::string name, std::uint64_t limit) {
  return argument(std::move(name), AtMost{.limit = {.digits = limit}});
}

/// Arguments as JSON, for as long as the parser lives.
Circumstances asking_with(json::Parser& parser, std::string_view text) {
  const auto element = parser.parse(text);
  return {.arguments = {.these = json::as_object(*element)}};
}

TEST(Policy, GrantsOpenWithinTheirOwnLimitsAndAddUp) {
  Policy::Options options = guide();
  options.roles = {{"clerk",
                    {{.covers = {{"log-analysis"}, {{"log_store"}}}, .when = at_most("limit", 10)},
                     {.covers = {{"database"}}, .read_only = true}}}};
  const Policy policy(options);
  const Principal clerk = holding({"clerk"});
  json::Parser parser(1024);
  const auto may = [&](const Action& action, std::string_view arguments) {
    return policy.decide(clerk, action, asking_with(parser, arguments)).allowed;
  };
  constexpr Action kLog{"log-analysis", "log_store", false};
  EXPECT_TRUE(may(kLog, R"({"limit":10})"));
  EXPECT_FALSE(may(kLog, R"({"limit":11})"));
  EXPECT_FALSE(may(kLog, "{}")) << "what is not there passes no test";
  EXPECT_FALSE(may({"log-analysis", "privacy", true}, R"({"limit":1})")) << "another tool";
  EXPECT_TRUE(may({"database", "postgres_query", true}, "{}"));
  EXPECT_FALSE(may({"database", "vacuum", false}, "{}"));
  // A list shows what some arguments open, and no more.
  EXPECT_TRUE(policy.decide(clerk, kLog, kAny).allowed);
  EXPECT_FALSE(policy.decide(clerk, {"log-analysis", "privacy", true}, kAny).allowed);
  EXPECT_EQ(policy.decide(clerk, kLog, {}).reason, "no grant");
}

TEST(Policy, ARuleDeniesWhateverGrantsOpen) {
  Policy::Options options = guide();
  options.rules = {{.name = "small",
                    .covers = {{"*"}, {{"log_store"}}},
                    .when = Condition{.test = Not{{at_most("limit", 5)}}}},
                   {.name = "closed", .covers = {{"database"}}},
                   {.name = "never reached", .covers = {{"database"}, {{"postgres_query"}}}}};
  const Policy policy(options);
  const Principal admin = holding({"mcp-admin"});
  json::Parser parser(1024);
  constexpr Action kLog{"log-analysis", "log_store", true};
  EXPECT_TRUE(policy.decide(admin, kLog, asking_with(parser, R"({"limit":5})")).allowed);
  EXPECT_EQ(policy.decide(admin, kLog, asking_with(parser, R"({"limit":6})")).reason, "rule small");
  EXPECT_EQ(policy.decide(admin, kLog, {}).reason, "rule small") << "no argument, so not at most 5";
  EXPECT_TRUE(policy.decide(admin, kLog, kAny).allowed) << "it is listed";
  constexpr Action kDba{"database", "postgres_query", true};
  EXPECT_EQ(policy.decide(admin, kDba, {}).reason, "rule closed");
  EXPECT_FALSE(policy.decide(admin, kDba, kAny).allowed) << "it is not";
  const Explanation explained = policy.explain(admin, kDba, {});
  ASSERT_EQ(explained.rules.size(), 2U);
  EXPECT_EQ(explained.rules[0].why, "denies always");
  EXPECT_EQ(policy.explain(admin, kLog, kAny).rules[0].why,
            "denies when not (argument /limit is at most 5), which the arguments decide");
}

TEST(Policy, SaysWhichToolsItNames) {
  const auto named =
      Policy({.roles = {{"r", {{.covers = {{"a", "gone"}, {{"x"}}}, .place = "f:1"}}}},
              .tool_sets = {{"a", ""}, {"b", ""}},
              .rules = {{.name = "n", .covers = {{"*"}, {{"y"}}}, .place = "f:2"}}})
          .named_tools();
  ASSERT_EQ(named.size(), 1U) << "of `*` nobody says which set must have it";
  EXPECT_EQ(named[0].tool_set + "/" + named[0].tool + " " + named[0].place, "a/x f:1");
}

// The rule once more, as the design states it and without any preparation, over requests that are
// no JSON: what can be is tried out.

/// The arguments {"n": …, "p": …, "l": […]} of a request.
struct Request {
  std::optional<std::uint64_t> n;
  std::string p;
  std::vector<std::uint64_t> l;

  [[nodiscard]] std::string json() const {
    std::vector<std::string> members;
    if (n) {
      members.push_back(fmt::format(R"("n":{})", *n));
    }
    if (!p.empty()) {
      members.push_back(fmt::format(R"("p":"{}")", p));
    }
    members.push_back(fmt::format(R"("l":[{}])", fmt::join(l, ",")));
    return fmt::format("{{{}}}", fmt::join(members, ","));
  }
};

/// What a condition may come to.
struct Possible {
  bool yes, no;
};

bool naive_number(const Test& test, std::uint64_t number) {
  if (const auto* limit = std::get_if<AtMost>(&test)) {
    return number <= limit->limit.digits;
  }
  for (const Literal& value : std::get<OneOf>(test).values) {
    if (std::get<json::Decimal>(value).digits == number) {
      return true;
    }
  }
  return false;
}

bool naive_argument(const ArgumentTest& test, const Request& request) {
  if (test.pointer[0] == "n") {
    return request.n && naive_number(test.test, *request.n);
  }
  if (test.pointer[0] == "p") {
    // The paths of these tests need no resolving: condition_test.cc has those.
    const std::string& directory = std::get<PathPrefix>(test.test).directory;
    return request.p == directory || request.p.starts_with(directory + "/");
  }
  std::size_t passing = 0;
  for (const std::uint64_t item : request.l) {
    passing += naive_number(test.test, item) ? 1 : 0;
  }
  return test.of == ArgumentTest::Of::kSome ? passing > 0
                                            : passing > 0 && passing == request.l.size();
}

/// `request` null: any.
Possible naive_condition(const Condition& condition, const Principal& principal,
                         const Request* request) {
  if (const auto* test = std::get_if<ArgumentTest>(&condition.test)) {
    if (request == nullptr) {
      return {.yes = true, .no = true};
    }
    const bool holds = naive_argument(*test, *request);
    return {.yes = holds, .no = !holds};
  }
  if (const auto* test = std::get_if<PrincipalTest>(&condition.test)) {
    const bool holds =
        principal.user == std::get<std::string>(std::get<OneOf>(test->test).values[0]);
    return {.yes = holds, .no = !holds};
  }
  if (const auto* negated = std::get_if<Not>(&condition.test)) {
    const Possible part = naive_condition(negated->part[0], principal, request);
    return {.yes = part.no, .no = part.yes};
  }
  const auto* all = std::get_if<AllOf>(&condition.test);
  const auto& parts = all != nullptr ? all->parts : std::get<AnyOf>(condition.test).parts;
  Possible whole{.yes = all != nullptr, .no = all == nullptr};
  for (const Condition& part : parts) {
    const Possible one = naive_condition(part, principal, request);
    whole = all != nullptr ? Possible{whole.yes && one.yes, whole.no || one.no}
                           : Possible{whole.yes || one.yes, whole.no && one.no};
  }
  return whole;
}

bool naive_covers(const Selection& covers, const Action& action) {
  bool set = false;
  for (const std::string& name : covers.tool_sets) {
    set = set || name == "*" || name == action.tool_set;
  }
  bool tool = !covers.tools;
  for (const std::string& name : covers.tools.value_or(std::vector<std::string>())) {
    tool = tool || name == action.tool;
  }
  return set && tool;
}

bool naive_decision(const Policy::Options& options, const Principal& principal,
                    const Action& action, const Request* request) {
  const ToolSetRule* set = nullptr;
  for (const ToolSetRule& one : options.tool_sets) {
    set = one.name == action.tool_set ? &one : set;
  }
  if (set == nullptr) {
    return false;
  }
  for (const DenyRule& rule : options.rules) {
    if (naive_covers(rule.covers, action) &&
        (!rule.when || !naive_condition(*rule.when, principal, request).no)) {
      return false;
    }
  }
  for (const std::string& role : principal.roles) {
    if (!role.empty() && role == set->required_role) {
      return true;
    }
    const auto grants = options.roles.find(role);
    for (const Grant& grant :
         grants == options.roles.end() ? std::vector<Grant>() : grants->second) {
      if (naive_covers(grant.covers, action) && (action.read_only || !grant.read_only) &&
          (!grant.when || naive_condition(*grant.when, principal, request).yes)) {
        return true;
      }
    }
  }
  return false;
}

/// The scopes that the principal's token lacks for the action, if it is one.
std::set<std::string> naive_missing_scopes(const Policy::Options& options,
                                           const Principal& principal, const Action& action) {
  std::set<std::string> missing;
  for (const ToolSetRule& set : options.tool_sets) {
    if (set.name == action.tool_set && principal.auth_type == AuthType::kAccessToken) {
      missing.insert(set.scopes.begin(), set.scopes.end());
      const auto of_tool = set.tool_scopes.find(std::string(action.tool));
      if (of_tool != set.tool_scopes.end()) {
        missing.insert(of_tool->second.begin(), of_tool->second.end());
      }
    }
  }
  for (const std::string& scope : principal.scopes) {
    missing.erase(scope);
  }
  return missing;
}

/// Random policies and requests over few names, so that they meet.
class Draw {
 public:
  std::size_t any(std::uint32_t n) { return static_cast<std::size_t>(random_() % n); }
  const std::string& of(const std::vector<std::string>& names) {
    return names[any(static_cast<std::uint32_t>(names.size()))];
  }

  Test number_test() {
    if (any(2) == 0) {
      return AtMost{.limit = {.digits = any(4)}};
    }
    return OneOf{.values = {json::Decimal{.digits = any(4)}, json::Decimal{.digits = any(4)}}};
  }

  Condition condition(int depth) {
    switch (any(depth > 0 ? 7 : 4)) {
      case 0:
        return argument("n", number_test());
      case 1:
        return argument("p", PathPrefix{.directory = of(directories_)});
      case 2:
        return {.test = ArgumentTest{
                    .pointer = {"l", "*"},
                    .of = any(2) == 0 ? ArgumentTest::Of::kEvery : ArgumentTest::Of::kSome,
                    .test = number_test()}};
      case 3:
        return {.test = PrincipalTest{.test = OneOf{.values = {of(users_)}}}};
      case 4:
        return {.test = Not{{condition(depth - 1)}}};
      case 5:
        return {.test = AllOf{{condition(depth - 1), condition(depth - 1)}}};
      default:
        return {.test = AnyOf{{condition(depth - 1), condition(depth - 1)}}};
    }
  }

  std::optional<Condition> when() {
    return any(3) == 0 ? std::nullopt : std::optional(condition(2));
  }

  Selection selection() {
    Selection selection;
    for (std::size_t i = any(3); i > 0; --i) {
      selection.tool_sets.push_back(of(sets_));
    }
    if (any(2) == 0) {
      selection.tools = {of(tools_), of(tools_)};
    }
    return selection;
  }

  Policy::Options options() {
    Policy::Options options;
    for (std::size_t i = any(4); i > 0; --i) {
      auto& grants = options.roles[of(roles_)];
      for (std::size_t j = any(3); j > 0; --j) {
        grants.push_back({.covers = selection(), .read_only = any(2) == 0, .when = when()});
      }
    }
    for (std::size_t i = 0; i < 3; ++i) {
      options.tool_sets.push_back({.name = sets_[i], .required_role = of(roles_)});
      ToolSetRule& set = options.tool_sets.back();
      set.scopes = scopes();
      if (any(2) == 0) {
        set.tool_scopes[of(tools_)] = scopes();
      }
    }
    for (std::size_t i = any(3); i > 0; --i) {
      options.rules.push_back({.name = "d", .covers = selection(), .when = when()});
    }
    return options;
  }

  /// Mostly none.
  std::vector<std::string> scopes() {
    std::vector<std::string> scopes;
    for (std::size_t i = any(6); i > 3; --i) {
      scopes.push_back(of(scopes_));
    }
    return scopes;
  }

  Principal principal() {
    Principal principal{.user = of(users_),
                        .auth_type = any(2) == 0 ? AuthType::kAccessToken : AuthType::kApiKey,
                        .scopes = scopes()};
    for (std::size_t i = any(4); i > 0; --i) {
      principal.roles.push_back(of(roles_));
    }
    return principal;
  }

  Action action() { return {of(sets_), of(tools_), any(2) == 0}; }

  Request request() {
    Request request{.p = any(3) == 0 ? "" : of(directories_) + (any(2) == 0 ? "/f" : "")};
    if (any(4) != 0) {
      request.n = any(4);
    }
    for (std::size_t i = any(4); i > 0; --i) {
      request.l.push_back(any(4));
    }
    return request;
  }

 private:
  std::mt19937 random_{1};
  std::vector<std::string> sets_{"a", "b", "c", "*", "d"};
  std::vector<std::string> tools_{"x", "y", "z"};
  std::vector<std::string> roles_{"r", "s", "t", "u", ""};
  std::vector<std::string> users_{"alice", "bob"};
  std::vector<std::string> scopes_{"mcp:a", "mcp:b", "mcp:c"};
  std::vector<std::string> directories_{"/var", "/var/log", "/variant"};
};

TEST(Policy, AnAccessTokenNeedsAllScopesOfTheTool) {
  const Policy policy({.roles = {{"reader", {{.covers = {.tool_sets = {"db"}, .tools = {{"x"}}}}}}},
                       .tool_sets = {{.name = "db",
                                      .required_role = "dba",
                                      .scopes = {"db:use"},
                                      .tool_scopes = {{"x", {"db:x", "db:use"}}}}}});
  const auto ask = [&](std::vector<std::string> scopes, std::string_view tool,
                       AuthType type = AuthType::kAccessToken, const char* role = "dba") {
    return policy.decide({.auth_type = type, .roles = {role}, .scopes = std::move(scopes)},
                         {.tool_set = "db", .tool = tool}, kAny);
  };
  EXPECT_TRUE(ask({"db:use"}, "y").allowed);
  EXPECT_TRUE(ask({"other", "db:x", "db:use"}, "x").allowed);
  const Decision lacking = ask({"db:use"}, "x");
  EXPECT_FALSE(lacking.allowed);
  EXPECT_EQ(lacking.reason, "missing_scope");
  ASSERT_NE(lacking.scopes, nullptr);
  EXPECT_EQ(*lacking.scopes, (std::vector<std::string>{"db:use", "db:x"})) << "all, not the rest";
  EXPECT_EQ(ask({}, "y").reason, "missing_scope");
  EXPECT_TRUE(ask({}, "x", AuthType::kApiKey).allowed) << "its roles are all that a key has";
  // What the roles do not open stays closed, and says nothing of scopes.
  EXPECT_EQ(ask({"db:use"}, "y", AuthType::kAccessToken, "reader").reason, "no grant");
  EXPECT_EQ(ask({}, "y", AuthType::kAccessToken, "reader").scopes, nullptr);
  EXPECT_EQ(policy.scopes_of({.tool_set = "db", .tool = "y"}), std::vector<std::string>{"db:use"});
  EXPECT_TRUE(policy.scopes_of({.tool_set = "none", .tool = "y"}).empty());
}

// 100,000 random policies and requests, a fixed seed.
TEST(Policy, AgreesWithTheNaiveReadingOfTheRule) {
  Draw draw;
  json::Parser parser(1024);
  int allowed = 0;
  int listed = 0;
  int stepped_up = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Policy::Options options = draw.options();
    const Policy policy(options);
    const Principal principal = draw.principal();
    const Action action = draw.action();
    const Request request = draw.request();
    const Circumstances circumstances = asking_with(parser, request.json());
    const Decision decision = policy.decide(principal, action, circumstances);
    const bool decided = decision.allowed;
    const Decision listing = policy.decide(principal, action, kAny);
    // What only scopes stand between is shown, so that a client can get them.
    const bool shown = listing.allowed || listing.scopes != nullptr;
    const bool opens = naive_decision(options, principal, action, &request);
    const auto missing = naive_missing_scopes(options, principal, action);
    ASSERT_EQ(decided, opens && missing.empty()) << i;
    ASSERT_EQ(decision.scopes != nullptr, opens && !missing.empty()) << i;
    ASSERT_EQ(shown, naive_decision(options, principal, action, nullptr)) << i;
    if (decision.scopes != nullptr) {
      ASSERT_TRUE(std::ranges::all_of(missing, [&](const std::string& scope) {
        return std::ranges::count(*decision.scopes, scope) > 0;
      })) << i;
      ++stepped_up;
    }
    ASSERT_TRUE(shown || !decided) << i << ": what may be called is listed";
    const Explanation explained = policy.explain(principal, action, circumstances);
    const bool opened = std::ranges::any_of(explained.roles, &RoleFinding::opens);
    const bool denied = std::ranges::any_of(explained.rules, &RuleFinding::denies);
    ASSERT_EQ(opened && !denied && missing.empty(), decided)
        << i << ": the explanation says the same";
    allowed += decided ? 1 : 0;
    listed += shown ? 1 : 0;
  }
  EXPECT_GT(allowed, 10'000) << "the cases must be mixed for the comparison to mean something";
  EXPECT_LT(allowed, 90'000);
  EXPECT_GT(stepped_up, 1'000);
  EXPECT_GT(listed, allowed + 1'000);
}

}  // namespace
}  // namespace mcpgate::policy
