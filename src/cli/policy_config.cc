#include "cli/policy_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "base/encoding.h"
#include "json/pointer.h"
#include "policy/unreachable.h"

namespace mcpgate::cli {

namespace {

using std::chrono::minutes;

constexpr std::size_t kLiteralBytesMax = 1024;
constexpr std::size_t kRuleNameBytesMax = 64;
constexpr std::array<std::string_view, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::array<std::string_view, 5> kTests{"equals", "oneOf", "matches", "atMost",
                                                 "pathPrefix"};
constexpr std::array<std::string_view, 7> kKinds{"all",       "any",     "not", "argument",
                                                 "principal", "address", "time"};

/// What stands for nothing after a problem was recorded: it is never asked.
policy::Condition no_condition() {
  return {.test = policy::AnyOf{}};
}

/// A scalar as JSON has it: `7` and `true` are what they look like, anything else, and anything in
/// quotes, is a string.
policy::Literal read_literal(const YamlNode& node) {
  std::string text = node.string();
  if (node.is_quoted()) {
    return text;
  }
  json::Parser parser(kLiteralBytesMax);
  const auto element = parser.parse(text);
  if (!element) {
    return text;
  }
  if (const auto number = json::to_decimal(*element)) {
    return json::normalized(*number);
  }
  if (element->is_bool()) {
    return element->get_bool().value_unsafe();
  }
  return text;
}

std::vector<std::string> read_pointer(const YamlNode& node) {
  const std::string text = node.string();
  std::string_view rest = text;
  std::vector<std::string> tokens;
  while (!rest.empty()) {
    auto token = json::take_pointer_token(rest);
    if (!token) {
      tokens.clear();
      break;
    }
    tokens.push_back(*std::move(token));
  }
  if (tokens.empty() && node.is_scalar()) {
    node.problem("expected a JSON pointer such as /path or /filters/*/name");
  }
  return tokens;
}

policy::Test read_matches(const YamlNode& node) {
  std::string pattern = node.string();
  auto compiled = json::Pattern::compile(pattern);
  if (!compiled) {
    node.problem("not a pattern that can be run: no look-around, no back-references");
    return policy::OneOf{};
  }
  return policy::Matches{.pattern = std::move(pattern),
                         .compiled = std::make_shared<const json::Pattern>(*std::move(compiled))};
}

policy::Test read_at_most(const YamlNode& node) {
  const policy::Literal limit = read_literal(node);
  if (const auto* const number = std::get_if<json::Decimal>(&limit)) {
    return policy::AtMost{.limit = *number};
  }
  if (node.is_scalar()) {
    node.problem("expected a number, else nothing passes");
  }
  return policy::OneOf{};
}

policy::Test read_one_of(const YamlNode& node) {
  policy::OneOf one_of;
  for (const YamlNode& value : node.list()) {
    one_of.values.push_back(read_literal(value));
  }
  if (node.is_list() && one_of.values.empty()) {
    node.problem("an empty list, so nothing passes");
  }
  return one_of;
}

/// The one test that stands beside `argument` or `principal`.
policy::Test read_test(YamlMap& map) {
  std::vector<std::string_view> given;
  for (const std::string_view name : kTests) {
    map.know(name);
    if (map.key(name)) {
      given.push_back(name);
    }
  }
  if (given.size() != 1) {
    map.node().problem(fmt::format("expected one test: {}", fmt::join(kTests, ", ")));
    return policy::OneOf{};
  }
  const YamlNode node = map.find(given.front());
  if (given.front() == "oneOf") {
    return read_one_of(node);
  }
  if (given.front() == "equals") {
    return policy::OneOf{.values = {read_literal(node)}};
  }
  if (given.front() == "matches") {
    return read_matches(node);
  }
  if (given.front() == "atMost") {
    return read_at_most(node);
  }
  std::string directory = node.string();
  if (directory.empty() && node.is_scalar()) {
    node.problem("an empty path");
  }
  return policy::PathPrefix{.directory = std::move(directory)};
}

policy::Condition read_argument(YamlMap& map) {
  policy::ArgumentTest test{.pointer = read_pointer(map.find("argument"))};
  constexpr std::array<std::string_view, 2> kOf{"every", "some"};
  const bool has_star = std::ranges::find(test.pointer, "*") != test.pointer.end();
  if (has_star != static_cast<bool>(map.key("of"))) {
    map.node().problem(has_star ? "of is missing: must every value that * names pass, or some?"
                                : "of is only for a pointer with *");
  }
  if (map.one_of("of", "every", kOf) == "some") {
    test.of = policy::ArgumentTest::Of::kSome;
  }
  test.test = read_test(map);
  return test.pointer.empty() ? no_condition() : policy::Condition{.test = std::move(test)};
}

policy::Condition read_principal(YamlMap& map) {
  constexpr std::array<std::string_view, 6> kFields{"user", "subject",  "issuer",
                                                    "role", "authType", "keyId"};
  const std::string field = map.one_of("principal", "user", kFields);
  const auto index = std::ranges::find(kFields, field) - kFields.begin();
  policy::PrincipalTest test{.field = static_cast<policy::PrincipalTest::Field>(index),
                             .test = read_test(map)};
  if (std::holds_alternative<policy::AtMost>(test.test)) {
    map.key("atMost").problem("what is known of a principal is text, so nothing passes");
  }
  return {.test = std::move(test)};
}

policy::Condition read_address(YamlMap& map) {
  const YamlNode node = map.find("address");
  policy::AddressTest test{read_networks(node)};
  if (node.is_list() && node.list().empty()) {
    node.problem("an empty list, so no address is in it");
  }
  return {.test = std::move(test)};
}

/// `08:30`, up to `24:00`.
minutes read_minute(YamlMap& map, std::string_view key, minutes fallback) {
  const YamlNode node = map.find(key);
  if (!node) {
    return fallback;
  }
  const std::string text = node.string();
  unsigned hour = 0;
  unsigned minute = 0;
  const char* const end = text.data() + text.size();
  const bool is_time = text.size() == 5 && text[2] == ':' &&
                       std::from_chars(text.data(), text.data() + 2, hour).ptr == text.data() + 2 &&
                       std::from_chars(text.data() + 3, end, minute).ptr == end && minute < 60 &&
                       hour * 60 + minute <= 24 * 60;
  if (!is_time && node.is_scalar()) {
    node.problem("expected a time of day such as 08:30");
  }
  return is_time ? minutes(hour * 60 + minute) : fallback;
}

policy::Condition read_time(YamlMap& map) {
  YamlMap time = map.map("time");
  policy::TimeTest test;
  test.from = read_minute(time, "from", test.from);
  test.to = read_minute(time, "to", test.to);
  if (test.from == test.to) {
    time.node().problem("from and to are the same: leave both out for the whole day");
  }
  if (const YamlNode days = time.find("days")) {
    test.days = 0;
    for (const YamlNode& item : days.list()) {
      const auto found = std::ranges::find(kDays, item.string());
      if (found != kDays.end()) {
        test.days |= static_cast<std::uint8_t>(1U << (found - kDays.begin()));
      } else if (item.is_scalar()) {
        item.problem(fmt::format("expected a day: {}", fmt::join(kDays, ", ")));
      }
    }
    if (days.is_list() && days.list().empty()) {
      days.problem("an empty list, so it is never time");
    }
  }
  time.reject_unknown();
  return {.test = test};
}

policy::Condition read_condition(const YamlNode& node);

std::vector<policy::Condition> read_parts(const YamlNode& node) {
  std::vector<policy::Condition> parts;
  for (const YamlNode& item : node.list()) {
    parts.push_back(read_condition(item));
  }
  if (node.is_list() && parts.empty()) {
    node.problem("an empty list");
  }
  return parts;
}

policy::Condition read_condition_of(std::string_view kind, YamlMap& map) {
  if (kind == "argument") {
    return read_argument(map);
  }
  if (kind == "principal") {
    return read_principal(map);
  }
  if (kind == "address") {
    return read_address(map);
  }
  if (kind == "time") {
    return read_time(map);
  }
  const YamlNode node = map.find(kind);
  if (kind == "all") {
    return {.test = policy::AllOf{.parts = read_parts(node)}};
  }
  if (kind == "any") {
    return {.test = policy::AnyOf{.parts = read_parts(node)}};
  }
  return {.test = policy::Not{.part = {read_condition(node)}}};
}

policy::Condition read_condition(const YamlNode& node) {
  YamlMap map = node.map();
  if (!node.is_map()) {
    return no_condition();
  }
  std::vector<std::string_view> given;
  for (const std::string_view kind : kKinds) {
    map.know(kind);
    if (map.key(kind)) {
      given.push_back(kind);
    }
  }
  if (given.size() != 1) {
    map.know("of");
    for (const std::string_view test : kTests) {
      map.know(test);
    }
    node.problem(fmt::format("expected one of {}", fmt::join(kKinds, ", ")));
    map.reject_unknown();
    return no_condition();
  }
  policy::Condition condition = read_condition_of(given.front(), map);
  map.reject_unknown();
  if (const auto contradiction = find_contradiction(condition)) {
    node.problem(*contradiction);
  }
  return condition;
}

class PolicyReader {
 public:
  PolicyReader(const std::vector<policy::ToolSetRule>& tool_sets,
               std::vector<std::string>& warnings)
      : tool_sets_(tool_sets), warnings_(warnings) {}

