#include "cli/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/random.h"

namespace mcpgate::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const Environment kPlain{.config_variable = "", .state_variable = "", .working_directory = "/w"};

constexpr std::string_view kGood = R"(state: var
listen: 127.0.0.1:8080
admin: {listen: 127.0.0.1:9090}
publicUrl: http://127.0.0.1:8080/
auth:
  apiKeys: {directory: keys, maxTtl: 90d}
roles:
  mcp-admin: {toolSets: ["*"]}
  mcp-viewer: {toolSets: [log-analysis], readOnly: true}
toolSets:
  log-analysis:
    requiredRole: mcp-log-analyst
    sandbox: unix:run/log-analysis.sock
    signingKey: {file: run/log-analysis.key}
    tools: [log_store, privacy]
    codeMode: false
    prefix: ""
  database:
    sandbox: https://mcp-database-sandbox.mcp-database.svc:8443
    signingKey: [{file: /keys/new}, {file: /keys/old}]
limits: {body: 8Mi, callTimeout: 30s, connections: 100}
audit: {directory: audit, stdout: false, durability: written, onFailure: refuse}
)";

Expected<Config> parse(std::string_view yaml) {
  return parse_config(yaml, "conf/f.yaml", kPlain);
}

/// The problems of a file, without the file's name.
std::vector<std::string> problems(std::string_view yaml) {
  std::vector<std::string> lines;
  const auto config = parse(yaml);
  std::string rest = config ? "" : config.error().message + "\n";
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string line = rest.substr(0, end);
    rest.erase(0, end + 1);
    EXPECT_TRUE(line.starts_with("conf/f.yaml:")) << line;
    lines.push_back(line.substr(std::min(line.size(), std::string("conf/f.yaml:").size())));
  }
  return lines;
}

/// kGood with one piece of text replaced.
std::string changed(std::string_view from, std::string_view to) {
  std::string yaml(kGood);
  const std::size_t at = yaml.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return yaml.replace(at, from.size(), to);
}

using Problems = std::vector<std::string>;

TEST(Config, AWholeFileIsRead) {
  const auto parsed = parse(kGood);
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Config& config = *parsed;
  EXPECT_EQ(config.file, "/w/conf/f.yaml");
  EXPECT_EQ(config.state, "/w/conf/var");
  EXPECT_EQ(config.listen.to_string(), "127.0.0.1:8080");
  EXPECT_EQ(config.admin_listen->port, 9090);
  EXPECT_EQ(config.public_url, "http://127.0.0.1:8080/");
  EXPECT_EQ(config.api_keys->directory, "/w/conf/var/keys");
  EXPECT_EQ(config.api_keys->max_ttl, 24h * 90);
  EXPECT_FALSE(config.demo_token_allowed);
  ASSERT_EQ(config.tool_sets.size(), 2U);
  EXPECT_EQ(config.tool_sets[0].name, "log-analysis");
  EXPECT_EQ(config.tool_sets[0].required_role, "mcp-log-analyst");
  EXPECT_EQ(config.tool_sets[0].sandbox.scheme, http::Endpoint::Scheme::kUnix);
  EXPECT_EQ(config.tool_sets[0].sandbox.host, "/w/conf/var/run/log-analysis.sock");
  EXPECT_EQ(config.tool_sets[0].signing_keys,
            std::vector<fs::path>{"/w/conf/var/run/log-analysis.key"});
  EXPECT_EQ(config.tool_sets[0].tools, (std::vector<std::string>{"log_store", "privacy"}));
  EXPECT_EQ(config.tool_sets[1].tools, std::nullopt);
  EXPECT_EQ(config.tool_sets[1].sandbox.port, 8443);
  EXPECT_EQ(config.tool_sets[1].signing_keys.size(), 2U);
  EXPECT_EQ(config.tool_sets[1].signing_keys[1], "/keys/old");
  EXPECT_TRUE(config.policy.roles.at("mcp-viewer").front().read_only);
  EXPECT_EQ(config.limits.http.body_bytes_max, 8U << 20);
  EXPECT_EQ(config.limits.http.connections_max, 100U);
  EXPECT_EQ(config.limits.call_timeout, 30s);
  EXPECT_EQ(config.limits.http.head_timeout, 10s) << "a default";
  EXPECT_EQ(config.audit.directory, "/w/conf/var/audit");
  EXPECT_FALSE(config.audit.to_stdout);
  EXPECT_TRUE(config.warnings.empty());
  EXPECT_EQ(config.policy_options().tool_sets.size(), 2U);
}

