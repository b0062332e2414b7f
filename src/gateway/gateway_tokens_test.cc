// Access tokens on their way through the gateway: who it is, what a refusal tells, and keys that
// come only when they are needed.

#include "auth/token_testing.h"
#include "gateway/stream_test_support.h"

namespace mcpgate::gateway {
namespace {

constexpr std::string_view kIssuer = "https://as.example/realms/r";

class GatewayTokens : public StreamTest {
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
            "oauth-protected-resource/mcp\", scope=\"mcp:tools\", "
            "DPoP algs=\"RS256 PS256 ES256 EdDSA\"");
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

/// `write` needs a scope that tokens have seldom, and its set another one.
class GatewayScopes : public GatewayTokens {
 protected:
  GatewayScopes() {
    settings_.policy = policy::Policy(
        {.roles = {{"mcp-admin", {{.covers = {.tool_sets = {"*"}}}}},
                   {"mcp-viewer", {{.covers = {.tool_sets = {"demo"}}, .read_only = true}}}},
         .tool_sets = {{.name = "demo",
                        .scopes = {"demo:use"},
                        .tool_scopes = {{"write", {"demo:write"}}, {"greet", {"demo:greet"}}}},
                       {.name = "secret", .required_role = "mcp-secret"}}});
    use_settings();
  }
  std::string with_scopes(const std::string& scopes, const char* role = "mcp-admin") {
    return bearer(key_, {{"scope", "\"" + scopes + "\""},
                         {"realm_access", R"({"roles":[")" + std::string(role) + R"("]})"}});
  }

