#include "auth/authenticator.h"

#include <gtest/gtest.h>

#include "auth/api_key.h"
#include "auth/token_testing.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() : key_(generate_api_key(random_)) {
    record_.id = key_.id;
    record_.sha256 = key_.sha256;
    record_.user = "alice";
    record_.roles = {"mcp-log-analyst"};
  }

  Authenticator make(bool demo = false) const {
    return Authenticator({.keys = std::make_shared<const KeyTable>(std::vector{record_}),
                          .demo_token_allowed = demo,
                          .demo_roles = {"mcp-admin", "mcp-dba"}});
  }
  /// The reason for which an Authorization header is refused; `ok` when it is not.
  static std::string ask(const Authenticator& authenticator, std::string_view header,
                         WallTime now = kNow) {
    const auto who = authenticator.authenticate(
        {.authorization = header, .authorization_count = 1, .target = "/mcp"}, now, tokens());
    return who ? "ok" : std::string(to_string(who.error().reason));
  }

  static AccessTokenVerifier& tokens() {
    static AccessTokenVerifier tokens;
    return tokens;
  }

  SystemRandom random_;
  NewApiKey key_;
  KeyRecord record_;
};

TEST_F(AuthenticatorTest, AKeyIsItsUser) {
  const std::string header = "Bearer " + key_.text;
  const auto who = make().authenticate(
      {.authorization = header, .authorization_count = 1, .target = "/mcp"}, kNow, tokens());
  ASSERT_TRUE(who);
  EXPECT_EQ((*who)->user, "alice");
  EXPECT_EQ((*who)->issuer, "mcpgate:keys");
  EXPECT_EQ((*who)->key_id, key_.id);
  EXPECT_EQ((*who)->auth_type, AuthType::kApiKey);
  EXPECT_EQ((*who)->roles, std::vector<std::string>{"mcp-log-analyst"});
}