TEST(Config, ThreeLinesServe) {
  const auto config = parse(
      "auth: {apiKeys: {directory: keys}}\n"
      "toolSets:\n"
      "  logs: {sandbox: unix:s, signingKey: {file: k}}\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen.to_string(), "127.0.0.1:8080");
  EXPECT_EQ(config->public_url, "http://127.0.0.1:8080/");
  EXPECT_TRUE(config->policy.roles.contains("mcp-admin")) << "the default roles";
  EXPECT_EQ(config->api_keys->max_ttl, kNever);
}

TEST(Config, ProblemsNameTheirPlaceAndTheLikelyKey) {
  EXPECT_EQ(problems(changed("requiredRole", "requiredrole")),
            Problems{"12:5: toolSets.log-analysis.requiredrole: unknown key; did you mean "
                     "requiredRole?"});
  EXPECT_EQ(problems(changed("listen: 127.0.0.1:8080", "listen: 8080")),
            Problems{"2:9: listen: expected an IP address and a port, such as 127.0.0.1:8080 or "
                     "[::1]:8080"});
  EXPECT_EQ(problems(changed("body: 8Mi", "body: 8Gi")),
            Problems{"21:16: limits.body: must be from 1Ki to 64Mi"});
  EXPECT_EQ(problems(changed("body: 8Mi", "bodi: 8Mi")),
            Problems{"21:10: limits.bodi: unknown key; did you mean body?"});
  EXPECT_EQ(problems(changed("maxTtl: 90d", "maxTtl: 90")),
            Problems{"6:38: auth.apiKeys.maxTtl: expected a duration such as 500ms, 30s or 90d, or "
                     "never"});
  EXPECT_EQ(problems(changed("[log_store, privacy]", "[log_store, log_store]")),
            Problems{"15:24: toolSets.log-analysis.tools[1]: this tool is there twice"});
  EXPECT_EQ(problems(changed("prefix: \"\"", "prefix: \"a/b\"")),
            Problems{"17:13: toolSets.log-analysis.prefix: a prefix is at most 32 of A-Z a-z 0-9 _ "
                     "- ."});
  EXPECT_EQ(problems(changed("  database:", "  Data_Base:")),
            Problems{"19:5: toolSets.Data_Base: a tool set's name is at most 63 of a-z, 0-9 and - "
                     "between them"});
  EXPECT_EQ(problems(changed("  database:", "  log-analysis:")),
            Problems{"18:3: toolSets.log-analysis: this key is there twice, first in line 11"});
}

TEST(Config, KeysInKubernetesAreFoundFromAPod) {
  const auto pod = parse("auth: {apiKeys: {kubernetes: {}}}\n");
  ASSERT_TRUE(pod) << pod.error().message;
  const KubernetesKeysConfig in_pod = *pod->api_keys->kubernetes;
  EXPECT_EQ(in_pod.access.server, "https://kubernetes.default.svc");
  EXPECT_EQ(in_pod.access.namespace_name, "mcp-api-keys");
  EXPECT_EQ(in_pod.access.token_file, "/var/run/secrets/kubernetes.io/serviceaccount/token");
  EXPECT_EQ(in_pod.access.ca, "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  EXPECT_EQ(in_pod.stale_max, 60s);

  const auto proxy = parse(
      "auth: {apiKeys: {kubernetes: {server: 'http://127.0.0.1:8001', namespace: mcp-shared, "
      "maxStale: 9s}}}\n");
  ASSERT_TRUE(proxy) << proxy.error().message;
  EXPECT_EQ(proxy->api_keys->kubernetes->access.token_file, std::nullopt);
  EXPECT_EQ(proxy->api_keys->kubernetes->access.namespace_name, "mcp-shared");
  EXPECT_EQ(proxy->api_keys->kubernetes->stale_max, 9s);

  EXPECT_EQ(problems("auth: {apiKeys: {directory: k, kubernetes: {server: 'http://k8s:80', "
                     "namespace: ../x}}}\n"),
            (Problems{"1:44: auth.apiKeys.kubernetes: keys are either in a directory or in "
                      "Kubernetes",
                      "1:53: auth.apiKeys.kubernetes.server: expected an https URL, or an http URL "
                      "of loopback (kubectl proxy)",
                      "1:81: auth.apiKeys.kubernetes.namespace: expected up to 63 of a-z, 0-9 and "
                      "-, neither first nor last a -"}));
}

TEST(Config, AllProblemsAreNamedAtOnce) {
  const Problems all = problems(
      "listen: here\n"
      "auth: {apiKeys: {directory: ''}}\n"
      "toolSets:\n"
      "  a: {}\n"
      "  b: 7\n"
      "roles: {r: {}}\n"
      "colour: red\n");
  EXPECT_EQ(all,
            (Problems{("1:9: listen: expected an IP address and a port, such as 127.0.0.1:8080 or "
                       "[::1]:8080"),
                      "2:29: auth.apiKeys.directory: an empty path",
                      "4:6: toolSets.a: sandbox is missing: unix:PATH or https://HOST:PORT",
                      "4:6: toolSets.a: signingKey is missing: {file: PATH}",
                      "5:6: toolSets.b: expected a map, found a single value",
                      "6:12: roles.r: toolSets is missing: names of tool sets, or [\"*\"]",
                      "7:1: colour: unknown key"}));
}

TEST(Config, AnUpstreamIsReadAndChecked) {
  const auto with = [](const std::string& set) {
    return changed("  database:\n", "  far: " + set + "\n  database:\n");
  };
  const auto parsed =
      parse(with("{upstream: {url: 'https://h.example/mcp', credential: {file: t, header: X-Key}, "
                 "allowAddresses: [10.0.0.0/8]}, trustAnnotations: true}"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Config& config = *parsed;
  const auto far = std::ranges::find(config.tool_sets, "far", &ToolSetConfig::name);
  ASSERT_NE(far, config.tool_sets.end());
  ASSERT_TRUE(far->upstream);
  EXPECT_EQ(far->upstream->endpoint.host, "h.example");
  EXPECT_EQ(far->upstream->credential_file, "/w/conf/var/t");
  EXPECT_EQ(far->upstream->credential_header, "X-Key");
  EXPECT_TRUE(far->trusts_annotations);
  EXPECT_TRUE(std::ranges::any_of(config.warnings, [](const std::string& warning) {
    return warning.ends_with(
        "this upstream may be in networks that are not public: allowAddresses");
  }));
  const std::pair<const char*, const char*> bad[] = {
      {"{upstream: {}}", "url is missing: https://HOST/mcp"},
      {"{upstream: {url: 'unix:x'}}",
       "expected https://HOST[:PORT]/PATH, without user and fragment"},
      {"{upstream: {url: 'https://a:b@h/'}}",
       "expected https://HOST[:PORT]/PATH, without user and fragment"},
      {"{upstream: {url: 'http://h/mcp'}}",
       "http:// to another host sends the credential, arguments and results in the clear; use "
       "https://, or set allowPlaintext: true"},
      {"{upstream: {url: 'https://h/', allowAddresses: [home]}}",
       "home: expected an IP address, or a network such as 10.0.0.0/8"},
      {"{upstream: {url: 'https://h/', credential: {}}}",
       "file is missing: the file that holds the credential"},
      {"{upstream: {url: 'https://h/', credential: {file: f, header: host}}}",
       "expected the name of a header that is not MCP's or HTTP's own"},
      {"{upstream: {url: 'https://h/'}, sandbox: 'unix:x'}", "not of a set with an upstream"}};
  for (const auto& [set, problem] : bad) {
    const Problems found = problems(with(set));
    ASSERT_EQ(found.size(), 1U) << set;
    EXPECT_TRUE(found[0].ends_with(problem)) << found[0];
  }
}

// A key whose feature does not exist yet must not look as if it did something.
TEST(Config, WhatIsNotBuiltYetIsRefused) {
  for (const char* key : {"telemetry: {otlp: x}"}) {
    const Problems found = problems(std::string(kGood) + key + "\n");
    ASSERT_EQ(found.size(), 1U) << key;
    EXPECT_TRUE(found[0].starts_with("23:")) << found[0];
    EXPECT_TRUE(found[0].ends_with(": not supported by this version")) << found[0];
  }
  EXPECT_EQ(problems(changed("durability: written", "durability: synced")),
            Problems{"22:54: audit.durability: not supported by this version; only written is"});
  EXPECT_EQ(problems(changed("onFailure: refuse", "onFailure: allow")),
            Problems{"22:74: audit.onFailure: not supported by this version; only refuse is"});
  EXPECT_EQ(
      problems(changed("auth:\n", "auth:\n  oidc: [{issuer: 'https://as', introspection: {}}]\n")),
      Problems{"6:48: auth.oidc[0].introspection: expected clientId and clientSecretFile: as whom "
               "the issuer is asked about tokens"});
}

TEST(Config, SealingKeysAreOneOrAList) {
  const auto one = parse(std::string(kGood) + "sealingKeys: {file: run/a.key}\n");
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->sealing_keys, std::vector{one->state / "run/a.key"});
  const auto two =
      parse(std::string(kGood) + "sealingKeys: [{file: /keys/new}, {file: /keys/old}]\n");
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(two->sealing_keys, (std::vector<std::filesystem::path>{"/keys/new", "/keys/old"}));
  EXPECT_EQ(problems(std::string(kGood) + "sealingKeys: []\n"),
            Problems{"23:14: sealingKeys: no key in the list"});
}

TEST(Config, IssuersAreRead) {
  const auto config = parse(R"(publicUrl: https://mcp.example.com
auth:
  oidc:
    - issuer: https://keycloak.example.com/realms/mcp-realm
    - issuer: http://127.0.0.1:8081/realms/other
      audience: [mcp-gateway-client, https://mcp.example.com/mcp]
      rolesClaim: groups
      scopes: mcp:tools
      dpopRequired: true
      ca: ca.pem
)");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->issuers.size(), 2U);
  EXPECT_EQ(
      config->issuers[0].rules,
      (auth::IssuerRules{.issuer = "https://keycloak.example.com/realms/mcp-realm",
                         .audiences = {"https://mcp.example.com/", "https://mcp.example.com/mcp"},
                         .roles_claim = "realm_access.roles"}));
  EXPECT_EQ(config->issuers[0].ca, std::nullopt);
  EXPECT_EQ(config->issuers[1].rules,
            (auth::IssuerRules{.issuer = "http://127.0.0.1:8081/realms/other",
                               .audiences = {"mcp-gateway-client", "https://mcp.example.com/mcp"},
                               .roles_claim = "groups",
                               .scopes = {"mcp:tools"},
                               .dpop_required = true}));
  EXPECT_EQ(config->issuers[1].ca, "/w/conf/var/ca.pem");
}

TEST(Config, WhatIsWrongWithAnIssuerIsNamed) {
  const auto found = [](std::string_view entries) {
    return problems(fmt::format("auth: {{oidc: [{}]}}\n", entries));
  };
  EXPECT_EQ(found("{}"), Problems{"1:15: auth.oidc[0]: issuer is missing: the URL that its tokens "
                                  "have as iss"});
  EXPECT_EQ(found("{issuer: keycloak}"),
            Problems{"1:24: auth.oidc[0].issuer: expected an https URL without user, query and "
                     "fragment"});
  EXPECT_EQ(found("{issuer: 'https://a'}, {issuer: 'https://a'}"),
            Problems{"1:38: auth.oidc[1]: this issuer is there twice"});
  EXPECT_EQ(found("{issuer: 'https://a', scopes: ['a b']}"),
            Problems{"1:46: auth.oidc[0].scopes[0]: expected a word without spaces and quotes"});
  EXPECT_EQ(found("{issuer: 'https://a', dpopRequired: always}"),
            Problems{"1:51: auth.oidc[0].dpopRequired: expected true or false"});
  EXPECT_EQ(found("{issuer: 'https://a', rolesclaim: x}"),
            Problems{"1:37: auth.oidc[0].rolesclaim: unknown key; did you mean rolesClaim?"});
  EXPECT_EQ(found("{issuer: 'http://keycloak.example.com/realms/r'}").size(), 1U);
  const auto plain =
      parse("auth: {oidc: [{issuer: 'http://k.example/r', allowPlaintext: true}]}\n");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->warnings.size(), 2U) << "no tool set, and in the clear";
}

TEST(Config, SomeWayToAuthenticateIsNeeded) {
  EXPECT_EQ(
      problems("listen: 127.0.0.1:1\n"),
      Problems{"1:1: no way to authenticate: set auth.apiKeys, for example {directory: keys}, or "
               "auth.oidc"});
  EXPECT_EQ(problems("auth: {demoToken: {insecureAllow: true}}\n"), Problems{});
}

TEST(Config, TheDemoTokenIsForLoopbackOnly) {
  constexpr std::string_view kDemo = "auth: {demoToken: {insecureAllow: true}}\n";
  const auto local = parse(kDemo);
  ASSERT_TRUE(local) << local.error().message;
  EXPECT_EQ(local->warnings,
            (std::vector<std::string>{"conf/f.yaml: toolSets: there are none, so there is no tool",
                                      "conf/f.yaml:1:19: auth.demoToken: the demo token is "
                                      "accepted from this machine, with every role"}));
  for (const char* open :
       {"listen: 0.0.0.0:80\nallowedHosts: [h]\n", "listen: '[::]:80'\nallowedHosts: [h]\n",
        "publicUrl: https://mcp.example.com/\n",
        "publicUrl: http://127.0.0.1.example.com.:80/\n"}) {
    const Problems found = problems(std::string(open) + std::string(kDemo));
    ASSERT_EQ(found.size(), 1U) << open;
    EXPECT_TRUE(found[0].ends_with(
        "auth.demoToken: the demo token works only where listen and publicUrl are loopback"))
        << found[0];
  }
}

TEST(Config, PlaintextToAnotherHostNeedsItsKey) {
  const std::string plain = changed("https://mcp-database", "http://mcp-database");
  const Problems found = problems(plain);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("19:14: toolSets.database.sandbox: http:// to another host"));
  const auto allowed = parse(changed("sandbox: https://mcp-database",
                                     "allowPlaintext: true\n    sandbox: http://mcp-database"));
  ASSERT_TRUE(allowed) << allowed.error().message;
  ASSERT_EQ(allowed->warnings.size(), 1U);
  EXPECT_TRUE(allowed->warnings[0].ends_with("calls travel in the clear: allowPlaintext"));
  EXPECT_TRUE(parse(changed("https://mcp-database-sandbox.mcp-database.svc", "http://127.0.0.1")));
}

TEST(Config, ConnectionsOfASetOnThisMachineLeadToFiles) {
  const std::string with = "    connections: {warehouse: {file: db.txt}, b: {file: /etc/b}}\n";
  const auto set = [](const std::string& sandbox, const std::string& connections) {
    return "auth: {apiKeys: {directory: keys}}\nstate: /s\nroles: {r: {toolSets: ['*']}}\n"
           "toolSets:\n  a:\n    sandbox: " +
           sandbox + "\n    signingKey: {file: k}\n" + connections;
  };
  const auto config = parse(set("unix:a.sock", with));
  ASSERT_TRUE(config) << config.error().message;
  using Files = std::map<std::string, std::filesystem::path>;
  EXPECT_EQ(config->tool_sets.front().connections,
            (Files{{"b", "/etc/b"}, {"warehouse", "/s/db.txt"}}));
  EXPECT_EQ(problems(set("https://h:1", with)),
            Problems{"8:18: toolSets.a.connections: goes with a sandbox of this machine, "
                     "unix:PATH; start the other one with --connection NAME=FILE"});
  EXPECT_EQ(problems(set("unix:a.sock", "    connections: {w: {}}\n")),
            Problems{"8:22: toolSets.a.connections.w: file is missing"});
  EXPECT_EQ(problems(set("unix:a.sock", "    connections: {w: {file: f, password: p}}\n")),
            Problems{"8:32: toolSets.a.connections.w.password: unknown key"});
}

TEST(Config, ASetIsSearchedByEveryoneOrBySomeRoles) {
  const auto searched_by = [](std::string_view search) {
    const auto config =
        parse(changed("codeMode: false", "codeMode: false\n    search: " + std::string(search)));
    EXPECT_TRUE(config) << search;
    return config ? config->tool_sets.front().searched_by : std::vector<std::string>();
  };
  EXPECT_EQ(searched_by("true"), std::vector<std::string>{"*"});
  EXPECT_TRUE(searched_by("false").empty());
  EXPECT_EQ(searched_by("[analyst, dba]"), (std::vector<std::string>{"analyst", "dba"}));
  for (const char* bad : {"[]", "yes", "analyst", "{analyst: true}", "[[analyst]]"}) {
    EXPECT_FALSE(
        parse(changed("codeMode: false", "codeMode: false\n    search: " + std::string(bad))))
        << bad;
  }
}

TEST(Config, AGrantForASetThatDoesNotExistIsWarnedOf) {
  const auto config = parse(changed("toolSets: [log-analysis]", "toolSets: [log-analisys]"));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->warnings,
            std::vector<std::string>{"conf/f.yaml:9:27: roles.mcp-viewer.toolSets[0]: no such tool "
                                     "set, so this opens nothing"});
}

/// A configuration with the tool sets `a` and `b`, and `rest`, which begins in line 5.
std::string with_sets(std::string_view rest) {
  return fmt::format(
      "auth: {{apiKeys: {{}}}}\n"
      "toolSets:\n"
      "  a: {{sandbox: 'unix:a', signingKey: {{file: a}}}}\n"
      "  b: {{sandbox: 'unix:b', signingKey: {{file: b}}}}\n{}",
      rest);
}

TEST(Config, GrantsHaveLimitsOfTheirOwn) {
  const auto config =
      parse(with_sets("roles:\n"
                      "  r:\n"
                      "    - {toolSets: [a], tools: [x], when: {argument: /n, atMost: 3}}\n"
                      "    - {toolSets: [b], readOnly: true}\n"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->warnings, std::vector<std::string>{});
  const auto& grants = config->policy.roles.at("r");
  ASSERT_EQ(grants.size(), 2U);
  EXPECT_EQ(grants[0].covers.tools, std::vector<std::string>{"x"});
  EXPECT_EQ(policy::describe(*grants[0].when), "argument /n is at most 3");
  EXPECT_EQ(grants[0].place, "conf/f.yaml:7:7: roles.r[0]");
  EXPECT_TRUE(grants[1].read_only);
}

std::string condition(std::string_view when) {
  const auto config = parse(with_sets(
      fmt::format("policy: {{rules: [{{name: n, deny: {{toolSets: [a]}}, when: {}}}]}}\n", when)));
  return config ? policy::describe(*config->policy.rules.at(0).when) : config.error().message;
}

TEST(Config, ConditionsAreReadAsWritten) {
  EXPECT_EQ(condition("{argument: /a/0/b~1c, equals: 7}"), "argument /a/0/b~1c equals 7");
  EXPECT_EQ(condition("{argument: /a, equals: '7'}"), R"(argument /a equals "7")");
  EXPECT_EQ(condition("{argument: /a, oneOf: [1.50, 100, -0.02, 1e30, true, word, 'true']}"),
            R"(argument /a is one of 1.5, 100, -0.02, 1e30, true, "word", "true")");
  EXPECT_EQ(condition("{argument: /l/*, of: some, matches: '^x'}"),
            R"(some argument /l/* matches "^x")");
  EXPECT_EQ(condition("{all: [{not: {argument: /p, pathPrefix: /var}}, {any: [{principal: role, "
                      "equals: r}]}]}"),
            R"(all (not (argument /p is a path in /var); any (a role equals "r")))");
  EXPECT_EQ(condition("{address: [10.0.0.0/8, '::1']}"), "address in 10.0.0.0/8, ::1");
  EXPECT_EQ(condition("{time: {from: '08:30', to: '24:00', days: [sat, sun]}}"),
            "time 08:30-24:00 UTC sun sat");
}

TEST(Config, AConditionThatCannotBeIsAProblem) {
  const auto problem = [](std::string_view when) {
    const Problems found = problems(with_sets(fmt::format(
        "policy:\n  rules:\n    - name: n\n      deny: {{toolSets: [a]}}\n      when: {}\n",
        when)));
    return found.size() == 1 ? found[0] : fmt::format("{}", fmt::join(found, "\n"));
  };
  EXPECT_EQ(problem("{argument: a, equals: 1}"),
            "9:24: policy.rules[0].when.argument: expected a JSON pointer such as /path or "
            "/filters/*/name");
  EXPECT_EQ(problem("{argument: /a}"),
            "9:13: policy.rules[0].when: expected one test: equals, oneOf, matches, atMost, "
            "pathPrefix");
  EXPECT_EQ(problem("{argument: /a, equals: 1, atMost: 2}"),
            "9:13: policy.rules[0].when: expected one test: equals, oneOf, matches, atMost, "
            "pathPrefix");
  EXPECT_EQ(problem("{argument: /a, atMost: many}"),
            "9:36: policy.rules[0].when.atMost: expected a number, else nothing passes");
  EXPECT_EQ(problem("{argument: /a, matches: '(?=x)'}"),
            "9:37: policy.rules[0].when.matches: not a pattern that can be run: no look-around, "
            "no back-references");
  EXPECT_EQ(problem("{argument: /a, oneOf: []}"),
            "9:35: policy.rules[0].when.oneOf: an empty list, so nothing passes");
  EXPECT_EQ(problem("{argument: /a/*, equals: 1}"),
            "9:13: policy.rules[0].when: of is missing: must every value that * names pass, or "
            "some?");
  EXPECT_EQ(problem("{any: []}"), "9:19: policy.rules[0].when.any: an empty list");
  EXPECT_EQ(problem("{argumnt: /a, equals: 1}").substr(0, 28), "9:13: policy.rules[0].when: ");
  EXPECT_EQ(problem("{address: [10.0.0.1/8]}"),
            "9:24: policy.rules[0].when.address[0]: expected an address or a network such as "
            "10.0.0.0/8 or 2001:db8::/32");
  EXPECT_EQ(problem("{time: {from: '8:00', to: '9:99'}}").find("expected a time of day") !=
                std::string::npos,
            true);
  EXPECT_EQ(problem("{all: [{argument: /x, equals: 1}, {argument: /x, equals: 2}]}"),
            "9:13: policy.rules[0].when: argument /x equals 1 and argument /x equals 2 never hold "
            "together");
}

TEST(Config, RatesAreReadAsWritten) {
  const auto config =
      parse(with_sets("rates:\n"
                      "  each: {window: 1m, calls: 600, inFlight: 8}\n"
                      "  work_1.b:\n"
                      "    roles: [r]\n"
                      "    toolSets: [a]\n"
                      "    tools: [x]\n"
                      "    per: [tool]\n"
                      "    window: 1h\n"
                      "    cpu: 90s\n"
                      "    bytes: 4Mi\n"
                      "  all: {per: [], inFlight: 3}\n"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->warnings,
            Problems{"conf/f.yaml:8:13: rates.work_1.b.roles[0]: no tool set and no entry of roles "
                     "names this role"});
  const auto& rates = config->rates;
  ASSERT_EQ(rates.size(), 3U);
  EXPECT_EQ(rates[0].name, "each");
  EXPECT_EQ(rates[0].covers.tool_sets, std::vector<std::string>{"*"});
  EXPECT_EQ(policy::describe(rates[0]),
            "600 calls in 1m, 8 calls at the same time, for each principal");
  EXPECT_EQ(rates[1].roles, std::vector<std::string>{"r"});
  EXPECT_EQ(rates[1].covers.tool_sets, std::vector<std::string>{"a"});
  EXPECT_EQ(rates[1].covers.tools, std::vector<std::string>{"x"});
  EXPECT_EQ(policy::describe(rates[1]), "90s of CPU time and 4Mi of results in 1h, for each tool");
  EXPECT_EQ(rates[1].place, "conf/f.yaml:8:5: rates.work_1.b");
  EXPECT_EQ(policy::describe(rates[2]), "3 calls at the same time, all together");
}

TEST(Config, RatesAreChecked) {
  const auto problem = [](std::string_view rate) {
    return problems(with_sets(fmt::format("rates: {{{}}}\n", rate)));
  };
  EXPECT_EQ(problem("r: {}"), Problems{"5:12: rates.r: bounds nothing: calls, cpu, bytes or "
                                       "inFlight is needed"});
  EXPECT_EQ(problem("r: {calls: 1}"), Problems{"5:12: rates.r: window is missing: in which time "
                                               "calls, cpu and bytes are counted"});
  EXPECT_EQ(problem("r: {inFlight: 1, window: 1m}"),
            Problems{"5:34: rates.r.window: only calls, cpu and bytes are counted in a window"});
  EXPECT_EQ(problem("r: {inFlight: 1, toolSets: [c]}"),
            Problems{"5:37: rates.r.toolSets[0]: no such tool set"});
  EXPECT_EQ(problem("r: {inFlight: 1, tools: [x]}"),
            Problems{"5:12: rates.r: toolSets is missing: names of tool sets, or [\"*\"]"});
  EXPECT_EQ(problem("r: {inFlight: 1, roles: []}"),
            Problems{"5:33: rates.r.roles: an empty list, so this is about nobody"});
  EXPECT_EQ(problem("r: {inFlight: 1, per: [user]}"),
            Problems{"5:32: rates.r.per[0]: expected principal or tool"});
  EXPECT_EQ(problem("'a b': {inFlight: 1}"),
            Problems{"5:16: rates.a b: a rate's name has 1 to 64 of a-z, A-Z, 0-9, _, - and ."});
  EXPECT_EQ(problem("r: {inFlight: 1, call: 2}"),
            Problems{"5:26: rates.r.call: unknown key; did you mean calls?"});
  for (const char* wrong : {"calls: 0", "calls: -1", "calls: 1.5", "cpu: 0s", "cpu: never",
                            "bytes: 0", "inFlight: many", "window: 0s", "window: 32d"}) {
    EXPECT_FALSE(problem(fmt::format("r: {{{}}}", wrong)).empty()) << wrong;
  }
}

constexpr std::string_view kSharedRate = "rates: {r: {window: 1m, calls: 1, shared: true}}\n";

TEST(Config, TheRateStoreIsReadAsWritten) {
  const auto config =
      parse(with_sets(std::string(kSharedRate) + "rateStore:\n"
                                                 "  onFailure: local\n"
                                                 "  redis:\n"
                                                 "    address: redis.example:6380\n"
                                                 "    tls: {ca: ca.pem}\n"
                                                 "    username: gate\n"
                                                 "    passwordFile: secret/password\n"
                                                 "    database: 3\n"
                                                 "    prefix: p\n"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->rates[0].shared);
  EXPECT_EQ(policy::describe(config->rates[0]),
            "1 calls in 1m, over all replicas, for each principal");
  ASSERT_TRUE(config->rate_store);
  const RateStoreConfig& store = *config->rate_store;
  EXPECT_EQ(store.server.scheme, http::Endpoint::Scheme::kHttps);
  EXPECT_EQ(store.server.authority(), "redis.example:6380");
  EXPECT_EQ(store.ca, config->state / "ca.pem");
  EXPECT_EQ(store.username, "gate");
  EXPECT_EQ(store.password_file, config->state / "secret/password");
  EXPECT_EQ(store.database, 3U);
  EXPECT_EQ(store.prefix, "p");
  EXPECT_EQ(store.on_failure, policy::StoreFailure::kLocal);
  EXPECT_TRUE(config->warnings.empty());
}

TEST(Config, TheRateStoreRefusesUnlessToldOtherwise) {
  const auto config =
      parse(with_sets(std::string(kSharedRate) + "rateStore: {redis: {address: 'unix:r.sock'}}\n"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->rate_store->on_failure, policy::StoreFailure::kRefuse);
  EXPECT_EQ(config->rate_store->server.host, (config->state / "r.sock").native());
  EXPECT_EQ(config->rate_store->prefix, "mcpgate");
}

TEST(Config, ASharedRateIsAboutCallsAndHasAStore) {
  EXPECT_EQ(problems(with_sets(kSharedRate)),
            Problems{"5:8: rates: shared rates need rateStore, where the replicas count together"});
  const auto problem = [](std::string_view rate) {
    return problems(with_sets(fmt::format(
        "rateStore: {{redis: {{address: '127.0.0.1:1'}}}}\nrates: {{r: {{{}}}}}\n", rate)));
  };
  EXPECT_TRUE(problem("window: 1m, calls: 1, shared: true").empty());
  EXPECT_EQ(
      problem("window: 1m, calls: 1, inFlight: 2, shared: true"),
      Problems{"6:45: rates.r.inFlight: a shared rate bounds calls alone; make this a rate of "
               "its own"});
  EXPECT_EQ(problem("inFlight: 2, shared: true").size(), 2U);
  EXPECT_EQ(problem("window: 1m, calls: 1, shared: yes").size(), 1U);
}

TEST(Config, TheRateStoreIsChecked) {
  const auto problem = [](std::string_view redis) {
    return problems(with_sets(fmt::format("{}rateStore: {{redis: {{{}}}}}\n", kSharedRate, redis)));
  };
  for (const char* wrong : {"''", "redis", "redis.example", "':1'", "'a:0'", "'a:70000'", "'a:1/x'",
                            "'http://a:1'", "'u@a:1'", "'a b:1'"}) {
    const Problems found = problem(fmt::format("address: {}", wrong));
    ASSERT_EQ(found.size(), 1U) << wrong;
    EXPECT_TRUE(found[0].ends_with("rateStore.redis.address: expected HOST:PORT, or unix:PATH"))
        << found[0];
  }
  EXPECT_EQ(problem("address: 'unix:'").size(), 1U);
  EXPECT_EQ(problem("address: 'unix:" + std::string(120, 'x') + "'").size(), 1U);
  EXPECT_EQ(problem("database: 1"),
            Problems{"6:20: rateStore.redis: address is missing: HOST:PORT, or unix:PATH"});
  const Problems plain = problem("address: 'redis.example:6379'");
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_TRUE(plain[0].ends_with("set tls, or allowPlaintext: true")) << plain[0];
  EXPECT_TRUE(problem("address: 'redis.example:6379', tls: {}").empty());
  EXPECT_TRUE(problem("address: 'redis.example:6379', allowPlaintext: true").empty());
  EXPECT_TRUE(problem("address: '[::1]:6379'").empty());
  for (const char* wrong :
       {"tls: {cert: x}", "tls: true", "database: -1", "database: many", "prefix: ''",
        "prefix: 'a b'", "username: ''", "username: u", "passwordFile: ''", "password: sesame"}) {
    EXPECT_FALSE(problem(fmt::format("address: '127.0.0.1:1', {}", wrong)).empty()) << wrong;
  }
  EXPECT_EQ(problem("address: 'unix:r', tls: {}").size(), 1U);
  const auto whole = [](std::string_view store) {
    return problems(with_sets(fmt::format("{}rateStore: {}\n", kSharedRate, store)));
  };
  EXPECT_EQ(whole("{}"),
            Problems{"6:12: rateStore: redis is missing: the server where the replicas "
                     "count together"});
  EXPECT_EQ(whole("redis").size(), 1U);
  EXPECT_EQ(whole("{redis: {address: '127.0.0.1:1'}, onFailure: allow}").size(), 1U);
}

TEST(Config, ARateStoreThatIsWeakOrIdleIsWarnedOf) {
  const auto warnings = [](std::string_view text) { return parse(with_sets(text))->warnings; };
  EXPECT_EQ(
      warnings("rateStore: {redis: {address: '127.0.0.1:1'}}\n"),
      Problems{"conf/f.yaml:5:12: rateStore: no rate is shared, so nothing is counted there"});
  EXPECT_EQ(
      warnings(std::string(kSharedRate) +
               "rateStore: {redis: {address: 'r:1', allowPlaintext: true}}\n"),
      Problems{"conf/f.yaml:6:30: rateStore.redis.address: the password and the counts travel "
               "in the clear: allowPlaintext"});
}

TEST(Config, RulesAreChecked) {
  EXPECT_EQ(
      problems(with_sets("policy:\n"
                         "  rules:\n"
                         "    - {name: n, deny: {toolSets: [c]}}\n"
                         "    - {name: n, deny: {toolSets: [a]}}\n"
                         "    - {deny: {toolSets: []}}\n"
                         "    - {name: m}\n")),
      (Problems{"7:35: policy.rules[0].deny.toolSets[0]: no such tool set",
                "8:14: policy.rules[1].name: another rule has this name",
                ("9:7: policy.rules[2]: name is missing: what the audit says of a call that "
                 "it denies"),
                "9:25: policy.rules[2].deny.toolSets: an empty list, so this is about no tool set",
                "10:7: policy.rules[3]: deny is missing: {toolSets: [...], tools: [...]}"}));
  const auto config =
      parse(with_sets("policy:\n"
                      "  rules:\n"
                      "    - {name: n, deny: {toolSets: ['*']}}\n"
                      "    - {name: m, deny: {toolSets: [a]}}\n"
                      "roles: {}\n"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->warnings, std::vector<std::string>{
                                  "conf/f.yaml:8:7: policy.rules[1]: never decides, since rule n "
                                  "before it denies all of this"});
}

TEST(Config, ListeningToTheWorldNeedsAName) {
  EXPECT_EQ(problems("listen: 0.0.0.0:8080\nauth: {apiKeys: {}}\n"),
            Problems{"1:9: listen: publicUrl or allowedHosts is needed: which names may requests "
                     "from elsewhere use?"});
  const auto config =
      parse("listen: 0.0.0.0:8080\nauth: {apiKeys: {}}\npublicUrl: https://mcp.example.com\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->public_url, "https://mcp.example.com/");
  EXPECT_EQ(config->allowed_hosts, std::vector<std::string>{"mcp.example.com"});
}

TEST(Config, UrlsHostsAndOriginsAreChecked) {
  for (const char* bad :
       {"ftp://h/", "https://", "https://user@h/", "https://h/?a", "https://h/#a", "h", "''"}) {
    EXPECT_EQ(problems(fmt::format("publicUrl: {}\nauth: {{apiKeys: {{}}}}\n", bad)).size(), 1U)
        << bad;
  }
  EXPECT_EQ(problems("allowedHosts: ['*', 'h:80', 'https://h', ok]\nauth: {apiKeys: {}}\n").size(),
            3U);
  EXPECT_EQ(
      problems("allowedOrigins: ['*', 'null', 'https://h/', 'https://h']\nauth: {apiKeys: {}}\n")
          .size(),
      3U);
}

TEST(Config, TrustedProxiesAreNetworksAndNotEverybody) {
  const std::string keys = "auth: {apiKeys: {}}\n";
  const auto config = parse(keys + "trustedProxies: [10.128.0.0/14, 192.0.2.7, '2001:db8::/32']\n");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->trusted_proxies.size(), 3U);
  EXPECT_EQ(config->trusted_proxies[0].to_string(), "10.128.0.0/14");
  EXPECT_EQ(problems(keys + "trustedProxies: [10.0.0.1/8, proxy.example.com]\n").size(), 2U);
  for (const char* everybody : {"0.0.0.0/0", "'::/0'"}) {
    EXPECT_EQ(problems(fmt::format("{}trustedProxies: [{}]\n", keys, everybody)).size(), 1U);
  }
}

TEST(Config, PeersAreNamedByAddressAndShareKeys) {
  const std::string base = std::string(kGood) + "sealingKeys: [{file: s}]\n";
  const auto config = parse(base +
                            "peers: {listen: 0.0.0.0:8081, advertise: 10.0.0.1:81, key: {file: p}, "
                            "allowPlaintext: true}\n");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_TRUE(config->peers);
  EXPECT_EQ(config->peers->listen.to_string(), "0.0.0.0:8081");
  EXPECT_EQ(config->peers->advertise.to_string(), "10.0.0.1:81");
  EXPECT_EQ(config->peers->keys.size(), 1U);
  ASSERT_EQ(config->warnings.size(), 1U);
  EXPECT_TRUE(config->warnings[0].ends_with("in the clear: allowPlaintext"));
  const auto local = parse(base + "peers: {listen: '127.0.0.1:81', key: {file: p}}\n");
  ASSERT_TRUE(local) << local.error().message;
  EXPECT_EQ(local->peers->advertise.to_string(), "127.0.0.1:81");
  EXPECT_TRUE(local->warnings.empty());
}

TEST(Config, OneThatNoOtherTellsOfLogoutsIsWarned) {
  const auto warnings = [](std::string_view auth, std::string_view others) {
    const auto config =
        parse(changed("apiKeys: {directory: keys, maxTtl: 90d}", auth) +
              "sealingKeys: [{file: s}]\npeers: {listen: '127.0.0.1:81', key: {file: p}" +
              std::string(others) + "}\n");
    EXPECT_TRUE(config) << config.error().message;
    return config ? config->warnings.size() : 0;
  };
  constexpr std::string_view kKeys = "apiKeys: {directory: keys}";
  constexpr std::string_view kIssuer = "oidc: [{issuer: 'https://as.example/realms/r'}]";
  EXPECT_EQ(warnings(kKeys, ""), 0U) << "nobody can log out";
  EXPECT_EQ(warnings(kIssuer, ""), 1U);
  EXPECT_EQ(warnings(kIssuer, ", others: ['127.0.0.1:81']"), 1U) << "it knows itself alone";
  EXPECT_EQ(warnings(kIssuer, ", others: ['127.0.0.1:81', '127.0.0.1:82']"), 0U);
}

TEST(Config, WhereTheOthersAreIsHostAndPort) {
  const auto others = [](std::string_view text) {
    return problems(std::string(kGood) + "sealingKeys: [{file: s}]\npeers: {listen: " +
                    "'127.0.0.1:81', key: {file: p}, others: ['" + std::string(text) + "']}\n");
  };
  for (const char* good : {"gateways.mcp.svc:8081", "10.0.0.1:81", "[::1]:81"}) {
    EXPECT_EQ(others(good), Problems{}) << good;
  }
  for (const char* bad :
       {"gateways", "10.0.0.1", "a:81/", "a:81/x", "a:0", "a:65536", "u@a:81", "http://a:81"}) {
    const auto found = others(bad);
    ASSERT_EQ(found.size(), 1U) << bad;
    EXPECT_TRUE(found[0].ends_with(fmt::format("expected HOST:PORT, found {}", bad))) << found[0];
  }
}

TEST(Config, PeersThatCannotWorkAreRefused) {
  const std::string base = std::string(kGood) + "sealingKeys: [{file: s}]\n";
  EXPECT_EQ(problems(base + "peers: {listen: '127.0.0.1:81'}\n"),
            Problems{"24:8: peers: listen and key are both needed"});
  EXPECT_EQ(
      problems(base + "peers: {listen: 10.0.0.1:81, key: {file: p}}\n"),
      Problems{"24:8: peers: answers to clients travel between the replicas in the clear; set "
               "allowPlaintext: true where nobody else sees that network"});
  EXPECT_EQ(
      problems(base + "peers: {listen: '[::]:81', key: {file: p}, allowPlaintext: true}\n"),
      Problems{"24:17: peers.listen: advertise is needed, the address at which other replicas "
               "reach this one"});
  EXPECT_EQ(problems(std::string(kGood) + "peers: {listen: '127.0.0.1:81', key: {file: p}}\n"),
            Problems{"23:8: peers: sealingKeys are needed: what one replica seals the others must "
                     "open"});
}

TEST(Config, TlsNeedsBothFiles) {
  EXPECT_EQ(problems("tls: {certificate: c.pem}\nauth: {apiKeys: {}}\n"),
            Problems{"1:6: tls: certificate and key are both needed"});
  const auto config =
      parse("tls: {certificate: c.pem, key: /k.pem, clientCa: ca.pem}\nauth: {apiKeys: {}}\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tls->certificate, "/w/conf/var/c.pem");
  EXPECT_EQ(config->tls->key, "/k.pem");
  EXPECT_EQ(config->tls->client_ca, "/w/conf/var/ca.pem");
  EXPECT_EQ(config->public_url, "https://127.0.0.1:8080/");
}

TEST(Config, ListenAddressesAreExact) {
  EXPECT_EQ(parse_listen_address("[::1]:80")->to_string(), "[::1]:80");
  EXPECT_EQ(parse_listen_address("localhost:0")->to_string(), "127.0.0.1:0");
  EXPECT_TRUE(parse_listen_address("127.8.9.1:1")->is_loopback());
  EXPECT_FALSE(parse_listen_address("0.0.0.0:1")->is_loopback());
  for (const char* bad :
       {"", ":80", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
        "[127.0.0.1]:80", "host:80", "127.0.0.1:80x", "1.2.3:80"}) {
    EXPECT_EQ(parse_listen_address(bad), std::nullopt) << bad;
  }
}

class ConfigPlace : public ::testing::Test {
 protected:
  ConfigPlace() : folder_(fs::temp_directory_path() / ("config-" + SystemRandom().hex(8))) {
    fs::create_directories(folder_ / "conf");
    environment_.working_directory = folder_;
  }
  ~ConfigPlace() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  void write(const fs::path& path, std::string_view listen) {
    std::ofstream(folder_ / path) << "listen: " << listen << "\nauth: {apiKeys: {}}\n";
  }

  fs::path folder_;
  Environment environment_;
};

TEST_F(ConfigPlace, WithoutAnyFileTheLocalDefaultHolds) {
  const auto config = load_config(std::nullopt, environment_);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->file.empty());
  EXPECT_EQ(config->state, folder_ / "var");
  EXPECT_EQ(config->api_keys->directory, folder_ / "var" / "keys");
  EXPECT_FALSE(config->demo_token_allowed) << "`up` turns it on, nothing else";
  environment_.state_variable = "/s";
  EXPECT_EQ(load_config(std::nullopt, environment_)->audit.directory, "/s/audit");
}

TEST_F(ConfigPlace, TheFlagWinsOverTheVariableOverTheFileInPlace) {
  write("mcpgate.yaml", "127.0.0.1:1");
  write("conf/variable.yaml", "127.0.0.1:2");
  write("conf/flag.yaml", "127.0.0.1:3");
  EXPECT_EQ(load_config(std::nullopt, environment_)->listen.port, 1);
  environment_.config_variable = "conf/variable.yaml";
  EXPECT_EQ(load_config(std::nullopt, environment_)->listen.port, 2);
  const auto config = load_config("conf/flag.yaml", environment_);
  EXPECT_EQ(config->listen.port, 3);
  EXPECT_EQ(config->state, folder_ / "conf" / "var") << "relative to the file";
  environment_.state_variable = "s";
  EXPECT_EQ(load_config("conf/flag.yaml", environment_)->state, folder_ / "s")
      << "the variable wins";
}

TEST_F(ConfigPlace, AFileThatIsNamedAndMissingIsAnError) {
  EXPECT_FALSE(load_config("nowhere.yaml", environment_));
  environment_.config_variable = "nowhere.yaml";
  EXPECT_FALSE(load_config(std::nullopt, environment_));
  environment_.config_variable = "";
  fs::create_symlink("nowhere", folder_ / "mcpgate.yaml");
  EXPECT_FALSE(load_config(std::nullopt, environment_));
}

const fs::path kReferencePage = MCPGATE_REFERENCE_PAGE;

// Every key of the reference's list is known to the reader, and described on the page.
TEST(ConfigReference, DescribesEveryKeyAndLimit) {
  const auto text = read_file(kReferencePage);
  ASSERT_TRUE(text) << text.error().message;
  for (const std::string& key : config_keys()) {
    EXPECT_NE(text->find("`" + key + "`"), std::string::npos) << "not described: " << key;
    std::string yaml = key + ": 1";
    for (std::size_t dot = yaml.find('.'); dot != std::string::npos; dot = yaml.find('.')) {
      yaml = yaml.substr(0, dot) + ": {" + yaml.substr(dot + 1) + "}";
    }
    for (std::size_t star = yaml.find('*'); star != std::string::npos; star = yaml.find('*')) {
      yaml.replace(star, 1, "x");
    }
    for (const std::string& problem : problems(yaml)) {
      EXPECT_EQ(problem.find("unknown key"), std::string::npos) << yaml << ": " << problem;
    }
  }
  for (const LimitInfo& limit : config_limits()) {
    const std::string row =
        fmt::format("| `{}` | `{}` | {} |", limit.key, limit.default_value, limit.reason);
    EXPECT_NE(text->find(row), std::string::npos) << row;
  }
}

// Keys of the page's tables that the reader does not know would be promises.
TEST(ConfigReference, PromisesNoKeyThatDoesNotExist) {
  const std::string text = read_file(kReferencePage).value_or("");
  ASSERT_FALSE(text.empty());
  const std::vector<std::string> keys = config_keys();
  for (std::size_t at = text.find("\n| `"); at != std::string::npos;
       at = text.find("\n| `", at + 1)) {
    const std::size_t start = at + 4;
    const std::string key = text.substr(start, text.find('`', start) - start);
    EXPECT_NE(std::ranges::find(keys, key), keys.end()) << key;
  }
}

}  // namespace
}  // namespace mcpgate::cli
