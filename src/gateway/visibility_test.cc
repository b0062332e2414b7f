// The first invariant: for whatever roles and catalogue, what a list shows is what a call accepts,
// on every surface, and what it does not show answers as what does not exist. What a list shows to
// an access token without its scopes is asked for by a challenge, and accepted with them.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cctype>
#include <random>
#include <set>

#include "auth/token_testing.h"
#include "gateway/gateway_test_support.h"
#include "gateway/tool_search.h"

namespace mcpgate::gateway {
namespace {

using Names = std::set<std::string>;

/// Half of them accepted, half of them refused, or more.
constexpr std::size_t kCasesMin = 10'000;
constexpr std::size_t kItemsOfASet = 3;
const std::vector<std::string> kSets{"one", "two", "three"};
const std::vector<std::string> kRoles{"r0", "r1", "r2", "r3"};
const std::vector<std::string> kScopes{"s0", "s1"};
constexpr std::string_view kIssuer = "https://as.example/realms/r";
const std::string kArguments = R"("arguments":{"go":"yes"})";

/// A name like this one that nothing has.
std::string unknown_like(std::string name) {
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) != 0; }, 'z');
  return name;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

class Visibility : public TestGateway {
 protected:
  Visibility() {
    sandbox_.result =
        R"({"content":[],"structuredContent":{"contents":[],"messages":[],"values":[]}})";
    for (std::size_t roles = 0; roles < std::size_t{1} << kRoles.size(); ++roles) {
      std::vector<std::string> held;
      for (std::size_t i = 0; i < kRoles.size(); ++i) {
        if ((roles >> i & 1U) != 0) {
          held.push_back(kRoles[i]);
        }
      }
      const std::string user = fmt::format("user-{}", roles);
      principals_.push_back({.authorization = add_key(user, held)});
      const std::string whole = bearer(user, held, kScopes);
      principals_.push_back({.authorization = bearer(user, held, {}), .stepped_up = whole});
      principals_.push_back({.authorization = bearer(user, held, {"s1"}), .stepped_up = whole});
    }
    auto table = std::make_shared<auth::IssuerTable>();
    table->issuers.push_back({.rules = {.issuer = std::string(kIssuer), .audiences = {"mcp"}},
                              .keys = std::make_shared<const auth::JwkSet>(
                                  *auth::JwkSet::parse(auth::jwks_of({&key_})))});
    issuers_ = table;
    base_ = *snapshot();
  }

  /// A principal's credential, and one of the same roles with every scope; empty where it needs
  /// none.
  struct Credential {
    std::string authorization;
    std::string stepped_up = {};
  };

  [[nodiscard]] std::string bearer(const std::string& user, const std::vector<std::string>& roles,
                                   const std::vector<std::string>& scopes) const {
    const std::string list =
        roles.empty() ? "" : fmt::format(R"("{}")", fmt::join(roles, R"(",")"));
    return "Bearer " + key_.token(auth::claims_of(
                           {{"iss", fmt::format(R"("{}")", kIssuer)},
                            {"aud", R"("mcp")"},
                            {"sub", fmt::format(R"("{}")", user)},
                            {"preferred_username", fmt::format(R"("{}")", user)},
                            {"scope", fmt::format(R"("{}")", fmt::join(scopes, " "))},
                            {"exp", "7000000000"},
                            {"realm_access", fmt::format(R"({{"roles":[{}]}})", list)}}));
  }

  std::size_t below(std::size_t bound) { return generator_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }

  static std::string own_name(const std::string& set, std::size_t i) {
    return fmt::format("{}_{}", set, i);
  }

  // --- a random world ---

  policy::Condition random_condition() {
    const policy::OneOf yes{.values = {std::string("yes")}};
    const policy::OneOf user{.values = {fmt::format("user-{}", below(16))}};
    switch (below(4)) {
      case 0:
        return {.test = policy::ArgumentTest{.pointer = {"go"}, .test = yes}};
      case 1:
        return {.test = policy::PrincipalTest{.test = user}};
      case 2:
        return {.test = policy::AddressTest{
                    .networks = {*Network::parse(one_in(2) ? "127.0.0.0/8" : "10.0.0.0/8")}}};
      default:
        return {.test = policy::TimeTest{.from = std::chrono::hours(below(12)),
                                         .to = std::chrono::hours(12 + below(12))}};
    }
  }

