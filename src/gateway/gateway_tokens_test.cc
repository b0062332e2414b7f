// Access tokens on their way through the gateway: who it is, what a refusal tells, and keys that
// come only when they are needed.

#include "auth/token_testing.h"
#include "gateway/gateway_test_support.h"

namespace mcpgate::gateway {
namespace {

constexpr std::string_view kIssuer = "https://as.example/realms/r";

class GatewayTokens : public TestGateway {
 protected:
  GatewayTokens() {
    settings_.authorization_servers = {std::string(kIssuer)};
    settings_.scopes = {"mcp:tools"};
    publish({&key_});
  }
  void publish(const std::vector<const auth::TestKey*>& keys) {
    auto table = std::make_shared<auth::IssuerTable>();
    table->issuers.push_back(
        {.rules = {.issuer = std::string(kIssuer),
                   .audiences = {"https://mcp.example.com/", "https://mcp.example.com/mcp"},
                   .scopes = {"mcp:tools"}},
         .keys = keys.empty() ? nullptr
                              : std::make_shared<const auth::JwkSet>(
                                    *auth::JwkSet::parse(auth::jwks_of(keys)))});
    issuers_ = table;
    use_settings();
  }
  std::string bearer(const auth::TestKey& key, std::map<std::string, std::string> other = {}) {
    other.insert({{"iss", '"' + std::string(kIssuer) + '"'},
                  {"aud", R"("https://mcp.example.com/mcp")"},
                  {"sub", R"("7f3a")"},
                  {"preferred_username", R"("dora")"},
                  {"scope", R"("mcp:tools")"},
                  {"exp", "7000000000"},
                  {"realm_access", R"({"roles":["mcp-admin"]})"}});
    return "Bearer " + key.token(auth::claims_of(other));
  }

  auth::TestKey key_{"key-1", auth::JwsAlgorithm::kEs256};
  auth::TestKey next_{"key-2", auth::JwsAlgorithm::kEs256};
};

TEST_F(GatewayTokens, TheRecordSaysWhoItWas) {
  const auto response = send(modern("tools/list"), bearer(key_));
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body.contains("\"write\""));
  const std::string line = record();
  EXPECT_EQ(member(line, "user"), "dora");
  EXPECT_EQ(member(line, "iss"), kIssuer);
  EXPECT_EQ(member(line, "sub"), "7f3a");
  EXPECT_EQ(member(line, "auth_type"), "access_token");
  EXPECT_EQ(member(line, "key_id"), "");
}

// Weakness 2 of the earlier implementation: every token was an admin's.
TEST_F(GatewayTokens, RolesOfTheTokenDecide) {
  const std::string viewer = bearer(key_, {{"realm_access", R"({"roles":["mcp-viewer"]})"}});
  const auto response = send(modern("tools/list"), viewer);
  EXPECT_TRUE(response.body.contains("\"read\""));
  EXPECT_FALSE(response.body.contains("\"write\""));
  EXPECT_FALSE(response.body.contains("\"launch\""));
  const std::string nobody = bearer(key_, {{"realm_access", "{}"}});
  EXPECT_FALSE(send(modern("tools/list"), nobody).body.contains("\"read\""));
}

TEST_F(GatewayTokens, ARefusalSaysWhereATokenIsToBeHad) {
  const auto none = send(modern("tools/list"), "");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(header(none, "WWW-Authenticate"),
            "Bearer resource_metadata=\"https://mcp.example.com/.well-known/"
            "oauth-protected-resource/mcp\", scope=\"mcp:tools\"");
  const auto bad = send(modern("tools/list"), bearer(key_, {{"aud", R"("account")"}}));
  EXPECT_EQ(bad.status, 401);
  EXPECT_TRUE(header(bad, "WWW-Authenticate").contains("error=\"invalid_token\""));
  EXPECT_EQ(member(records().back(), "reason"), "wrong_audience");
  EXPECT_EQ(member(records().back(), "status"), "unauthenticated");
  EXPECT_EQ(member(records().back(), "user"), "null") << "nobody has vouched for it";
}

TEST_F(GatewayTokens, ATokenWithoutTheScopeIsToldWhichItNeeds) {
  const auto response = send(modern("tools/list"), bearer(key_, {{"scope", R"("openid")"}}));
  EXPECT_EQ(response.status, 403);
  const std::string challenge = header(response, "WWW-Authenticate");
  EXPECT_TRUE(challenge.contains("error=\"insufficient_scope\"")) << challenge;
  EXPECT_TRUE(challenge.contains("scope=\"mcp:tools\"")) << challenge;
  EXPECT_TRUE(challenge.contains("resource_metadata=")) << challenge;
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "denied");
  EXPECT_EQ(member(line, "reason"), "missing_scope");
  EXPECT_EQ(member(line, "user"), "dora") << "it is known who it was";
}

TEST_F(GatewayTokens, BothMetadataDocumentsNameTheIssuer) {
  for (const char* suffix : {"", "/mcp"}) {
    const auto response =
        send({.body = "",
              .method = "GET",
              .target = "/.well-known/oauth-protected-resource" + std::string(suffix)},
             "");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(member(response.body, "resource"),
              *suffix == 0 ? "https://mcp.example.com/" : "https://mcp.example.com/mcp");
    EXPECT_EQ(member(response.body, "authorization_servers"), "[\"" + std::string(kIssuer) + "\"]");
    EXPECT_EQ(member(response.body, "scopes_supported"), R"(["mcp:tools"])");
  }
}

// The issuer has a new key, and the first token signed by it is here before we have read it.
TEST_F(GatewayTokens, AKeyThatIsNotKnownYetIsWaitedFor) {
  on_demand_ = [this] { publish({&next_}); };
  const auto response = send(modern("tools/list"), bearer(next_));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(demanded_, std::vector<std::string>{std::string(kIssuer)});
  EXPECT_EQ(member(record(), "user"), "dora");
}

TEST_F(GatewayTokens, AKeyThatDoesNotComeIsA401) {
  const auto response = send(modern("tools/list"), bearer(next_));
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(demanded_.size(), 1U) << "asked for once";
  EXPECT_EQ(member(record(), "reason"), "unknown_signing_key");
}

TEST_F(GatewayTokens, NothingElseIsWaitedFor) {
  (void)send(modern("tools/list"), bearer(next_, {{"iss", R"("https://other")"}}));
  (void)send(modern("tools/list"), bearer(key_, {{"exp", "1"}}));
  (void)send(modern("tools/list"), "Bearer x.y.z");
  (void)send(modern("tools/list"), "");
  auto large = modern("tools/list");
  large.body += std::string(65 << 10, ' ');
  (void)send(large, bearer(next_));
  EXPECT_TRUE(demanded_.empty());
}

TEST_F(GatewayTokens, WithoutAnyKeyOfTheIssuerItIsA503) {
  publish({});
  const auto response = send(modern("tools/list"), bearer(key_));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(header(response, "Retry-After"), "10");
  EXPECT_EQ(header(response, "WWW-Authenticate"), "");
  EXPECT_EQ(member(record(), "reason"), "issuer_unavailable");
  EXPECT_EQ(send(modern("tools/list"), alice_).status, 200) << "keys do not need the issuer";
}

TEST_F(GatewayTokens, ASessionIsNotAnotherIssuersUser) {
  const std::string session = initialize(bearer(key_));
  const auto list = with(legacy("tools/list"), "Mcp-Session-Id", session);
  EXPECT_EQ(send(list, bearer(key_)).status, 200);
  EXPECT_EQ(send(list, bearer(key_, {{"sub", R"("other")"}})).status, 404) << "the same name";
}

}  // namespace
}  // namespace mcpgate::gateway