  policy::Grant read_grant(const YamlNode& node) {
    YamlMap entry = node.map();
    policy::Grant grant{.covers = read_selection(entry, tool_sets_, UnknownSet::kWarns, warnings_),
                        .place = node.place()};
    grant.read_only = entry.boolean("readOnly");
    grant.when = read_when(entry);
    entry.reject_unknown();
    return grant;
  }

  policy::DenyRule read_rule(const YamlNode& node) {
    YamlMap entry = node.map();
    policy::DenyRule rule{.name = read_name(entry), .place = node.place()};
    if (entry.node().is_map() && !entry.key("deny")) {
      node.problem("deny is missing: {toolSets: [...], tools: [...]}");
    }
    YamlMap deny = entry.map("deny");
    rule.covers = read_selection(deny, tool_sets_, UnknownSet::kFails, warnings_);
    deny.reject_unknown();
    rule.when = read_when(entry);
    entry.reject_unknown();
    return rule;
  }

 private:
  static std::optional<policy::Condition> read_when(YamlMap& map) {
    const YamlNode node = map.find("when");
    return node ? std::optional(read_condition(node)) : std::nullopt;
  }

  std::string read_name(YamlMap& map) {
    const YamlNode node = map.find("name");
    std::string name = node.string();
    if (!node) {
      map.node().problem("name is missing: what the audit says of a call that it denies");
    } else if (node.is_scalar() && (name.empty() || name.size() > kRuleNameBytesMax ||
                                    !is_utf8(name) || has_control_character(name))) {
      node.problem(fmt::format("a rule's name has 1 to {} bytes", kRuleNameBytesMax));
    }
    if (std::ranges::find(names_, name) != names_.end()) {
      node.problem("another rule has this name");
    }
    names_.push_back(name);
    return name;
  }