  policy::Selection random_selection() {
    policy::Selection selection;
    for (const std::string& set : kSets) {
      if (one_in(2)) {
        selection.tool_sets.push_back(one_in(6) ? "*" : set);
      }
    }
    if (one_in(2)) {
      selection.tools.emplace();
      for (const std::string& set : kSets) {
        selection.tools->push_back(own_name(set, below(kItemsOfASet)));
      }
    }
    return selection;
  }

  policy::Policy random_policy() {
    policy::Policy::Options options;
    for (const std::string& role : kRoles) {
      for (std::size_t grants = below(3); grants > 0; --grants) {
        policy::Grant grant{.covers = random_selection(), .read_only = one_in(3)};
        if (one_in(3)) {
          grant.when = random_condition();
        }
        options.roles[role].push_back(std::move(grant));
      }
    }
    for (const std::string& set : kSets) {
      options.tool_sets.push_back(
          {.name = set, .required_role = one_in(2) ? kRoles[below(kRoles.size())] : ""});
      if (one_in(3)) {
        options.tool_sets.back().scopes = {kScopes[below(kScopes.size())]};
      }
      if (one_in(3)) {
        options.tool_sets.back().tool_scopes[own_name(set, below(kItemsOfASet))] = {"s0"};
      }
    }
    for (std::size_t rules = below(3); rules > 0; --rules) {
      policy::DenyRule rule{.name = fmt::format("rule-{}", rules), .covers = random_selection()};
      // Of rules on arguments only those that these arguments pass: others hide nothing.
      rule.when = policy::Condition{.test = policy::Not{.part = {random_condition()}}};
      options.rules.push_back(std::move(rule));
    }
    return policy::Policy(std::move(options));
  }

