#include "auth/jwk.h"

#include "auth/token_testing.h"

namespace mcpgate::auth {
namespace {

constexpr std::string_view kMessage = "what was signed";

std::vector<std::uint8_t> signature_of(const TestKey& key, std::string_view message = kMessage) {
  return *base64url_decode(key.sign(message));
}

/// Why a JWK cannot be used; `ok` where it can.
std::string why_unusable(const std::string& jwk) {
  const auto set = JwkSet::parse(R"({"keys":[)" + jwk + "]}");
  if (!set) {
    return "no set: " + set.error().message;
  }
  return set->unusable().empty() ? "ok" : set->unusable().front();
}

TEST(JwkSet, EachKindOfKeyVerifiesItsOwnSignature) {
  for (const auto algorithm :
       {JwsAlgorithm::kRs256, JwsAlgorithm::kPs256, JwsAlgorithm::kEs256, JwsAlgorithm::kEdDsa}) {
    const TestKey key("k", algorithm);
    const auto set = JwkSet::parse(jwks_of({&key}));
    ASSERT_TRUE(set);
    const VerificationKey* found = set->find("k", algorithm);
    ASSERT_NE(found, nullptr) << key.algorithm_name();
    EXPECT_TRUE(found->verify(algorithm, kMessage, signature_of(key))) << key.algorithm_name();
    EXPECT_FALSE(found->verify(algorithm, "something else", signature_of(key)));
    EXPECT_FALSE(found->verify(algorithm, kMessage, {}));
    auto changed = signature_of(key);
    for (std::size_t i = 0; i < changed.size(); ++i) {
      changed[i] ^= 1U;
      EXPECT_FALSE(found->verify(algorithm, kMessage, changed)) << key.algorithm_name() << " " << i;
      changed[i] ^= 1U;
    }
    EXPECT_FALSE(found->verify(algorithm, kMessage, signature_of(TestKey("k", algorithm))));
  }
}

// A token says how it is signed; what a key is for is not the token's to say.
TEST(JwkSet, TheTypeOfTheKeyDecidesWhatItVerifies) {
  const TestKey ec("ec", JwsAlgorithm::kEs256);
  const TestKey rsa("rsa", JwsAlgorithm::kRs256);
  const auto set = JwkSet::parse(jwks_of({&ec, &rsa}));
  EXPECT_EQ(set->find("ec", JwsAlgorithm::kRs256), nullptr);
  EXPECT_EQ(set->find("ec", JwsAlgorithm::kEdDsa), nullptr);
  EXPECT_EQ(set->find("rsa", JwsAlgorithm::kEs256), nullptr);
  EXPECT_NE(set->find("rsa", JwsAlgorithm::kPs256), nullptr);
  EXPECT_FALSE(set->find("rsa", JwsAlgorithm::kPs256)
                   ->verify(JwsAlgorithm::kPs256, kMessage, signature_of(rsa)))
      << "a signature in the other padding";
  EXPECT_FALSE(set->find("rsa", JwsAlgorithm::kRs256)
                   ->verify(JwsAlgorithm::kEs256, kMessage, signature_of(ec)));
}

TEST(JwkSet, AnIdIsNeededWhereSeveralKeysFit) {
  const TestKey one("one", JwsAlgorithm::kEs256);
  const TestKey two("two", JwsAlgorithm::kEs256);
  const TestKey rsa("rsa", JwsAlgorithm::kRs256);
  const auto set = JwkSet::parse(jwks_of({&one, &two, &rsa}));
  EXPECT_EQ(set->find("two", JwsAlgorithm::kEs256)->id(), "two");
  EXPECT_EQ(set->find("three", JwsAlgorithm::kEs256), nullptr);
  EXPECT_EQ(set->find(std::nullopt, JwsAlgorithm::kEs256), nullptr);
  EXPECT_EQ(set->find(std::nullopt, JwsAlgorithm::kRs256)->id(), "rsa");
}

TEST(JwkSet, KeysForOtherUsesAreLeftOut) {
  const TestKey rsa("rsa", JwsAlgorithm::kRs256);
  EXPECT_EQ(why_unusable(rsa.jwk(R"(,"use":"sig","alg":"RS256","key_ops":["verify"])")), "ok");
  EXPECT_TRUE(why_unusable(rsa.jwk(R"(,"use":"enc")")).contains("not for signatures"));
  EXPECT_TRUE(why_unusable(rsa.jwk(R"(,"key_ops":["encrypt"])")).contains("not for signatures"));
  EXPECT_TRUE(why_unusable(rsa.jwk(R"(,"alg":"RSA-OAEP")")).contains("another algorithm"));
  EXPECT_TRUE(why_unusable(rsa.jwk(R"(,"alg":"RS512")")).contains("another algorithm"));
  EXPECT_TRUE(why_unusable(rsa.jwk(R"(,"alg":"HS256")")).contains("another algorithm"));
  for (const char* member : {"d", "p", "q", "dp", "dq", "qi", "oth"}) {
    EXPECT_TRUE(
        why_unusable(rsa.jwk(R"(,")" + std::string(member) + R"(":"AQAB")")).contains("private"));
  }
  EXPECT_TRUE(why_unusable(R"({"kty":"oct","k":"c2VjcmV0","alg":"HS256"})").contains("type"));
  const TestKey only("k", JwsAlgorithm::kRs256);
  const auto set = JwkSet::parse(R"({"keys":[)" + only.jwk(R"(,"alg":"PS256")") + "]}");
  EXPECT_EQ(set->find("k", JwsAlgorithm::kRs256), nullptr);
  EXPECT_NE(set->find("k", JwsAlgorithm::kPs256), nullptr);
}

TEST(JwkThumbprint, IsOfTheMembersThatAKeyNeeds) {
  json::Parser parser(std::size_t{64} << 10);
  const auto thumbprint = [&parser](std::string_view jwk) {
    return jwk_thumbprint(*json::as_object(*parser.parse(jwk)));
  };
  // RFC 7638, 3.1.
  const std::string rsa =
      R"("n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE)"
      R"(CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY3)"
      R"(68QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lF)"
      R"(d2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB")";
  EXPECT_EQ(thumbprint(R"({"kid":"2011-04-29","alg":"RS256","kty":"RSA",)" + rsa + "}"),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  // RFC 9449, 6.1.
  const std::string ec = R"("kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",)"
                         R"("y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256")";
  EXPECT_EQ(thumbprint("{" + ec + "}"), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
  EXPECT_EQ(thumbprint(R"({"e":"AQAB","n":"x","use":"sig",)" + ec + "}"),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
      << "whatever else it has";
  // RFC 8037, A.3.
  EXPECT_EQ(thumbprint(R"({"kty":"OKP","crv":"Ed25519",)"
                       R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(JwkSet, WeakAndBrokenKeysAreLeftOut) {
  EXPECT_TRUE(why_unusable(TestKey("k", JwsAlgorithm::kRs256, 1024).jwk()).contains("1024 bits"));
  EXPECT_TRUE(why_unusable(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})").contains("bits"));
  EXPECT_TRUE(why_unusable(R"({"kty":"RSA","e":"AQAB"})").contains("needs n and e"));
  std::string rsa = TestKey("k", JwsAlgorithm::kRs256).jwk();
  rsa.replace(rsa.find("AQAB"), 4, "Aw");
  EXPECT_TRUE(why_unusable(rsa).contains("exponent"));
  const std::string zeros(43, 'A');
  EXPECT_TRUE(
      why_unusable(R"({"kty":"EC","crv":"P-256","x":")" + zeros + R"(","y":")" + zeros + R"("})")
          .contains("no point"));
  EXPECT_TRUE(why_unusable(R"({"kty":"EC","crv":"P-384","x":"AA","y":"AA"})").contains("curve"));
  EXPECT_TRUE(why_unusable(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})").contains("32 bytes"));
  EXPECT_TRUE(why_unusable(R"({"kty":"OKP","crv":"X25519","x":"AA"})").contains("curve"));
  EXPECT_TRUE(why_unusable(R"({"kty":"OKP","crv":"Ed25519","x":"AA"})").contains("32 bytes"));
  EXPECT_TRUE(why_unusable(R"({"kid":")" + std::string(257, 'k') + R"("})").contains("kid"));
}

TEST(JwkSet, WhatIsNoSetIsRefused) {
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})",
                           R"({"keys":[],"keys":[]})", R"({"keys":[{"kid":"a","kid":"b"}]})"}) {
    EXPECT_FALSE(JwkSet::parse(text)) << text;
  }
  std::string many = R"({"keys":[{})";
  for (std::size_t i = 0; i < kJwksKeysMax; ++i) {
    many += ",{}";
  }
  EXPECT_EQ(JwkSet::parse(many + "]}").error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(JwkSet::parse(std::string(kJwksBytesMax + 1, ' ')).error().code,
            ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace mcpgate::auth