  const std::vector<policy::ToolSetRule>& tool_sets_;
  std::vector<std::string>& warnings_;
  std::vector<std::string> names_;
};

}  // namespace

bool is_role(std::string_view role) {
  return !role.empty() && role.size() <= 128 && is_utf8(role) && !has_control_character(role) &&
         role.find_first_of(", ") == std::string_view::npos;
}

std::vector<Network> read_networks(const YamlNode& node) {
  std::vector<Network> networks;
  for (const YamlNode& item : node.list()) {
    const auto network = Network::parse(item.string());
    if (network) {
      networks.push_back(*network);
    } else if (item.is_scalar()) {
      item.problem("expected an address or a network such as 10.0.0.0/8 or 2001:db8::/32");
    }
  }
  return networks;
}

policy::Selection read_selection(YamlMap& map, const std::vector<policy::ToolSetRule>& tool_sets,
                                 UnknownSet unknown, std::vector<std::string>& warnings) {
  const auto is_tool_set = [&tool_sets](std::string_view name) {
    return std::ranges::find(tool_sets, name, &policy::ToolSetRule::name) != tool_sets.end();
  };
  policy::Selection selection;
  if (map.node().is_map() && !map.key("toolSets")) {
    map.node().problem("toolSets is missing: names of tool sets, or [\"*\"]");
  }
  const YamlNode sets = map.find("toolSets");
  for (const YamlNode& covered : sets.list()) {
    std::string set = covered.string();
    if (covered.is_scalar() && set != "*" && !is_tool_set(set)) {
      if (unknown == UnknownSet::kFails) {
        covered.problem("no such tool set");
      } else {
        warnings.push_back(covered.place() + ": no such tool set, so this opens nothing");
      }
    }
    selection.tool_sets.push_back(std::move(set));
  }
  if (unknown == UnknownSet::kFails && sets.is_list() && selection.tool_sets.empty()) {
    sets.problem("an empty list, so this is about no tool set");
  }
  if (const YamlNode tools = map.find("tools")) {
    selection.tools = tools.strings();
    if (tools.is_list() && selection.tools->empty()) {
      tools.problem("an empty list, so this is about no tool");
    }
  }
  return selection;
}

PolicyConfig read_policy(YamlMap& root, const std::vector<policy::ToolSetRule>& tool_sets,
                         std::vector<std::string>& warnings) {
  PolicyReader reader(tool_sets, warnings);
  PolicyConfig config;
  if (!root.find("roles")) {
    config.roles = policy::default_roles();
  }
  for (const auto& [name, node] : root.map("roles").entries()) {
    if (!is_role(name)) {
      node.problem("a role is not empty and has no comma and no space");
    }
    std::vector<policy::Grant>& grants = config.roles[name];
    for (const YamlNode& grant : node.is_list() ? node.list() : std::vector{node}) {
      grants.push_back(reader.read_grant(grant));
    }
  }
  YamlMap policy = root.map("policy");
  for (const YamlNode& node : policy.list("rules")) {
    config.rules.push_back(reader.read_rule(node));
  }
  policy.reject_unknown();
  for (std::string& finding : policy::find_unreachable(
           {.roles = config.roles, .tool_sets = tool_sets, .rules = config.rules})) {
    warnings.push_back(std::move(finding));
  }
  return config;
}

}  // namespace mcpgate::cli
