// Access tokens as a hostile client sends them. Each refusal stands beside a token that differs in
// nothing else and is taken.

#include "auth/access_token.h"

#include "auth/token_testing.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};

class AccessToken : public ::testing::Test {
 protected:
  AccessToken() : key_("key-1", JwsAlgorithm::kEs256) { use_keys({&key_}); }

  void use_keys(const std::vector<const TestKey*>& keys) {
    auto table = std::make_shared<IssuerTable>();
    table->issuers.push_back({.rules = rules_, .keys = keys_of(keys)});
    table_ = table;
  }
  static std::shared_ptr<const JwkSet> keys_of(const std::vector<const TestKey*>& keys) {
    return std::make_shared<const JwkSet>(*JwkSet::parse(jwks_of(keys)));
  }

  /// A token whose claims are all as they should be, but for those that are given.
  [[nodiscard]] std::string token(const std::map<std::string, std::string>& other = {}) const {
    std::map<std::string, std::string> claims{
        {"iss", R"("https://as.example/realms/r")"},
        {"sub", R"("f81d4fae")"},
        {"aud", R"(["account","https://mcp.example/mcp"])"},
        {"exp", "1800000300"},
        {"iat", "1800000000"},
        {"typ", R"("Bearer")"},
        {"preferred_username", R"("alice")"},
        {"realm_access", R"({"roles":["mcp-viewer","offline_access"]})"}};
    for (const auto& [name, json] : other) {
      claims[name] = json;
    }
    return key_.token(claims_of(claims));
  }
  /// `ok`, or why it was refused.
  std::string ask(std::string_view text, WallTime now = kNow) {
    const auto who = verifier_.verify(table_, text, now);
    return who ? "ok" : std::string(to_string(who.error().reason));
  }
  Principal principal(const std::map<std::string, std::string>& other = {}) {
    const auto who = verifier_.verify(table_, token(other), kNow);
    EXPECT_TRUE(who) << to_string(who.error().reason);
    return who ? **who : Principal{};
  }

  IssuerRules rules_{.issuer = "https://as.example/realms/r",
                     .audiences = {"https://mcp.example/", "https://mcp.example/mcp"}};
  TestKey key_;
  std::shared_ptr<const IssuerTable> table_;
  AccessTokenVerifier verifier_;
};

TEST_F(AccessToken, IsItsUser) {
  const Principal who = principal();
  EXPECT_EQ(who.user, "alice");
  EXPECT_EQ(who.issuer, "https://as.example/realms/r");
  EXPECT_EQ(who.subject, "f81d4fae");
  EXPECT_EQ(who.auth_type, AuthType::kAccessToken);
  EXPECT_EQ(who.roles, (std::vector<std::string>{"mcp-viewer", "offline_access"}));
}

TEST_F(AccessToken, OfEachAlgorithmIsTaken) {
  for (const auto algorithm :
       {JwsAlgorithm::kRs256, JwsAlgorithm::kPs256, JwsAlgorithm::kEs256, JwsAlgorithm::kEdDsa}) {
    key_ = TestKey("k", algorithm);
    use_keys({&key_});
    EXPECT_EQ(ask(token()), "ok") << key_.algorithm_name();
  }
}

TEST_F(AccessToken, ThatWasChangedIsRefused) {
  const std::string good = token();
  EXPECT_EQ(ask(good), "ok");
  for (std::size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = bad[at] == 'x' ? 'y' : 'x';
    EXPECT_NE(ask(bad), "ok") << at;
  }
  const std::string other = token({{"preferred_username", R"("mallory")"}});
  const std::string mixed = good.substr(0, good.find('.')) +
                            other.substr(other.find('.'), other.rfind('.') - other.find('.')) +
                            good.substr(good.rfind('.'));
  EXPECT_EQ(ask(mixed), "bad_signature");
}

TEST_F(AccessToken, WithoutASignatureIsRefused) {
  const std::string claims = token().substr(token().find('.') + 1);
  const std::string payload = claims.substr(0, claims.find('.'));
  for (const char* algorithm : {"none", "None", "NONE", "", "HS256", "RS512", "es256"}) {
    const std::string header =
        base64url_encode(as_bytes(R"({"alg":")" + std::string(algorithm) + R"(","kid":"key-1"})"));
    EXPECT_EQ(ask(header + "." + payload + ".AAAA"), "algorithm") << algorithm;
    EXPECT_EQ(ask(header + "." + payload + "."), "malformed") << algorithm;
  }
}

// The confusion of RFC 8725, 2.1: an HMAC whose key is the public key that everybody has.
TEST_F(AccessToken, SignedByHmacWithThePublicKeyIsRefused) {
  const TestKey rsa("rsa", JwsAlgorithm::kRs256);
  use_keys({&rsa});
  const std::string payload = token().substr(token().find('.') + 1);
  const std::string signed_part =
      base64url_encode(as_bytes(R"({"alg":"HS256","typ":"JWT","kid":"rsa"})")) + "." +
      payload.substr(0, payload.find('.'));
  const auto mac = hmac_sha256(rsa.jwk(), signed_part);
  EXPECT_EQ(ask(signed_part + "." + base64url_encode(mac)), "algorithm");
}

TEST_F(AccessToken, OfAnotherKeyTypeThanItsHeaderSaysIsRefused) {
  const TestKey rsa("key-1", JwsAlgorithm::kRs256);
  const std::string claims = claims_of({{"iss", R"("https://as.example/realms/r")"}});
  EXPECT_EQ(ask(rsa.token(claims)), "unknown_signing_key");
}

TEST_F(AccessToken, LivesFromNotBeforeToItsExpiryWithTheSkew) {
  const std::string text = token({{"nbf", "1800000000"}, {"exp", "1800000060"}});
  EXPECT_EQ(ask(text, kNow - 31s), "not_yet_valid");
  EXPECT_EQ(ask(text, kNow - 30s), "ok");
  EXPECT_EQ(ask(text, kNow + 89s), "ok");
  EXPECT_EQ(ask(text, kNow + 90s), "expired") << "though it is remembered";
  EXPECT_EQ(ask(text, kNow - 31s), "not_yet_valid") << "though it is remembered";
  AccessTokenVerifier fresh;
  EXPECT_EQ(fresh.verify(table_, text, kNow + 90s).error().reason, AuthFailureReason::kExpired);
  EXPECT_EQ(ask(token({{"exp", "1800000000.5"}})), "ok");
}

TEST_F(AccessToken, NeedsAnExpiryThatIsADate) {
  for (const char* exp :
       {"", R"("1800000300")", "null", "-1", "1e300", "99999999999999999", "[]"}) {
    EXPECT_EQ(ask(token({{"exp", exp}})), "missing_claim") << exp;
  }
  EXPECT_EQ(ask(token({{"nbf", R"("0")"}})), "missing_claim");
}

// Weakness 3 of the earlier implementation: a token of the realm for any client was accepted.
TEST_F(AccessToken, ForSomebodyElseIsRefused) {
  EXPECT_EQ(ask(token({{"aud", R"("https://mcp.example/")"}})), "ok");
  for (const char* aud : {"", R"("account")", "[]", R"(["account","https://mcp.example"])", "7",
                          R"("https://mcp.example/mcp/")", R"([["https://mcp.example/mcp"]])"}) {
    EXPECT_EQ(ask(token({{"aud", aud}})), "wrong_audience") << aud;
  }
}

TEST_F(AccessToken, OfAnotherIssuerIsRefused) {
  for (const char* iss :
       {"", R"("https://as.example/realms/other")", "null", R"("https://as.example/realms/r/")",
        R"(["https://as.example/realms/r"])"}) {
    EXPECT_EQ(ask(token({{"iss", iss}})), "unknown_issuer") << iss;
  }
}

// Two issuers, one key id: the key of the one must not vouch for the other's users.
TEST_F(AccessToken, IsVerifiedWithTheKeysOfItsOwnIssuer) {
  const TestKey other("key-1", JwsAlgorithm::kEs256);
  auto table = std::make_shared<IssuerTable>(*table_);
  IssuerRules rules = rules_;
  rules.issuer = "https://other.example";
  table->issuers.push_back({.rules = rules, .keys = keys_of({&other})});
  table_ = table;
  EXPECT_EQ(ask(token()), "ok");
  EXPECT_EQ(ask(token({{"iss", R"("https://other.example")"}})), "bad_signature");
}

TEST_F(AccessToken, ThatIsNoAccessTokenIsRefused) {
  for (const char* typ : {R"("ID")", R"("Refresh")", R"("Logout")", R"("Offline")", "1"}) {
    EXPECT_EQ(ask(token({{"typ", typ}})), "wrong_type") << typ;
  }
  EXPECT_EQ(ask(token({{"typ", ""}})), "ok");
  EXPECT_EQ(ask(token({{"events", "{}"}})), "wrong_type");
  const auto with_type = [this](std::string_view typ) {
    const std::string payload = token().substr(token().find('.') + 1);
    const auto claims = base64url_decode(payload.substr(0, payload.find('.')));
    return key_.token({reinterpret_cast<const char*>(claims->data()), claims->size()},
                      R"({"alg":"ES256","kid":"key-1","typ":)" + std::string(typ) + "}");
  };
  EXPECT_EQ(ask(with_type(R"("at+jwt")")), "ok");
  EXPECT_EQ(ask(with_type(R"("application/AT+JWT")")), "ok");
  for (const char* typ :
       {R"("logout+jwt")", R"("dpop+jwt")", R"("oauth-id-jag+jwt")", "1", R"("")"}) {
    EXPECT_EQ(ask(with_type(typ)), "wrong_type") << typ;
  }
}

TEST_F(AccessToken, WithCriticalExtensionsIsRefused) {
  EXPECT_EQ(ask(key_.token("{}", R"({"alg":"ES256","kid":"key-1","crit":["b64"],"b64":false})")),
            "malformed");
}

TEST_F(AccessToken, WithAKeyTwiceIsRefused) {
  EXPECT_EQ(ask(key_.token(R"({"iss":"https://as.example/realms/r","iss":"x"})")), "malformed");
  EXPECT_EQ(ask(key_.token("{}", R"({"alg":"none","alg":"ES256","kid":"key-1"})")), "malformed");
  EXPECT_EQ(ask(token({{"realm_access", R"({"roles":[],"roles":["mcp-admin"]})"}})), "malformed");
}

TEST_F(AccessToken, OfAnotherShapeIsMalformed) {
  const std::string good = token();
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("a.b"), std::string("a..c"),
        good + ".x", good + "=", "=" + good, " " + good, good + "\n",
        good.substr(0, good.rfind('.')), std::string("e30.e30.e30"),
        std::string(100'000, 'a') + ".b.c",
        key_.token(std::string(40, '[') + "1" + std::string(40, ']'))}) {
    const std::string answer = ask(text);
    EXPECT_TRUE(answer == "malformed" || answer == "algorithm") << text.substr(0, 80);
  }
  EXPECT_EQ(ask(token({{"deep", std::string(70, '[') + std::string(70, ']')}})), "malformed");
}

TEST_F(AccessToken, AboveItsLimitIsNotLookedAt) {
  const std::string text = token({{"padding", '"' + std::string(20'000, 'x') + '"'}});
  EXPECT_EQ(ask(text), "malformed");
  auto table = std::make_shared<IssuerTable>(*table_);
  table->token_bytes_max = 64 << 10;
  table_ = table;
  EXPECT_EQ(ask(text), "ok");
}

TEST_F(AccessToken, UnknownKeysNameTheIssuerToAsk) {
  const TestKey next("key-2", JwsAlgorithm::kEs256);
  const auto who = verifier_.verify(
      table_, next.token(claims_of({{"iss", R"("https://as.example/realms/r")"}})), kNow);
  EXPECT_EQ(who.error().reason, AuthFailureReason::kUnknownSigningKey);
  EXPECT_EQ(who.error().issuer, "https://as.example/realms/r");
  auto table = std::make_shared<IssuerTable>(*table_);
  table->issuers[0].keys = nullptr;
  table_ = table;
  EXPECT_EQ(ask(token()), "issuer_unavailable");
}

TEST_F(AccessToken, RolesAreTheRealmsAndThoseOfOurOwnNames) {
  rules_.audiences = {"https://mcp.example/mcp", "mcp-gateway-client"};
  use_keys({&key_});
  const Principal who =
      principal({{"resource_access", R"({"mcp-gateway-client":{"roles":["mcp-dba","mcp-viewer"]},)"
                                     R"("another-client":{"roles":["mcp-admin"]}})"}});
  EXPECT_EQ(who.roles, (std::vector<std::string>{"mcp-viewer", "offline_access", "mcp-dba"}));
}

TEST_F(AccessToken, TheRolesClaimMayBeElsewhere) {
  rules_.roles_claim = "https://example.com/roles";
  use_keys({&key_});
  EXPECT_EQ(principal({{"https://example.com/roles", R"(["a",1,"b"])"}}).roles,
            (std::vector<std::string>{"a", "b"}));
  rules_.roles_claim = "a.b.c";
  use_keys({&key_});
  EXPECT_EQ(principal({{"a", R"({"b":{"c":["deep"]}})"}}).roles, std::vector<std::string>{"deep"});
  EXPECT_TRUE(principal({{"a", R"({"b":["c"]})"}}).roles.empty());
}

// The name is for people: it is not the identity, and must not break a line of the log.
TEST_F(AccessToken, WithoutAReadableNameTheUserIsTheSubject) {
  for (const char* name : {"", R"("")", "7", R"("a\nb")"}) {
    EXPECT_EQ(principal({{"preferred_username", name}}).user, "f81d4fae") << name;
  }
  EXPECT_EQ(principal({{"preferred_username", '"' + std::string(257, 'a') + '"'}}).user,
            "f81d4fae");
}

TEST_F(AccessToken, AClientWithoutASubjectIsThatClient) {
  EXPECT_EQ(principal({{"sub", ""}, {"azp", R"("robot")"}}).subject, "client:robot");
  EXPECT_EQ(principal({{"sub", ""}, {"client_id", R"("bot")"}}).subject, "client:bot");
  for (const char* sub : {R"("")", "7", R"("a\u0000b")"}) {
    EXPECT_EQ(ask(token({{"sub", sub}, {"azp", R"("robot")"}})), "missing_claim") << sub;
  }
  EXPECT_EQ(ask(token({{"sub", ""}})), "missing_claim");
}

TEST_F(AccessToken, ScopesThatAreNeededMustAllBeThere) {
  rules_.scopes = {"mcp:tools", "mcp:more"};
  use_keys({&key_});
  EXPECT_EQ(ask(token({{"scope", R"("openid mcp:tools mcp:more")"}})), "ok");
  EXPECT_EQ(ask(token({{"scp", R"(["mcp:more","mcp:tools"])"}})), "ok");
  for (const char* scope : {"", R"("mcp:tools")", R"("mcp:tools mcp:mor")", "7"}) {
    const auto who = verifier_.verify(table_, token({{"scope", scope}}), kNow);
    ASSERT_FALSE(who) << scope;
    EXPECT_EQ(who.error().reason, AuthFailureReason::kMissingScope);
    EXPECT_EQ(who.error().scopes, rules_.scopes);
    EXPECT_EQ(who.error().principal->user, "alice");
  }
}

TEST_F(AccessToken, IsRememberedUntilTheKeysChange) {
  const std::string text = token();
  EXPECT_EQ(ask(text), "ok");
  EXPECT_EQ(verifier_.remembered(), 1U);
  const auto first = verifier_.verify(table_, text, kNow);
  EXPECT_EQ(*first, *verifier_.verify(table_, text, kNow)) << "the very same principal";
  EXPECT_EQ(ask("e30.e30.e30"), "algorithm");
  EXPECT_EQ(verifier_.remembered(), 1U) << "only what is good";
  const TestKey next("key-2", JwsAlgorithm::kEs256);
  use_keys({&next});
  EXPECT_EQ(ask(text), "unknown_signing_key") << "its key was withdrawn";
}

/// Tokens that are bound to a client's key (RFC 9449).
class BoundToken : public AccessToken {
 protected:
  [[nodiscard]] std::string bound(std::map<std::string, std::string> other = {}) const {
    other.insert({"cnf", R"({"jkt":")" + client_.thumbprint() + R"("})"});
    return token(other);
  }
  /// Another proof each time, but for what is given.
  [[nodiscard]] std::string proof(std::string_view text,
                                  const std::map<std::string, std::string>& other = {}) {
    std::map<std::string, std::string> claims{{"jti", '"' + std::to_string(++proofs_) + '"'},
                                              {"htm", R"("POST")"},
                                              {"htu", R"("https://mcp.example/mcp")"},
                                              {"iat", "1800000000"},
                                              {"ath", '"' + base64url_encode(sha256(text)) + '"'}};
    for (const auto& [name, json] : other) {
      claims[name] = json;
    }
    return client_.proof(claims_of(claims));
  }
  std::expected<std::shared_ptr<const Principal>, AuthFailure> send(
      std::string_view text, std::string_view proof, WallTime now = kNow,
      Possession::Stage stage = Possession::Stage::kWhole) {
    const std::vector<http::Header> headers{{"DPoP", proof}};
    const Possession possession{.stage = stage,
                                .method = "POST",
                                .url_base = "https://mcp.example/",
                                .url_rest = "mcp",
                                .headers = headers,
                                .seen = &seen_};
    return verifier_.verify(table_, text, now, &possession);
  }
  std::string ask_with(std::string_view text, std::string_view proof, WallTime now = kNow,
                       Possession::Stage stage = Possession::Stage::kWhole) {
    const auto who = send(text, proof, now, stage);
    return who ? "ok" : std::string(to_string(who.error().reason));
  }
  void limit(SeenProofs::Limits limits) {
    auto table = std::make_shared<IssuerTable>(*table_);
    table->proofs = limits;
    table_ = table;
  }

  TestKey client_{"client", JwsAlgorithm::kEs256};
  SeenProofs seen_;
  int proofs_ = 0;
};

TEST_F(BoundToken, WorksWithAProofOfEachRequest) {
  const std::string text = bound();
  const std::string first = proof(text);
  const auto who = send(text, first);
  ASSERT_TRUE(who);
  EXPECT_EQ((*who)->user, "alice");
  EXPECT_EQ(verifier_.remembered(), 1U);
  EXPECT_EQ(ask_with(text, first), "replayed_proof");
  EXPECT_EQ(ask_with(text, proof(text)), "ok");
  EXPECT_EQ(ask_with(text, proof(text, {{"ath", R"("x")"}})), "bad_proof")
      << "though the token is remembered";
  EXPECT_EQ(ask_with(text, ""), "bad_proof");
  EXPECT_EQ(ask_with(text, proof(text), kNow + 299s), "ok");
  EXPECT_EQ(ask_with(text, proof(text), kNow + 301s), "bad_proof");
  EXPECT_EQ(ask_with(bound({{"exp", "1799999000"}}), proof(text)), "expired");
}

// RFC 9449, 7.2: what is bound to a key must not be taken from whoever merely has it.
TEST_F(BoundToken, IsNoBearerToken) {
  const std::string text = bound();
  EXPECT_EQ(ask(text), "bound_to_a_key");
  EXPECT_EQ(ask_with(text, proof(text)), "ok");
  EXPECT_EQ(ask(text), "bound_to_a_key") << "though it is remembered";
  EXPECT_EQ(ask_with(token(), proof(token())), "not_bound") << "nor the other way round";
}

TEST_F(BoundToken, IsForItsKeyAlone) {
  const std::string text = bound();
  client_ = TestKey("thief", JwsAlgorithm::kEs256);
  const auto who = send(text, proof(text));
  EXPECT_EQ(who.error().reason, AuthFailureReason::kOtherKey);
  EXPECT_EQ(who.error().detail, "");
}

TEST_F(BoundToken, TellsWhatIsWrongWithTheProof) {
  const std::string text = bound();
  const auto who = send(text, proof(text, {{"htm", R"("GET")"}}));
  EXPECT_EQ(who.error().reason, AuthFailureReason::kBadProof);
  EXPECT_EQ(who.error().detail, "htm is not the method of the request");
}

TEST_F(BoundToken, InAWayThatIsNotUnderstoodIsNothing) {
  const std::string thumbprint = client_.thumbprint();
  for (const std::string& cnf :
       {std::string("{}"), std::string("null"), std::string(R"("x")"), std::string("[]"),
        std::string(R"({"jkt":""})"), std::string(R"({"jkt":"x"})"), std::string(R"({"jkt":7})"),
        std::string(R"({"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})"),
        R"({"jkt":")" + thumbprint + R"(","x5t#S256":"x"})",
        R"({"jkt":")" + thumbprint + R"(","jwk":{}})",
        R"({"kid":"x","jkt":")" + thumbprint + R"("})", R"({"jkt":")" + thumbprint + R"(x"})",
        R"({"jkt":")" + thumbprint + R"(="})"}) {
    const std::string text = token({{"cnf", cnf}});
    EXPECT_EQ(ask(text), "bound_to_a_key") << cnf;
    EXPECT_EQ(ask_with(text, proof(text)), "bound_to_a_key") << cnf;
  }
}

TEST_F(BoundToken, MayHaveWhatKeycloakGivesIt) {
  const std::string text =
      bound({{"typ", R"("DPoP")"},
             {"cnf", R"({"jkt":")" + client_.thumbprint() + R"(","kc-jkt-type":"DPoP"})"}});
  EXPECT_EQ(ask_with(text, proof(text)), "ok");
  EXPECT_EQ(ask(text), "bound_to_a_key");
  EXPECT_EQ(ask(token({{"typ", R"("DPoP")"}})), "wrong_type");
  EXPECT_EQ(ask_with(bound({{"typ", R"("ID")"}}), ""), "wrong_type");
}

TEST_F(BoundToken, IsAskedForWhereItsIssuerMustBindThem) {
  rules_.dpop_required = true;
  use_keys({&key_});
  const std::string bearer = token();
  EXPECT_EQ(ask(bearer), "not_bound");
  EXPECT_EQ(ask(bearer), "not_bound") << "though it is remembered";
  EXPECT_EQ(ask_with(token(), proof(token())), "not_bound");
  EXPECT_EQ(ask_with(bound(), proof(bound())), "bad_proof") << "of another token";
  const std::string text = bound();
  EXPECT_EQ(ask_with(text, proof(text)), "ok");
}

// The head is looked at before the body is read; a stream lives longer than a proof.
TEST_F(BoundToken, UsesItsProofWhenTheRequestIsWhole) {
  const std::string text = bound();
  const std::string once = proof(text);
  EXPECT_EQ(ask_with(text, once, kNow, Possession::Stage::kHead), "ok");
  EXPECT_EQ(ask_with(text, once, kNow, Possession::Stage::kHead), "ok");
  EXPECT_EQ(ask_with(text, once), "ok");
  EXPECT_EQ(ask_with(text, once, kNow, Possession::Stage::kHead), "replayed_proof");
  EXPECT_EQ(ask_with(text, once, kNow + 329s, Possession::Stage::kLater), "ok");
  EXPECT_EQ(ask_with(text, once, kNow + 330s, Possession::Stage::kLater), "expired");
  EXPECT_EQ(ask_with(token(), once, kNow, Possession::Stage::kLater), "not_bound");
}

TEST_F(BoundToken, WithoutItsProofNothingIsSaidOfItsScopes) {
  rules_.scopes = {"mcp:tools"};
  use_keys({&key_});
  const std::string text = bound();
  EXPECT_EQ(ask(text), "bound_to_a_key");
  EXPECT_EQ(ask_with(text, ""), "bad_proof");
  const auto who = send(text, proof(text));
  EXPECT_EQ(who.error().reason, AuthFailureReason::kMissingScope);
  EXPECT_EQ(who.error().principal->user, "alice");
}

TEST_F(BoundToken, WithoutRoomForItsProofIsRefused) {
  limit({.window = 300s, .all_max = 3, .per_principal_max = 2});
  const std::string text = bound();
  EXPECT_EQ(ask_with(text, proof(text)), "ok");
  EXPECT_EQ(ask_with(text, proof(text)), "ok");
  const auto who = send(text, proof(text));
  EXPECT_EQ(who.error().reason, AuthFailureReason::kTooManyProofs);
  EXPECT_EQ(who.error().principal->user, "alice");
  const std::string other = bound({{"sub", R"("other")"}});
  EXPECT_EQ(ask_with(other, proof(other)), "ok");
  EXPECT_EQ(ask_with(other, proof(other)), "proofs_full");
  const std::string later = bound({{"exp", "1800000900"}});
  EXPECT_EQ(ask_with(later, proof(later, {{"iat", "1800000301"}}), kNow + 301s), "ok");
}

TEST_F(BoundToken, WithAProofFromBeforeWhatWasForgottenIsRefused) {
  const std::string text = bound({{"exp", "1800000900"}});
  const std::string once = proof(text);
  EXPECT_EQ(ask_with(text, once), "ok");
  EXPECT_EQ(ask_with(text, proof(text, {{"iat", "1800000400"}}), kNow + 400s), "ok");
  const auto who = send(text, once);
  EXPECT_EQ(who.error().reason, AuthFailureReason::kBadProof) << "the clock was put back";
  EXPECT_EQ(who.error().detail, "iat is too long ago");
}

class AskedAbout : public BoundToken {
 protected:
  AskedAbout() {
    auto table = std::make_shared<IssuerTable>(*table_);
    table->issuers.front().introspection =
        std::make_shared<const IntrospectionEndpoint>(IntrospectionEndpoint{
            .url = "https://as.example/introspect", .client = {}, .tls = nullptr});
    table_ = table;
  }
  void learn(std::string_view text, const std::string& answer, WallTime now = kNow) {
    verifier_.learn(table_, table_->issuers.front(), text, answer, now);
  }
};

TEST_F(AskedAbout, ATokenIsGoodAsLongAsItsIssuerHasJustSaidSo) {
  const std::string text = token();
  EXPECT_EQ(ask(text), "not_asked");
  EXPECT_EQ(ask(token({{"aud", R"("account")"}})), "wrong_audience") << "nobody needs to be asked";
  learn(text, R"({"active":true})");
  EXPECT_EQ(ask(text), "ok");
  EXPECT_EQ(ask(text, kNow + 9s), "ok");
  EXPECT_EQ(ask(text, kNow + 10s), "not_asked");
  EXPECT_EQ(ask(text, kNow - 1s), "not_asked") << "the clock was put back";
  learn(text, R"({"active":false})", kNow + 10s);
  EXPECT_EQ(ask(text, kNow + 11s), "inactive");
  EXPECT_EQ(ask(token({{"sub", R"("other")"}})), "not_asked");
  learn(text, R"({"active":true})", kNow + 325s);
  EXPECT_EQ(ask(text, kNow + 331s), "expired") << "whatever its issuer says";
}

TEST_F(AskedAbout, AnIssuerMayBeAskedOnlyWhereThatIsNeeded) {
  auto table = std::make_shared<IssuerTable>(*table_);
  auto endpoint = std::make_shared<IntrospectionEndpoint>(*table->issuers.front().introspection);
  endpoint->always = false;
  table->issuers.front().introspection = endpoint;
  table_ = table;
  const std::string text = token();
  const auto judged = [&](std::string_view issuer, WallTime now = kNow) {
    const auto failure = verifier_.judge_by_issuer(table_, issuer, text, now);
    return failure ? std::string(to_string(failure->reason)) : "ok";
  };
  EXPECT_EQ(ask(text), "ok") << "elsewhere";
  EXPECT_EQ(judged(rules_.issuer), "not_asked");
  learn(text, R"({"active":true})");
  EXPECT_EQ(judged(rules_.issuer), "ok");
  EXPECT_EQ(judged(rules_.issuer, kNow + 10s), "not_asked");
  learn(text, R"({"active":false})", kNow + 10s);
  EXPECT_EQ(judged(rules_.issuer, kNow + 11s), "inactive");
  EXPECT_EQ(ask(text, kNow + 11s), "ok") << "elsewhere it is good to its end";
  learn(text, R"({"active":true,"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})",
        kNow + 20s);
  EXPECT_EQ(judged(rules_.issuer, kNow + 21s), "bound_to_a_key");
  EXPECT_EQ(judged("https://as.example/realms/other"), "issuer_unavailable");
  EXPECT_EQ(ask("opaque"), "not_asked") << "only its issuer knows what it means";
}

TEST_F(AskedAbout, AnIssuerThatDoesNotAnswerIsAskedAgainSoon) {
  const std::string text = token();
  verifier_.learn(table_, table_->issuers.front(), text, fail(ErrorCode::kUnavailable, "gone"),
                  kNow);
  EXPECT_EQ(ask(text), "issuer_unavailable");
  EXPECT_EQ(ask(text, kNow + 1s), "not_asked");
}

TEST_F(AskedAbout, AnOpaqueTokenIsWhatItsIssuerSays) {
  const std::string claims =
      R"("sub":"7","aud":"https://mcp.example/","exp":1800000300,"preferred_username":"olga",)"
      R"("realm_access":{"roles":["mcp-viewer"]})";
  EXPECT_EQ(ask("opaque"), "not_asked");
  learn("opaque", R"({"active":true,)" + claims + "}");
  const auto who = verifier_.verify(table_, "opaque", kNow);
  ASSERT_TRUE(who);
  EXPECT_EQ((*who)->user, "olga");
  EXPECT_EQ((*who)->issuer, "https://as.example/realms/r");
  EXPECT_EQ((*who)->roles, std::vector<std::string>{"mcp-viewer"});
  const std::pair<std::string, std::string> bad[] = {
      {R"({"active":true,"iss":"https://other",)" + claims + "}", "unknown_issuer"},
      {R"({"active":true,"cnf":{},)" + claims + "}", "bound_to_a_key"},
      {R"({"active":true,"sub":"7","exp":1800000300})", "wrong_audience"},
      {R"({"active":true,"sub":"7","aud":"https://mcp.example/"})", "missing_claim"},
      {R"({"active":true,"sub":"7","aud":"https://mcp.example/","exp":1799999000})", "expired"}};
  for (const auto& [answer, why] : bad) {
    learn("opaque", answer);
    EXPECT_EQ(ask("opaque"), why) << answer;
  }
}

// RFC 9449, 6.2.
TEST_F(AskedAbout, AnOpaqueTokenIsBoundAsItsIssuerSays) {
  learn("opaque", R"({"active":true,"sub":"7","aud":"https://mcp.example/","exp":1800000300,)"
                  R"("cnf":{"jkt":")" +
                      client_.thumbprint() + R"("}})");
  EXPECT_EQ(ask("opaque"), "bound_to_a_key");
  const std::string once = proof("opaque");
  EXPECT_EQ(ask_with("opaque", once), "ok");
  EXPECT_EQ(ask_with("opaque", once), "replayed_proof");
  learn("opaque", R"({"active":true,"sub":"7","aud":"https://mcp.example/","exp":1800000300})");
  EXPECT_EQ(ask_with("opaque", proof("opaque")), "not_bound");
}

TEST_F(AskedAbout, ATokenAndItsIssuerMustAgreeOnItsKey) {
  const std::string cnf = R"({"jkt":")" + client_.thumbprint() + R"("})";
  const std::string text = bound();
  EXPECT_EQ(ask_with(text, ""), "not_asked") << "nothing is said before";
  learn(text, R"({"active":true})");
  EXPECT_EQ(ask_with(text, proof(text)), "ok");
  learn(text, R"({"active":true,"cnf":)" + cnf + "}");
  EXPECT_EQ(ask_with(text, proof(text)), "ok");
  learn(text, R"({"active":true,"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})");
  EXPECT_EQ(ask_with(text, proof(text)), "bound_to_a_key");
  learn(text, R"({"active":true,"cnf":{}})");
  EXPECT_EQ(ask_with(text, proof(text)), "bound_to_a_key");
  const std::string bearer = token();
  learn(bearer, R"({"active":true,"cnf":)" + cnf + "}");
  EXPECT_EQ(ask(bearer), "bound_to_a_key");
}

TEST(TokenMap, ForgetsWhatWasNotSeenForLongest) {
  TokenMap<int> map(4);
  const auto digest = [](std::uint8_t n) { return Sha256Digest{n}; };
  for (std::uint8_t n = 0; n < 100; ++n) {
    map.insert(digest(n), n);
    EXPECT_NE(map.find(digest(0)), nullptr) << "it is used all the time";
    EXPECT_LE(map.size(), 4U);
  }
  EXPECT_EQ(map.find(digest(50)), nullptr);
  TokenMap<int> none(0);
  none.insert(digest(1), 1);
  EXPECT_EQ(none.size(), 0U);
}

/// Two bad tokens of each peer are verified in a second.
class BadAccessTokens : public AccessToken {
 protected:
  BadAccessTokens() : limited_(10, nullptr, &bad_) {
    auto table = std::make_shared<IssuerTable>(*table_);
    table->bad_tokens = {.per_peer = 2, .peers_max = 8};
    table_ = table;
  }
  /// `ok`, or why it was refused.
  std::string ask_from(std::optional<std::string_view> peer, std::string_view text,
                       WallTime now = kNow) {
    const auto who = limited_.verify(table_, text, now, nullptr, peer);
    return who ? "ok" : std::string(to_string(who.error().reason));
  }
  /// One that differs from all others, signed by nobody.
  std::string forged() {
    std::string text = token({{"jti", std::to_string(++count_)}});
    const std::size_t at = text.rfind('.') + 1;
    text[at] = text[at] == 'x' ? 'y' : 'x';
    return text;
  }

  static constexpr std::string_view kPeer = "192.0.2.1";
  BadTokens bad_;
  AccessTokenVerifier limited_;
  int count_ = 0;
};

TEST_F(BadAccessTokens, AreVerifiedUpToTheLimitOfTheirPeer) {
  EXPECT_EQ(ask_from(kPeer, forged()), "bad_signature");
  EXPECT_EQ(ask_from(kPeer, forged()), "bad_signature");
  EXPECT_EQ(ask_from(kPeer, forged()), "too_many_bad_tokens");
  EXPECT_EQ(ask_from(kPeer, token()), "too_many_bad_tokens") << "it is not looked at";
  EXPECT_EQ(ask_from("192.0.2.2", token({{"jti", "7"}})), "ok");
  EXPECT_EQ(ask_from(kPeer, forged(), kNow + 1s), "bad_signature");
  EXPECT_EQ(ask_from(kPeer, token({{"jti", "8"}}), kNow + 1s), "ok");
  EXPECT_EQ(bad_.found(), 3U);
}

TEST_F(BadAccessTokens, DoNotConcernATokenThatIsKnown) {
  const std::string known = token();
  EXPECT_EQ(ask_from(kPeer, known), "ok");
  for (int i = 0; i < 5; ++i) {
    (void)ask_from(kPeer, forged());
  }
  EXPECT_EQ(ask_from(kPeer, forged()), "too_many_bad_tokens");
  EXPECT_EQ(ask_from(kPeer, known), "ok");
}

// Who is looked at again, as the owner of an open stream is, was let in before.
TEST_F(BadAccessTokens, DoNotConcernWhoWasLetInBefore) {
  for (int i = 0; i < 5; ++i) {
    (void)ask_from(kPeer, forged());
  }
  EXPECT_EQ(ask_from(std::nullopt, token()), "ok");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask_from(std::nullopt, forged()), "bad_signature");
  }
}

TEST_F(BadAccessTokens, AreOnesThatSomebodyHasSignedToo) {
  EXPECT_EQ(ask_from(kPeer, token({{"aud", R"("account")"}})), "wrong_audience");
  EXPECT_EQ(ask_from(kPeer, token({{"exp", "1700000000"}})), "expired");
  EXPECT_EQ(ask_from(kPeer, token()), "too_many_bad_tokens");
}

// No signature is looked at: they cost next to nothing, and may be good when the keys are read.
TEST_F(BadAccessTokens, AreNotThoseThatAreBadAtAGlance) {
  const TestKey unknown("key-2", JwsAlgorithm::kEs256);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask_from(kPeer, "opaque"), "malformed");
    EXPECT_EQ(
        ask_from(kPeer, unknown.token(claims_of({{"iss", R"("https://as.example/realms/r")"}}))),
        "unknown_signing_key");
  }
  EXPECT_EQ(bad_.found(), 0U);
  EXPECT_EQ(ask_from(kPeer, token()), "ok");
}

TEST_F(BadAccessTokens, AreRememberedAndCountOnce) {
  const std::string same = forged();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask_from(kPeer, same), "bad_signature");
  }
  EXPECT_EQ(bad_.found(), 1U);
  EXPECT_EQ(ask_from(kPeer, forged()), "bad_signature");
  EXPECT_EQ(ask_from(kPeer, same), "bad_signature") << "where there is no room either";
  // The next keys may be those that signed it.
  use_keys({&key_});
  EXPECT_EQ(ask_from("192.0.2.2", same), "bad_signature");
  EXPECT_EQ(bad_.found(), 3U);
}

TEST_F(BadAccessTokens, MayBecomeGoodWithTime) {
  const std::string early = token({{"nbf", "1800000060"}, {"jti", "1"}});
  EXPECT_EQ(ask_from(kPeer, early), "not_yet_valid");
  EXPECT_EQ(ask_from(kPeer, early, kNow + 60s), "ok");
  const std::string late = token({{"exp", "1799999900"}, {"jti", "2"}});
  EXPECT_EQ(ask_from(kPeer, late), "expired");
  EXPECT_EQ(ask_from(kPeer, late, kNow - 120s), "ok") << "the clock was put back";
}

}  // namespace
}  // namespace mcpgate::auth