// Only who comes with the secret uses a key, and only when it comes: a stream that stays open does
// not.
TEST_F(AuthenticatorTest, AKeysUseIsNoted) {
  KeyUses uses;
  const auto table = std::make_shared<const KeyTable>(std::vector{record_});
  const Authenticator authenticator({.keys = table, .key_uses = uses.places_of(*table)});
  const auto come = [&](const std::string& key, std::optional<std::string_view> peer,
                        WallTime now) {
    const std::string header = "Bearer " + key;
    return authenticator
        .authenticate(
            {.authorization = header, .authorization_count = 1, .target = "/mcp", .peer = peer},
            now, tokens())
        .has_value();
  };
  EXPECT_TRUE(come(key_.text, std::nullopt, kNow));
  EXPECT_TRUE(authenticator.key_uses().empty()) << "it was looked at again";
  NewApiKey other = generate_api_key(random_);
  EXPECT_FALSE(come(other.text, "192.0.2.1", kNow));
  EXPECT_TRUE(authenticator.key_uses().empty());
  EXPECT_TRUE(come(key_.text, "192.0.2.1", kNow + 90s));
  ASSERT_EQ(authenticator.key_uses().size(), 1U);
  EXPECT_EQ(authenticator.key_uses()[0].key_id, key_.id);
  EXPECT_EQ(authenticator.key_uses()[0].last, 1'800'000'090);
}

TEST_F(AuthenticatorTest, AKeyThatIsRefusedIsNotUsed) {
  record_.expires = kNow;
  KeyUses uses;
  const auto table = std::make_shared<const KeyTable>(std::vector{record_});
  const Authenticator authenticator({.keys = table, .key_uses = uses.places_of(*table)});
  const std::string header = "Bearer " + key_.text;
  EXPECT_FALSE(authenticator.authenticate(
      {.authorization = header, .authorization_count = 1, .target = "/mcp", .peer = "192.0.2.1"},
      kNow, tokens()));
  EXPECT_TRUE(authenticator.key_uses().empty());
}

TEST_F(AuthenticatorTest, TheSchemesCaseAndSpacesDoNotMatter) {
  EXPECT_EQ(ask(make(), "bearer " + key_.text), "ok");
  EXPECT_EQ(ask(make(), "BEARER   " + key_.text), "ok");
}

TEST_F(AuthenticatorTest, OtherHeadersAreMalformed) {
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer "), "Basic " + key_.text,
        key_.text, "Bearer" + key_.text, "Bearer " + key_.text + " ", "Bearer " + key_.text + "x",
        "Bearer " + key_.text + "," + key_.text, std::string("Bearer x.y.z"),
        "Bearer " + std::string(100'000, 'a')}) {
    EXPECT_EQ(ask(make(), header), "malformed");
  }
}

TEST_F(AuthenticatorTest, NoHeaderIsMissingAndTwoAreRefused) {
  const Authenticator authenticator = make();
  EXPECT_EQ(authenticator.authenticate({}, kNow, tokens()).error().reason,
            AuthFailureReason::kMissing);
  const std::string header = "Bearer " + key_.text;
  EXPECT_EQ(authenticator
                .authenticate({.authorization = header, .authorization_count = 2}, kNow, tokens())
                .error()
                .reason,
            AuthFailureReason::kSeveral);
}

TEST_F(AuthenticatorTest, AnotherSecretAndAnUnknownIdAreRefused) {
  const NewApiKey other = generate_api_key(random_);
  EXPECT_EQ(ask(make(), "Bearer " + other.text), "unknown");
  record_.id = other.id;
  EXPECT_EQ(ask(make(), "Bearer " + other.text), "wrong_secret");
  record_.expires = kNow - 1h;
  record_.revoked = kNow - 1h;
  EXPECT_EQ(ask(make(), "Bearer " + other.text), "wrong_secret") << "the state is not told";
  EXPECT_EQ(ask(Authenticator({}), "Bearer " + other.text), "unknown") << "the method is off";
}

TEST_F(AuthenticatorTest, AFailureNamesTheKeyForTheAudit) {
  const std::string header = "Bearer " + key_.text;
  record_.revoked = kNow;
  const auto who =
      make().authenticate({.authorization = header, .authorization_count = 1}, kNow, tokens());
  EXPECT_EQ(who.error().reason, AuthFailureReason::kRevoked);
  EXPECT_EQ(who.error().key_id, key_.id);
}

TEST_F(AuthenticatorTest, KeysLiveFromNotBeforeToExpires) {
  record_.not_before = kNow;
  record_.expires = kNow + 1h;
  const Authenticator authenticator = make();
  const std::string header = "Bearer " + key_.text;
  EXPECT_EQ(ask(authenticator, header, kNow - 1ns), "not_yet_valid");
  EXPECT_EQ(ask(authenticator, header, kNow), "ok");
  EXPECT_EQ(ask(authenticator, header, kNow + 1h - 1ns), "ok");
  EXPECT_EQ(ask(authenticator, header, kNow + 1h), "expired");
}

// An open demo token was the default of the earlier implementation (weakness 4).
TEST_F(AuthenticatorTest, AStoreThatIsNotReliedOnLetsNobodyInAndTellsNothing) {
  const Authenticator stale({.keys = KeyTable::unavailable()});
  EXPECT_EQ(ask(stale, "Bearer " + key_.text), "store_unavailable");
  EXPECT_EQ(ask(stale, "Bearer " + generate_api_key(random_).text), "store_unavailable");
  EXPECT_EQ(ask(stale, "Bearer nothing-like-a-key"), "malformed");
  EXPECT_FALSE(stale.can_authenticate());
}

TEST_F(AuthenticatorTest, TheDemoTokenWorksOnlyWhereItIsOnAndFromLoopback) {
  const auto ask_demo = [](const Authenticator& authenticator, bool loopback) {
    return authenticator.authenticate({.authorization = "Bearer demo-token-12345",
                                       .authorization_count = 1,
                                       .peer_is_loopback = loopback},
                                      kNow, tokens());
  };
  EXPECT_EQ(ask_demo(make(), true).error().reason, AuthFailureReason::kDemoNotAllowed);
  EXPECT_EQ(ask_demo(make(true), false).error().reason, AuthFailureReason::kDemoNotAllowed);
  const auto who = ask_demo(make(true), true);
  ASSERT_TRUE(who);
  EXPECT_EQ((*who)->auth_type, AuthType::kDemoToken);
  EXPECT_EQ((*who)->roles, (std::vector<std::string>{"mcp-admin", "mcp-dba"}));
  EXPECT_EQ(ask(make(true), "Bearer demo-token-1234"), "malformed");
}

TEST_F(AuthenticatorTest, AKeyInTheUrlIsRefusedEvenBesideAGoodHeader) {
  const std::string header = "Bearer " + key_.text;
  const std::string target = "/mcp?key=" + key_.text;
  const auto who = make().authenticate(
      {.authorization = header, .authorization_count = 1, .target = target}, kNow, tokens());
  EXPECT_EQ(who.error().reason, AuthFailureReason::kCredentialInUrl);
}

TEST_F(AuthenticatorTest, AccessTokensAreTakenWhereAnIssuerIsConfigured) {
  const TestKey key("k", JwsAlgorithm::kEs256);
  auto issuers = std::make_shared<IssuerTable>();
  issuers->issuers.push_back(
      {.rules = {.issuer = "https://as", .audiences = {"https://h/"}},
       .keys = std::make_shared<const JwkSet>(*JwkSet::parse(jwks_of({&key})))});
  const std::string header =
      "Bearer " +
      key.token(R"({"iss":"https://as","aud":"https://h/","sub":"u","exp":1800000300})");
  const Authenticator both(
      {.keys = std::make_shared<const KeyTable>(std::vector{record_}), .issuers = issuers});
  EXPECT_EQ(ask(both, header), "ok");
  EXPECT_EQ(ask(both, "Bearer " + key_.text), "ok");
  EXPECT_EQ(ask(both, "Bearer opaque"), "malformed");
  EXPECT_EQ(ask(both, "DPoP " + header.substr(7)), "not_bound");
  EXPECT_EQ(ask(make(), header), "malformed") << "the method is off";
}

TEST_F(AuthenticatorTest, OnlyAccessTokensAreSentWithAProof) {
  const Authenticator both({.keys = std::make_shared<const KeyTable>(std::vector{record_}),
                            .issuers = std::make_shared<const IssuerTable>(),
                            .demo_token_allowed = true});
  for (const std::string& token :
       {key_.text, generate_api_key(random_).text, std::string(kDemoToken)}) {
    for (const char* scheme : {"DPoP ", "dpop  ", "DPOP "}) {
      const std::string header = scheme + token;
      const auto who = both.authenticate(
          {.authorization = header, .authorization_count = 1, .peer_is_loopback = true}, kNow,
          tokens());
      EXPECT_EQ(who.error().reason, AuthFailureReason::kNotBound);
      EXPECT_EQ(who.error().scheme, AuthScheme::kDpop);
      EXPECT_EQ(who.error().key_id, "") << "nothing is said of the key";
    }
  }
  EXPECT_EQ(ask(both, "DPoP opaque"), "malformed");
  EXPECT_EQ(ask(both, "DPoP"), "malformed");
  EXPECT_EQ(ask(both, "DPoP  "), "malformed");
  EXPECT_EQ(ask(both, "DPoPx " + key_.text), "malformed");
  EXPECT_EQ(ask(Authenticator({}), "DPoP opaque"), "malformed") << "the method is off";
}

TEST_F(AuthenticatorTest, AnIssuerWithoutKeysLetsNobodyIn) {
  auto issuers = std::make_shared<IssuerTable>();
  issuers->issuers.push_back({.rules = {.issuer = "https://as"}, .keys = nullptr});
  EXPECT_FALSE(Authenticator({.issuers = issuers}).can_authenticate());
  EXPECT_TRUE(make().can_authenticate());
  EXPECT_TRUE(Authenticator({.issuers = issuers, .demo_token_allowed = true}).can_authenticate());
}

TEST_F(AuthenticatorTest, APrincipalOutlivesTheSnapshotItCameFrom) {
  std::shared_ptr<const Principal> who;
  {
    const std::string header = "Bearer " + key_.text;
    who = *make().authenticate({.authorization = header, .authorization_count = 1}, kNow, tokens());
  }
  EXPECT_EQ(who->user, "alice");
}

}  // namespace
}  // namespace mcpgate::auth
