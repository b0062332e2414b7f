// What one decision costs, by Google Benchmark: 1,000 tools in 50 sets, with no rule at all and
// with 1,000 rules under conditions. Deciding about arguments includes looking at them, not parsing
// them.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <optional>
#include <random>

#include "base/error.h"
#include "policy/policy.h"

namespace {

using namespace mcpgate;

constexpr std::size_t kSets = 50;
constexpr std::size_t kToolsOfASet = 20;
constexpr std::size_t kCallers = 64;

/// What is written below parses.
template <class T>
T parsed(std::optional<T> value) {
  MCPGATE_ASSERT(value);
  return *std::move(value);
}

/// Which rules a policy has.
enum class Rules : std::uint8_t { kNone, kOneATool, kAllOnOneSet };

/// The condition of the n-th rule, in turn one on a number, a pattern, a path and the address; none
/// of them denies what is asked here.
policy::Condition condition(std::size_t n) {
  using policy::ArgumentTest;
  switch (n % 4) {
    case 0:
      return {.test = policy::Not{
                  {{.test = ArgumentTest{.pointer = {"limit"},
                                         .test = policy::AtMost{.limit = {.digits = 1000}}}}}}};
    case 1: {
      const std::string pattern = fmt::format("secret-{}", n);
      return {.test = ArgumentTest{
                  .pointer = {"text"},
                  .test = policy::Matches{.pattern = pattern,
                                          .compiled = std::make_shared<const json::Pattern>(
                                              parsed(json::Pattern::compile(pattern)))}}};
    }
    case 2:
      return {.test = policy::Not{
                  {{.test = ArgumentTest{.pointer = {"path"},
                                         .test = policy::PathPrefix{.directory = "/var/log"}}}}}};
    default:
      return {.test = policy::AddressTest{{parsed(Network::parse("192.0.2.0/24"))}}};
  }
}

policy::Policy make_policy(Rules rules) {
  policy::Policy::Options options{.roles = policy::default_roles()};
  for (std::size_t set = 0; set < kSets; ++set) {
    options.tool_sets.push_back({fmt::format("set-{}", set), fmt::format("role-{}", set)});
  }
  for (std::size_t n = 0; rules != Rules::kNone && n < kSets * kToolsOfASet; ++n) {
    policy::DenyRule rule{.name = fmt::format("rule {}", n), .when = condition(n)};
    if (rules == Rules::kOneATool) {
      rule.covers = {{fmt::format("set-{}", n / kToolsOfASet)}, {{fmt::format("tool_{}", n)}}};
    } else {
      rule.covers = {{"set-0"}};
    }
    options.rules.push_back(std::move(rule));
  }
  return policy::Policy(std::move(options));
}

void decide(benchmark::State& state, Rules rules) {
  const policy::Policy policy = make_policy(rules);
  json::Parser parser(4096);
  const auto arguments =
      parser.parse(R"({"path":"/var/log/app/x.log","text":"timeout while reading","limit":100})");
  const policy::Circumstances circumstances{.arguments = {.these = json::as_object(*arguments)},
                                            .address = "10.1.2.3"};
  std::mt19937 random(1);
  std::vector<Principal> callers;
  std::vector<std::pair<std::string, std::string>> tools;
  for (std::size_t i = 0; i < kCallers; ++i) {
    const std::size_t tool = rules == Rules::kAllOnOneSet ? 0 : random() % (kSets * kToolsOfASet);
    tools.emplace_back(fmt::format("set-{}", tool / kToolsOfASet), fmt::format("tool_{}", tool));
    callers.push_back(
        {.user = "alice",
         .roles = {"offline_access", "mcp-viewer", fmt::format("role-{}", tool / kToolsOfASet)}});
  }
  std::size_t next = 0;
  while (state.KeepRunning()) {
    const auto& [set, tool] = tools[next];
    const Decision decision = policy.decide(callers[next], {set, tool, true}, circumstances);
    if (!decision.allowed) {
      state.SkipWithError("denied");
    }
    next = (next + 1) % kCallers;
  }
}

BENCHMARK_CAPTURE(decide, no_rules, Rules::kNone);
BENCHMARK_CAPTURE(decide, a_rule_for_each_of_1000_tools, Rules::kOneATool);
BENCHMARK_CAPTURE(decide, all_1000_rules_on_one_set, Rules::kAllOnOneSet);

}  // namespace

BENCHMARK_MAIN();