  sandbox::Manifest random_manifest(const std::string& set) {
    sandbox::Manifest manifest{
        .tool_set = set, .profile = "strict", .instance = std::string(FakeSandbox::kInstance)};
    for (std::size_t i = 0; i < kItemsOfASet; ++i) {
      const std::string name = own_name(set, i);
      if (!one_in(4)) {
        manifest.tools.push_back(manifest_tool(fmt::format(
            R"({{"name":"{}","description":"A tool.","inputSchema":{{"type":"object"}},)"
            R"("annotations":{{"readOnlyHint":{}}}}})",
            name, one_in(2))));
      }
      if (!one_in(4)) {
        add_listed(manifest.prompts, &sandbox::read_prompt,
                   fmt::format(R"({{"name":"{}","arguments":[{{"name":"go"}}],)"
                               R"("completes":["go"]}})",
                               name));
      }
    }
    add_listed(manifest.resources, &sandbox::read_resource,
               fmt::format(R"({{"name":"{}","uri":"{}://it"}})", own_name(set, 0), set));
    add_listed(manifest.resources, &sandbox::read_resource,
               fmt::format(R"({{"name":"{}","uriTemplate":"{}://of/{{go}}","completes":["go"]}})",
                           own_name(set, 1), set));
    return manifest;
  }

  ToolSetView random_view(const std::string& set, const sandbox::Manifest& manifest) {
    ToolSetView view{.name = set, .prefix = one_in(3) ? "p_" : "", .searched_by = {}};
    if (one_in(3)) {
      view.searched_by = {one_in(2) ? "*" : kRoles.front()};
    }
    if (one_in(4)) {
      view.only = {own_name(set, 0), own_name(set, 1)};
    }
    if (one_in(4) && !manifest.tools.empty()) {
      const sandbox::ManifestTool& tool = manifest.tools.front();
      view.pins =
          Pins{{{sandbox::ItemKind::kTool, tool.name}, *make_pin(tool.definition, tool.digest)}};
    }
    return view;
  }

  /// The gateway is in another world from now on; the names that a set's items may have in it.
  Names change_world() {
    Names names{"absent"};
    std::vector<std::shared_ptr<const ToolSetTools>> sets;
    settings_.tool_sets.clear();
    settings_.policy = random_policy();
    for (const std::string& set : kSets) {
      const sandbox::Manifest manifest = random_manifest(set);
      const ToolSetView view = random_view(set, manifest);
      settings_.tool_sets.push_back({view, sandbox_.endpoint, sandbox_.keys});
      sets.push_back(compile_tools(view, manifest));
      for (std::size_t i = 0; i < kItemsOfASet; ++i) {
        names.insert(view.prefix + own_name(set, i));
      }
    }
    auto world = std::make_shared<Snapshot>(base_);
    world->settings = std::make_shared<const Settings>(settings_);
    world->catalogue = std::make_shared<const Catalogue>(std::move(sets));
    gateway_->use(std::move(world));
    return names;
  }

  // --- asking ---

  http::ClientResponse ask_as(const std::string& who, std::string_view method,
                              const std::string& members) {
    return send(modern_ ? modern(method, members) : legacy(method, members), who);
  }
  std::string ask(std::string_view method, const std::string& members = "") {
    return ask_as(who_.authorization, method, members).body;
  }

  /// The members of that name of the objects in a list of a result.
  static Names listed(const std::string& body, const std::string& list, std::string_view key) {
    json::Parser parser(1 << 20);
    const std::string array = member(body, list);
    const auto element = parser.parse(array);
    const auto items = element ? json::as_array(*element) : std::nullopt;
    EXPECT_TRUE(items) << body;
    Names found;
    for (const json::Element item : items.value_or(json::Array())) {
      const auto object = json::as_object(item);
      found.insert(std::string(object ? json::string_at(*object, key).value_or("") : ""));
    }
    return found;
  }

  /// Whether it reached the sandbox, or does with the scopes that it is asked for; what did not
  /// must answer as what does not exist.
  bool is_accepted(std::string_view method, const std::string& before, const std::string& name,
                   const std::string& after) {
    const std::size_t calls = sandbox_.calls.size();
    const auto response = ask_as(who_.authorization, method, before + name + after);
    const std::string& answer = response.body;
    const bool accepted = sandbox_.calls.size() > calls;
    if (response.status == 403) {
      EXPECT_FALSE(accepted);
      EXPECT_TRUE(header(response, "WWW-Authenticate").contains("insufficient_scope")) << answer;
      EXPECT_EQ(ask_as(who_.stepped_up, method, before + name + after).status, 200);
      EXPECT_GT(sandbox_.calls.size(), calls) << method << ' ' << name;
      ++stepped_up_;
      return true;
    }
    if (accepted) {
      callable_.insert(name);
    }
    if (!accepted) {
      const std::string unknown = unknown_like(name);
      EXPECT_EQ(answer, replaced(ask(method, before + unknown + after), unknown, name));
      EXPECT_EQ(sandbox_.calls.size(), calls);
      EXPECT_EQ(member(answer, "result"), "");
    }
    return accepted;
  }

  /// `shown` is what is accepted, of all `names`.
  void expect_accepted(const Names& shown, const Names& names, std::string_view method,
                       const std::string& before, const std::string& after) {
    for (const std::string& name : names) {
      const bool accepted = is_accepted(method, before, name, after);
      EXPECT_EQ(accepted, shown.contains(name)) << method << ' ' << name;
      count(accepted);
    }
  }

  void count(bool accepted) { ++(accepted ? accepted_ : refused_); }

  void check_tools(const Names& names) {
    Names shown = listed(ask("tools/list"), "result.tools", "name");
    const std::string words = R"("arguments":{"query":"tool","limit":50})";
    const std::string search =
        ask("tools/call", fmt::format(R"("name":"{}",{})", kSearchTools, words));
    EXPECT_EQ(member(search, "result").empty(), shown.erase(std::string(kSearchTools)) == 0);
    if (!member(search, "result").empty()) {
      const Names found = listed(search, "result.structuredContent.tools", "name");
      EXPECT_TRUE(std::ranges::includes(found, shown));
      shown = found;
    }
    callable_.clear();
    expect_accepted(shown, names, "tools/call", R"("name":")", "\"," + kArguments);
    check_inner_calls(shown, names);
  }

  /// One of those that are shown calls all others.
  void check_inner_calls(const Names& shown, Names names) {
    if (callable_.empty()) {
      return;
    }
    const std::string asker = *callable_.begin();
    names.erase(asker);
    sandbox_.calls.clear();
    sandbox_.replies.clear();
    sandbox_.questions.clear();
    for (const std::string& name : names) {
      sandbox_.questions.emplace_back(sandbox::Question::Kind::kCallTool,
                                      fmt::format(R"({{"name":"{}",{}}})", name, kArguments));
    }
    sandbox_.asker = asker.substr(asker.starts_with("p_") ? 2 : 0);
    sandbox_.behaviour = &FakeSandbox::ask;
    (void)ask("tools/call", fmt::format(R"("name":"{}",{})", asker, kArguments));
    sandbox_.behaviour = &FakeSandbox::answer;
    ASSERT_EQ(sandbox_.replies.size(), names.size());
    auto reply = sandbox_.replies.begin();
    for (const std::string& name : names) {
      EXPECT_EQ(member(reply->second, "error.message"),
                shown.contains(name) ? "" : "Unknown tool: " + name);
      ++reply;
      count(shown.contains(name));
    }
  }

  void check_others(const Names& names) {
    const std::string completed = R"(},"argument":{"name":"go","value":"y"})";
    const Names prompts = listed(ask("prompts/list"), "result.prompts", "name");
    expect_accepted(prompts, names, "prompts/get", R"("name":")", "\"," + kArguments);
    expect_accepted(prompts, names, "completion/complete", R"("ref":{"type":"ref/prompt","name":")",
                    "\"" + completed);
    Names uris;
    Names templates;
    Names of_templates;
    const Names shown =
        listed(ask("resources/templates/list"), "result.resourceTemplates", "uriTemplate");
    for (const std::string& set : kSets) {
      uris.insert(set + "://it");
      templates.insert(set + "://of/{go}");
      of_templates.insert(set + "://of/yes");
    }
    Names readable;
    for (const std::string& uri : shown) {
      readable.insert(uri.substr(0, uri.find('{')) + "yes");
    }
    expect_accepted(listed(ask("resources/list"), "result.resources", "uri"), uris,
                    "resources/read", R"("uri":")", "\"");
    expect_accepted(readable, of_templates, "resources/read", R"("uri":")", "\"");
    expect_accepted(shown, templates, "completion/complete",
                    R"("ref":{"type":"ref/resource","uri":")", "\"" + completed);
  }

  /// The same worlds each time.
  std::mt19937 generator_{20260728};
  Snapshot base_;
  auth::TestKey key_{"key-1", auth::JwsAlgorithm::kEs256};
  std::vector<Credential> principals_;
  Credential who_;
  /// Tools that it may call as it is.
  Names callable_;
  bool modern_ = false;
  std::size_t accepted_ = 0;
  std::size_t refused_ = 0;
  std::size_t stepped_up_ = 0;
};

TEST_F(Visibility, WhatIsShownIsWhatIsAccepted) {
  for (int world = 0; accepted_ < kCasesMin / 2 || refused_ < kCasesMin / 2; ++world) {
    const Names names = change_world();
    for (int i = 0; i < 3; ++i) {
      who_ = principals_[below(principals_.size())];
      modern_ = one_in(2);
      SCOPED_TRACE(fmt::format("world {}, principal {}", world, i));
      check_tools(names);
      check_others(names);
      if (HasFailure()) {
        return;  // One broken world tells enough.
      }
      sandbox_.calls.clear();
    }
  }
  EXPECT_GT(stepped_up_, 500U);
}

}  // namespace
}  // namespace mcpgate::gateway
