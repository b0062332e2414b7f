// Proofs as a hostile client sends them. Each refusal stands beside a proof that differs in nothing
// else and holds.

#include "auth/dpop_proof.h"

#include "auth/token_testing.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};
constexpr std::string_view kToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

class DpopProofTest : public ::testing::Test {
 protected:
  using Claims = std::map<std::string, std::string>;

  static std::string claims(const Claims& other = {}) {
    Claims all{{"jti", R"("e1j3V_bKic8-LAEB")"},
               {"htm", R"("POST")"},
               {"htu", R"("https://mcp.example/mcp")"},
               {"iat", "1800000000"},
               {"ath", R"("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")"}};
    for (const auto& [name, json] : other) {
      all[name] = json;
    }
    return claims_of(all);
  }
  std::expected<DpopProof, DpopProblem> check(const std::vector<std::string>& proofs) {
    std::vector<http::Header> headers{{"Accept", "*/*"}};
    for (const std::string& proof : proofs) {
      headers.push_back({"DPoP", proof});
    }
    possession_.headers = headers;
    return check_dpop_proof(parser_, possession_,
                            {.token = sha256(kToken),
                             .thumbprint = thumbprint_,
                             .now = kNow,
                             .window = 300s,
                             .bytes_max = 8192});
  }
  /// `ok`, or what is wrong.
  std::string ask(const std::string& proof) {
    const auto held = check({proof});
    return held ? "ok" : held.error().is_other_key ? "another key" : held.error().what;
  }
  std::string ask_with(const Claims& other) { return ask(key_.proof(claims(other))); }
  std::string ask_header(const std::string& members) { return ask(key_.proof(claims(), members)); }

  TestKey key_{"k", JwsAlgorithm::kEs256};
  std::string thumbprint_ = key_.thumbprint();
  Possession possession_{.stage = Possession::Stage::kWhole,
                         .method = "POST",
                         .url_base = "https://mcp.example/",
                         .url_rest = "mcp",
                         .body = R"({"hello": "world"})"};
  json::Parser parser_{std::size_t{64} << 10};
};

TEST_F(DpopProofTest, OfEachAlgorithmHolds) {
  for (const auto algorithm :
       {JwsAlgorithm::kRs256, JwsAlgorithm::kPs256, JwsAlgorithm::kEs256, JwsAlgorithm::kEdDsa}) {
    key_ = TestKey("k", algorithm);
    thumbprint_ = key_.thumbprint();
    const auto held = check({key_.proof(claims())});
    ASSERT_TRUE(held) << key_.algorithm_name() << held.error().what;
    EXPECT_EQ(held->issued, kNow);
  }
}

// The very proof of RFC 9449, 7.1, with its token.
TEST_F(DpopProofTest, OfTheRfcHolds) {
  const std::string proof =
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
      "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
      "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR"
      "1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCw"
      "iYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-E"
      "y71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
  const std::vector<http::Header> headers{{"dpop", proof}};
  const Possession possession{.method = "GET",
                              .url_base = "https://resource.example.org/",
                              .url_rest = "protectedresource",
                              .headers = headers};
  const auto held = check_dpop_proof(parser_, possession,
                                     {.token = sha256(kToken),
                                      .thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
                                      .now = WallTime(1'562'262'700s),
                                      .window = 300s,
                                      .bytes_max = 8192});
  EXPECT_TRUE(held) << held.error().what;
}

TEST_F(DpopProofTest, IsTheOnlyOne) {
  const std::string proof = key_.proof(claims());
  EXPECT_TRUE(check({proof}));
  EXPECT_EQ(check({}).error().what, "there is no DPoP header");
  EXPECT_EQ(check({proof, proof}).error().what, "there are several DPoP headers");
}

TEST_F(DpopProofTest, IsOneJsonWebToken) {
  const std::string good = key_.proof(claims());
  for (const std::string& text :
       {std::string(), std::string("."), std::string("a.b"), good + ".x", good + ", " + good,
        good + "=", " " + good, std::string("!.e30.AAAA"), std::string("e30.e30.!"),
        good.substr(0, good.rfind('.') + 1), std::string("W10.W10.AAAA"),
        key_.proof(R"({"jti":"a","jti":"b"})"), key_.proof("[]"), key_.proof("{"),
        key_.proof(claims(), R"("typ":"x","typ":"dpop+jwt")")}) {
    EXPECT_EQ(ask(text), "it is not one JSON Web Token") << text;
  }
  EXPECT_EQ(ask(std::string(8193, 'a')), "it is too long");
}

TEST_F(DpopProofTest, IsOfItsTypeAndAnAsymmetricAlgorithm) {
  const std::string jwk = R"(,"jwk":)" + key_.jwk();
  EXPECT_EQ(ask_header(R"("typ":"dpop+jwt")" + jwk), "ok");
  EXPECT_EQ(ask_header(R"("kid":"x","typ":"dpop+jwt")" + jwk), "ok");
  for (const char* typ : {"JWT", "at+jwt", "DPOP+JWT", "application/dpop+jwt", ""}) {
    EXPECT_EQ(ask_header(R"("typ":")" + std::string(typ) + '"' + jwk), "typ is not dpop+jwt");
  }
  EXPECT_EQ(ask_header(jwk.substr(1)), "typ is not dpop+jwt");
  for (const char* alg : {R"("none")", R"("HS256")", R"("ES384")", R"("es256")", R"("")", "1"}) {
    const std::string header =
        R"({"typ":"dpop+jwt","alg":)" + std::string(alg) + R"(,"jwk":)" + key_.jwk() + "}";
    EXPECT_EQ(ask(key_.token(claims(), header)), "alg is none of RS256, PS256, ES256, EdDSA");
  }
  EXPECT_EQ(ask_header(R"("typ":"dpop+jwt","crit":["b64"])" + jwk),
            "crit names what is not understood");
}

TEST_F(DpopProofTest, HasItsPublicKey) {
  const std::string typ = R"("typ":"dpop+jwt")";
  EXPECT_EQ(ask_header(typ), "jwk is missing");
  EXPECT_EQ(ask_header(typ + R"(,"jwk":"x")"), "jwk is missing");
  EXPECT_EQ(ask_header(typ + R"(,"jwk":{})"), "jwk is a key of another type than RSA, EC and OKP");
  EXPECT_EQ(ask_header(typ + R"(,"jwk":{"kty":"oct","k":"AAAA"})"),
            "jwk is a key of another type than RSA, EC and OKP");
  for (const char* member : {"d", "p", "q", "dp", "dq", "qi", "oth"}) {
    EXPECT_EQ(ask_header(typ + R"(,"jwk":)" + key_.jwk(R"(,")" + std::string(member) + R"(":"")")),
              "jwk is a private key: replace it, since it is published")
        << member;
  }
  EXPECT_EQ(ask_header(typ + R"(,"jwk":)" + key_.jwk(R"(,"use":"enc")")),
            "jwk is a key that is not for signatures");
  EXPECT_EQ(ask_header(typ + R"(,"jwk":)" + TestKey("r", JwsAlgorithm::kRs256).jwk()),
            "jwk is a key for another alg");
  EXPECT_EQ(ask_header(typ + R"(,"jwk":)" + TestKey("r", JwsAlgorithm::kRs256, 1024).jwk()),
            "jwk is an RSA key of 1024 bits; 2048 to 4096 are accepted");
}

TEST_F(DpopProofTest, IsByTheKeyOfTheToken) {
  const TestKey other("k", JwsAlgorithm::kEs256);
  EXPECT_EQ(ask(other.proof(claims())), "another key");
  EXPECT_EQ(ask(other.proof(claims(), R"("typ":"dpop+jwt","jwk":)" + key_.jwk())),
            "it is not signed by its jwk");
  const std::string good = key_.proof(claims());
  const std::string bad = key_.proof(claims({{"jti", R"("other")"}}));
  EXPECT_EQ(ask(bad.substr(0, bad.rfind('.')) + good.substr(good.rfind('.'))),
            "it is not signed by its jwk");
}

TEST_F(DpopProofTest, IsAboutThisRequest) {
  for (const char* jti : {"", "7", R"("")"}) {
    EXPECT_EQ(ask_with({{"jti", jti}}), "jti is missing") << jti;
  }
  for (const char* htm : {"", R"("GET")", R"("post")", "null"}) {
    EXPECT_EQ(ask_with({{"htm", htm}}), "htm is not the method of the request") << htm;
  }
  for (const char* htu : {R"("https://mcp.example/mcp")", R"("https://MCP.example:443/mcp?a=b#c")",
                          R"("HTTPS://mcp.example/x/../%6dcp")"}) {
    EXPECT_EQ(ask_with({{"htu", htu}}), "ok") << htu;
  }
  for (const char* htu :
       {"", R"("https://mcp.example/")", R"("https://mcp.example")", R"("http://mcp.example/mcp")",
        R"("https://mcp.example/mcp/")", R"("https://mcp.example/MCP")", R"("/mcp")", "7",
        R"("https://mcp.example:8443/mcp")", R"("https://mcp.example.evil/mcp")",
        R"("https://mcp.example@evil/mcp")", R"("https://evil/?https://mcp.example/mcp")"}) {
    EXPECT_EQ(ask_with({{"htu", htu}}), "htu is not the URL of this endpoint") << htu;
  }
  possession_.url_rest = "";
  EXPECT_EQ(ask_with({{"htu", R"("https://mcp.example")"}}), "ok");
  EXPECT_EQ(ask_with({}), "htu is not the URL of this endpoint");
}

TEST_F(DpopProofTest, IsAboutThisToken) {
  for (const char* ath : {"", R"("")", "7", R"("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo=")",
                          R"("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEp")"}) {
    EXPECT_EQ(ask_with({{"ath", ath}}), "ath is not the hash of the access token") << ath;
  }
}

TEST_F(DpopProofTest, IsOfThisTime) {
  EXPECT_EQ(ask_with({{"iat", "1799999700"}}), "ok");
  EXPECT_EQ(ask_with({{"iat", "1799999699"}}), "iat is too long ago");
  EXPECT_EQ(ask_with({{"iat", "1800000300"}}), "ok");
  EXPECT_EQ(ask_with({{"iat", "1800000301"}}), "iat is still to come");
  EXPECT_EQ(ask_with({{"iat", "0"}}), "iat is too long ago");
  for (const char* iat : {"", R"("1800000000")", "null", "-1", "1e300"}) {
    EXPECT_EQ(ask_with({{"iat", iat}}), "iat is no date") << iat;
  }
}

TEST_F(DpopProofTest, MayBeAboutTheBody) {
  // RFC 9530's own example.
  const std::string digest = R"("sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:")";
  EXPECT_EQ(ask_with({{"content_digest", digest}}), "ok");
  for (const char* bad : {R"("")", "7", "null", R"("X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=")",
                          R"("sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPF=:")"}) {
    EXPECT_EQ(ask_with({{"content_digest", bad}}), "content_digest is not that of the body") << bad;
  }
  possession_.stage = Possession::Stage::kHead;
  EXPECT_EQ(ask_with({{"content_digest", R"("")"}}), "ok") << "the body is still to come";
}

TEST_F(DpopProofTest, IsToldFromOthersByItsKeyAndItsId) {
  const auto id_of = [this](const TestKey& key, const Claims& other) {
    thumbprint_ = key.thumbprint();
    return check({key.proof(claims(other))})->id;
  };
  const TestKey other("k", JwsAlgorithm::kEs256);
  const Sha256Digest id = id_of(key_, {});
  EXPECT_EQ(id_of(key_, {{"more", "1"}, {"iat", "1800000001"}}), id);
  EXPECT_NE(id_of(key_, {{"jti", R"("x")"}}), id);
  EXPECT_NE(id_of(other, {}), id) << "nobody can use up another's";
}

}  // namespace
}  // namespace mcpgate::auth
