// Logout tokens as a hostile sender writes them. Each refusal stands beside a token that differs in
// nothing else and is taken.

#include "auth/logout_token.h"

#include "auth/issued_token.h"
#include "auth/token_testing.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};
constexpr const char* kIssuer = "https://as.example/realms/r";

class LogoutToken : public ::testing::Test {
 protected:
  LogoutToken() : key_("key-1", JwsAlgorithm::kEs256) {
    table_.issuers.push_back(
        {.rules = {.issuer = kIssuer,
                   .audiences = {"https://mcp.example/mcp"},
                   .logout_clients = {"mcp-gateway-client", "mcp-cli"}},
         .keys = std::make_shared<const JwkSet>(*JwkSet::parse(jwks_of({&key_})))});
  }

  using Claims = std::map<std::string, std::string>;
  /// Claims that are all as they should be, but for those that are given; an empty one is left out.
  [[nodiscard]] static std::string claims(const Claims& other = {}) {
    Claims claims{{"iss", R"("https://as.example/realms/r")"},
                  {"sub", R"("f81d4fae")"},
                  {"sid", R"("session-1")"},
                  {"aud", R"("mcp-cli")"},
                  {"iat", "1800000000"},
                  {"exp", "1800000120"},
                  {"jti", R"("bWJq")"},
                  {"typ", R"("Logout")"},
                  {"events", R"({"http://schemas.openid.net/event/backchannel-logout":{}})"}};
    for (const auto& [name, json] : other) {
      claims[name] = json;
    }
    return claims_of(claims);
  }
  auto read(const std::string& text, WallTime now = kNow) {
    return verify_logout_token(parser_, table_, text, now);
  }
  /// `ok`, or why it was refused.
  std::string ask(const Claims& other, WallTime now = kNow) {
    const auto order = read(key_.token(claims(other)), now);
    return order ? "ok" : std::string(to_string(order.error().reason));
  }

  TestKey key_;
  IssuerTable table_;
  json::Parser parser_{kTokenPartBytesMax};
};

TEST_F(LogoutToken, EndsASessionElseAllOfASubject) {
  const auto session = read(key_.token(claims()));
  ASSERT_TRUE(session);
  EXPECT_EQ(session->logout, (Logout{session_digest(kIssuer, "session-1"), kNow}));
  EXPECT_EQ(session->issuer, kIssuer);
  EXPECT_EQ(session->subject, "f81d4fae");
  const auto no_subject = read(key_.token(claims({{"sub", ""}})));
  ASSERT_TRUE(no_subject);
  EXPECT_EQ(no_subject->logout.whose, session_digest(kIssuer, "session-1"));
  EXPECT_EQ(no_subject->subject, "");
  const auto subject = read(key_.token(claims({{"sid", ""}})));
  ASSERT_TRUE(subject);
  EXPECT_EQ(subject->logout.whose, subject_digest(kIssuer, "f81d4fae"));
}

TEST_F(LogoutToken, IsOfOneOfItsClients) {
  EXPECT_EQ(ask({{"aud", R"("mcp-cli")"}}), "ok");
  EXPECT_EQ(ask({{"aud", R"(["other","mcp-gateway-client"])"}}), "ok");
  EXPECT_EQ(ask({{"aud", R"("other")"}}), "wrong_audience");
  EXPECT_EQ(ask({{"aud", R"("https://mcp.example/mcp")"}}), "wrong_audience");
  EXPECT_EQ(ask({{"aud", ""}}), "wrong_audience");
  table_.issuers[0].rules.logout_clients.clear();
  EXPECT_EQ(ask({{"aud", R"("other")"}}), "ok") << "then any client's are taken";
}

TEST_F(LogoutToken, IsNothingElse) {
  EXPECT_EQ(ask({{"events", ""}}), "wrong_type");
  EXPECT_EQ(ask({{"events", R"(["http://schemas.openid.net/event/backchannel-logout"])"}}),
            "wrong_type");
  EXPECT_EQ(ask({{"events", R"({"http://schemas.openid.net/event/backchannel-logout":true})"}}),
            "wrong_type");
  EXPECT_EQ(ask({{"events", R"({"http://schemas.openid.net/event/other":{}})"}}), "wrong_type");
  EXPECT_EQ(ask({{"nonce", R"("n")"}}), "wrong_type");
}

TEST_F(LogoutToken, IsOfNow) {
  EXPECT_EQ(ask({}, kNow - 30s), "ok");
  EXPECT_EQ(ask({}, kNow - 31s), "not_yet_valid");
  EXPECT_EQ(ask({}, kNow + 149s), "ok");
  EXPECT_EQ(ask({}, kNow + 150s), "expired");
  EXPECT_EQ(ask({{"exp", ""}}, kNow + 149s), "ok");
  EXPECT_EQ(ask({{"exp", "1900000000"}}, kNow + 150s), "expired");
  EXPECT_EQ(ask({{"exp", "1800000010"}}, kNow + 40s), "expired");
  EXPECT_EQ(ask({{"exp", R"("soon")"}}), "missing_claim");
  EXPECT_EQ(ask({{"iat", ""}}), "missing_claim");
}

TEST_F(LogoutToken, SaysWhose) {
  EXPECT_EQ(ask({{"sub", ""}, {"sid", ""}}), "missing_claim");
  EXPECT_EQ(ask({{"sid", "7"}}), "missing_claim");
  EXPECT_EQ(ask({{"sid", R"("")"}}), "missing_claim");
  EXPECT_EQ(ask({{"sub", '"' + std::string(257, 'x') + '"'}}), "missing_claim");
  EXPECT_EQ(ask({{"jti", ""}}), "missing_claim");
}

TEST_F(LogoutToken, IsSignedByItsIssuer) {
  EXPECT_EQ(ask({{"iss", R"("https://other")"}}), "unknown_issuer");
  const TestKey other("key-1", JwsAlgorithm::kEs256);
  const auto forged = read(other.token(claims()));
  ASSERT_FALSE(forged);
  EXPECT_EQ(to_string(forged.error().reason), "bad_signature");
  const TestKey unknown("key-2", JwsAlgorithm::kEs256);
  const auto rotated = read(unknown.token(claims()));
  ASSERT_FALSE(rotated);
  EXPECT_EQ(rotated.error().issuer, kIssuer) << "whose keys are worth another look";
  for (const char* text : {"", "a.b", "a.b.c", "a.b.c.d"}) {
    const auto none = read(text);
    ASSERT_FALSE(none) << text;
    EXPECT_EQ(to_string(none.error().reason), "malformed") << text;
  }
  EXPECT_FALSE(read(std::string(table_.token_bytes_max + 1, 'a')));
}

}  // namespace
}  // namespace mcpgate::auth