  static constexpr const char* kWrite = R"("name":"write","arguments":{})";
};

TEST_F(GatewayScopes, AnOperationAsksForAllOfItsScopesAtOnce) {
  const auto response = send(modern("tools/call", kWrite), with_scopes("mcp:tools demo:use"));
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(header(response, "WWW-Authenticate"),
            "Bearer resource_metadata=\"https://mcp.example.com/.well-known/"
            "oauth-protected-resource/mcp\", scope=\"mcp:tools demo:use demo:write\", "
            "error=\"insufficient_scope\", error_description=\"the token lacks a scope\", "
            "DPoP algs=\"RS256 PS256 ES256 EdDSA\"");
  EXPECT_EQ(member(response.body, "id"), "7");
  EXPECT_EQ(member(response.body, "error.code"), "403");
  EXPECT_TRUE(sandbox_.calls.empty());
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "denied");
  EXPECT_EQ(member(line, "decision"), "deny");
  EXPECT_EQ(member(line, "reason"), "missing_scope");
  EXPECT_EQ(member(line, "tool"), "write");
  EXPECT_EQ(member(line, "user"), "dora");
  const std::string all = with_scopes("mcp:tools demo:use demo:write");
  EXPECT_EQ(send(modern("tools/call", kWrite), all).status, 200);
  EXPECT_EQ(sandbox_.calls.size(), 1U);
}

TEST_F(GatewayScopes, AreAskedForByWhateverIsUsed) {
  const std::string low = with_scopes("mcp:tools");
  const std::string greet = R"("name":"greet","arguments":{"whom":"me"})";
  const std::string completion =
      R"("ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"tone","value":"w"})";
  const std::vector<std::pair<Sent, std::string>> cases{
      {modern("resources/read", R"("uri":"demo://notes")"), "mcp:tools demo:use"},
      {modern("resources/read", R"("uri":"demo://notes/today")"), "mcp:tools demo:use"},
      {modern("prompts/get", greet), "mcp:tools demo:use demo:greet"},
      {modern("completion/complete", completion), "mcp:tools demo:use demo:greet"},
      {legacy("tools/call", kWrite), "mcp:tools demo:use demo:write"}};
  for (const auto& [sent, scopes] : cases) {
    const auto response = send(sent, low);
    EXPECT_EQ(response.status, 403) << sent.body;
    EXPECT_TRUE(header(response, "WWW-Authenticate").contains("scope=\"" + scopes + "\""))
        << header(response, "WWW-Authenticate");
  }
  const auto subscribed = send(with(legacy("resources/subscribe", R"("uri":"demo://notes")"),
                                    "Mcp-Session-Id", initialize(low)),
                               low);
  EXPECT_EQ(subscribed.status, 403);
  EXPECT_TRUE(sandbox_.calls.empty());
}

// Else no client would ever ask for more.
TEST_F(GatewayScopes, AToolThatNeedsMoreIsListed) {
  const std::string low = with_scopes("mcp:tools");
  EXPECT_TRUE(send(modern("tools/list"), low).body.contains("\"write\""));
  EXPECT_TRUE(send(modern("prompts/list"), low).body.contains("\"greet\""));
}

// What a hidden tool needs would tell that it is there.
TEST_F(GatewayScopes, AHiddenToolAsksForNothing) {
  const std::string viewer = with_scopes("mcp:tools", "mcp-viewer");
  const auto hidden = send(modern("tools/call", kWrite), viewer);
  EXPECT_EQ(hidden.status, 200);
  EXPECT_EQ(member(hidden.body, "error.message"), "Unknown tool: write");
  EXPECT_EQ(header(hidden, "WWW-Authenticate"), "");
}

TEST_F(GatewayScopes, AnApiKeyHasNoneAndNeedsNone) {
  EXPECT_EQ(send(modern("tools/call", kWrite), alice_).status, 200);
}

/// One bad token of each address is verified in a second, which does not end by itself.
class GatewayBadTokens : public GatewayTokens {
 protected:
  GatewayBadTokens() {
    settings_.trusted_proxies = {*Network::parse("127.0.0.1")};
    auto table = std::make_shared<auth::IssuerTable>(*issuers_);
    table->bad_tokens = {.per_peer = 1, .peers_max = 8};
    issuers_ = table;
    use_settings();
  }
  http::ClientResponse send_from(const std::string& address, const std::string& authorization) {
    return send(with(modern("tools/list"), "X-Forwarded-For", address), authorization);
  }
  /// Of a key that the issuer does not have under this name, and like no other.
  std::string forged() { return bearer(other_, {{"jti", '"' + random_.hex(8) + '"'}}); }

  auth::TestKey other_{"key-1", auth::JwsAlgorithm::kEs256};
};

TEST_F(GatewayBadTokens, KeepNewOnesFromTheSameAddressAloneOut) {
  const std::string known = bearer(key_);
  EXPECT_EQ(send_from("192.0.2.1", known).status, 200);
  EXPECT_EQ(send_from("192.0.2.1", forged()).status, 401);
  const auto refused = send_from("192.0.2.1", forged());
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header(refused, "Retry-After"), "1");
  EXPECT_EQ(header(refused, "WWW-Authenticate"), "");
  EXPECT_EQ(member(records().back(), "reason"), "too_many_bad_tokens");
  EXPECT_EQ(member(records().back(), "client_ip"), "192.0.2.1");
  EXPECT_EQ(gateway_->bad_tokens(), 1U);
  EXPECT_EQ(gateway_->tokens_not_looked_at(), 1U);

  const std::string fresh = bearer(key_, {{"jti", R"("fresh")"}});
  EXPECT_EQ(send_from("192.0.2.1", fresh).status, 429);
  EXPECT_EQ(send_from("192.0.2.1", known).status, 200);
  EXPECT_EQ(send_from("192.0.2.1", alice_).status, 200) << "an API key";
  EXPECT_EQ(send_from("192.0.2.2", fresh).status, 200);
  EXPECT_EQ(send_from("192.0.2.1", fresh).status, 200) << "now it is known";
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(send_from("192.0.2.1", bearer(key_, {{"jti", R"("later")"}})).status, 200);
}

// Its body comes after its head, so that the token is looked at twice.
TEST_F(GatewayBadTokens, OfALargeRequestCountOnce) {
  Sent large = with(modern("tools/list"), "X-Forwarded-For", "192.0.2.1");
  large.body.insert(large.body.size() - 1, std::string(std::size_t{3} << 20, ' '));
  EXPECT_EQ(send(large, forged()).status, 401);
  EXPECT_EQ(gateway_->bad_tokens(), 1U);
  EXPECT_EQ(send(large, forged()).status, 429);
  EXPECT_EQ(gateway_->tokens_not_looked_at(), 1U);
}

TEST_F(GatewayBadTokens, AreForgottenByNoStreamThatIsOpen) {
  const auto listen =
      with(modern("subscriptions/listen", R"("notifications":{})"), "X-Forwarded-For", "192.0.2.1");
  settings_.stream_keep_alive = std::chrono::milliseconds(10);
  use_settings();
  const auto stream = open(listen, bearer(key_));
  ASSERT_EQ(stream->status, 200);
  EXPECT_EQ(send_from("192.0.2.1", forged()).status, 401);
  // Another table: what was remembered of the stream's token is forgotten.
  issuers_ = std::make_shared<auth::IssuerTable>(*issuers_);
  use_settings();
  EXPECT_EQ(send_from("192.0.2.1", forged()).status, 429);
  const std::size_t before = stream->bytes.size();
  EXPECT_TRUE(run_until(loop_, [&] { return stream->bytes.size() > before + 20; }));
  EXPECT_FALSE(stream->over);
}

TEST_F(GatewayBadTokens, OfLogoutsAreCountedApart) {
  const auto log_out = [this] {
    const std::string body = "logout_token=" + forged().substr(7);
    return send({.body = body,
                 .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                             {"X-Forwarded-For", "192.0.2.1"}},
                 .target = "/oauth/backchannel-logout"},
                "");
  };
  EXPECT_EQ(send_from("192.0.2.1", forged()).status, 401);
  EXPECT_EQ(send_from("192.0.2.1", forged()).status, 429);
  const auto bad = log_out();
  EXPECT_EQ(bad.status, 400);
  EXPECT_TRUE(bad.body.contains("bad_signature")) << bad.body;
  const auto refused = log_out();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header(refused, "Retry-After"), "1");
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(log_out().status, 400);
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
    EXPECT_EQ(member(response.body, "dpop_signing_alg_values_supported"),
              R"(["RS256","PS256","ES256","EdDSA"])");
    EXPECT_FALSE(response.body.contains("dpop_bound_access_tokens_required"));
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

// --- tokens that are bound to a client's key ---

class GatewayBoundTokens : public GatewayTokens {
 protected:
  std::string bound() {
    return bearer(key_, {{"cnf", R"({"jkt":")" + client_key_.thumbprint() + R"("})"}}).substr(7);
  }
  /// A proof for the token; what is given replaces its claims.
  std::string proof(const std::string& token, std::map<std::string, std::string> other = {}) {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_now().time_since_epoch());
    other.insert({{"jti", '"' + random_.hex(16) + '"'},
                  {"htm", R"("POST")"},
                  {"htu", R"("https://mcp.example.com/mcp")"},
                  {"iat", std::to_string(now.count())},
                  {"ath", '"' + base64url_encode(sha256(token)) + '"'}});
    return client_key_.proof(auth::claims_of(other));
  }
  http::ClientResponse send_proven(const Sent& sent, const std::string& token,
                                   const std::string& proof) {
    return send(with(sent, "DPoP", proof), "DPoP " + token);
  }

  auth::TestKey client_key_{"client", auth::JwsAlgorithm::kEs256};
};

TEST_F(GatewayBoundTokens, WorkWithAProofAndOnlyOnceWithEach) {
  const std::string token = bound();
  const std::string once = proof(token);
  EXPECT_EQ(send_proven(modern("tools/list"), token, once).status, 200);
  EXPECT_EQ(member(record(), "user"), "dora");
  const auto again = send_proven(modern("tools/list"), token, once);
  EXPECT_EQ(again.status, 401);
  EXPECT_EQ(header(again, "WWW-Authenticate"),
            "DPoP error=\"invalid_dpop_proof\", error_description=\"it was used before\", "
            "algs=\"RS256 PS256 ES256 EdDSA\", "
            "resource_metadata=\"https://mcp.example.com/.well-known/"
            "oauth-protected-resource/mcp\", scope=\"mcp:tools\"");
  const std::string line = record();
  EXPECT_EQ(member(line, "status"), "unauthenticated");
  EXPECT_EQ(member(line, "reason"), "replayed_proof");
  EXPECT_EQ(member(line, "user"), "null") << "nobody has shown to be dora";
  EXPECT_EQ(send_proven(modern("tools/list"), token, proof(token)).status, 200);
}

TEST_F(GatewayBoundTokens, AreNotBearerTokens) {
  const std::string token = bound();
  const auto response = send(modern("tools/list"), "Bearer " + token);
  EXPECT_EQ(response.status, 401);
  const std::string challenge = header(response, "WWW-Authenticate");
  EXPECT_TRUE(challenge.starts_with("Bearer resource_metadata=")) << challenge;
  EXPECT_TRUE(challenge.contains("error=\"invalid_token\"")) << challenge;
  EXPECT_TRUE(challenge.ends_with(", DPoP algs=\"RS256 PS256 ES256 EdDSA\"")) << challenge;
  EXPECT_EQ(member(record(), "reason"), "bound_to_a_key");
  const std::string unbound = bearer(key_).substr(7);
  const auto other = send_proven(modern("tools/list"), unbound, proof(unbound));
  EXPECT_TRUE(header(other, "WWW-Authenticate").starts_with("DPoP error=\"invalid_token\""));
  EXPECT_EQ(member(record(), "reason"), "not_bound");
}

TEST_F(GatewayBoundTokens, AProofIsOfTheUrlThatClientsUse) {
  const std::string token = bound();
  const auto status = [&](const std::string& target, const std::string& htu) {
    Sent sent = modern("tools/list");
    sent.target = target;
    return send_proven(sent, token, proof(token, {{"htu", '"' + htu + '"'}})).status;
  };
  EXPECT_EQ(status("/mcp", "https://mcp.example.com/mcp"), 200);
  EXPECT_EQ(status("/mcp?x=y", "HTTPS://MCP.example.com:443/mcp#z"), 200);
  EXPECT_EQ(status("/", "https://mcp.example.com"), 200);
  for (const char* htu : {"https://mcp.example.com/", "http://127.0.0.1/mcp",
                          "http://mcp.example.com/mcp", "https://mcp.example.com/mcp/"}) {
    EXPECT_EQ(status("/mcp", htu), 401) << htu;
    EXPECT_EQ(member(records().back(), "reason"), "bad_proof: htu is not the URL of this endpoint");
  }
  EXPECT_EQ(status("/", "https://mcp.example.com/mcp"), 401);
  settings_.public_url = "https://example.com/gateway/";
  use_settings();
  EXPECT_EQ(status("/mcp", "https://mcp.example.com/mcp"), 401);
  EXPECT_EQ(status("/mcp", "https://example.com/gateway/mcp"), 200);
}

TEST_F(GatewayBoundTokens, AProofMayBeAboutTheBody) {
  const std::string token = bound();
  const Sent sent = modern("tools/list");
  const auto proof_of = [&](std::string_view body) {
    return proof(token, {{"content_digest", "\"sha-256=:" + base64_encode(sha256(body)) + ":\""}});
  };
  EXPECT_EQ(send_proven(sent, token, proof_of(sent.body)).status, 200);
  const auto response = send_proven(sent, token, proof_of("{}"));
  EXPECT_EQ(response.status, 401);
  EXPECT_TRUE(header(response, "WWW-Authenticate")
                  .starts_with("DPoP error=\"invalid_dpop_proof\", "
                               "error_description=\"content_digest is not that of the body\""));
}

// Its body comes after its head, so that the proof is looked at twice.
TEST_F(GatewayBoundTokens, ALargeRequestUsesItsProofOnce) {
  const std::string token = bound();
  const std::string once = proof(token);
  Sent sent = modern("tools/list");
  sent.body.insert(sent.body.size() - 1, std::string(std::size_t{3} << 20, ' '));
  EXPECT_EQ(send_proven(sent, token, once).status, 200);
  EXPECT_EQ(send_proven(modern("tools/list"), token, once).status, 401);
  EXPECT_EQ(member(records().back(), "reason"), "replayed_proof");
}

TEST_F(GatewayBoundTokens, WithoutRoomForProofsThereIsNoChallenge) {
  auto table = std::make_shared<auth::IssuerTable>(*issuers_);
  table->proofs = {.window = std::chrono::seconds(300), .all_max = 2, .per_principal_max = 1};
  issuers_ = table;
  use_settings();
  const std::string token = bound();
  EXPECT_EQ(send_proven(modern("tools/list"), token, proof(token)).status, 200);
  const auto many = send_proven(modern("tools/list"), token, proof(token));
  EXPECT_EQ(many.status, 429);
  EXPECT_EQ(header(many, "Retry-After"), "10");
  EXPECT_EQ(header(many, "WWW-Authenticate"), "");
  EXPECT_EQ(member(records().back(), "reason"), "too_many_proofs");
  EXPECT_EQ(member(records().back(), "user"), "dora");
}

TEST_F(GatewayBoundTokens, AStreamOutlivesTheProofThatOpenedIt) {
  settings_.stream_keep_alive = std::chrono::milliseconds(10);
  use_settings();
  const std::string token = bound();
  const auto listen =
      with(modern("subscriptions/listen", R"("notifications":{})"), "DPoP", proof(token));
  const auto stream = open(listen, "DPoP " + token);
  ASSERT_EQ(stream->status, 200);
  clock_.advance(std::chrono::seconds(3'600));
  use_settings();
  const std::size_t before = stream->bytes.size();
  EXPECT_TRUE(run_until(loop_, [&] { return stream->bytes.size() > before + 20; }));
  EXPECT_FALSE(stream->over);
  EXPECT_EQ(send(listen, "DPoP " + token).status, 401) << "it opens no other one";
  publish({&next_});
  EXPECT_TRUE(ends(stream)) << "its token is good no more";
}

TEST_F(GatewayBoundTokens, AKeyIsNotSentWithAProof) {
  const std::string key = alice_.substr(7);
  const auto response = send_proven(modern("tools/list"), key, proof(key));
  EXPECT_EQ(response.status, 401);
  EXPECT_TRUE(header(response, "WWW-Authenticate").starts_with("DPoP error=\"invalid_token\""));
  EXPECT_EQ(member(records().back(), "reason"), "not_bound");
}

}  // namespace
}  // namespace mcpgate::gateway
