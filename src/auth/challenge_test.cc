#include "auth/challenge.h"

#include <gtest/gtest.h>

namespace mcpgate::auth {
namespace {

constexpr std::string_view kUrl = "https://h/.well-known/oauth-protected-resource/mcp";

Challenge challenge_of(AuthFailureReason reason, const std::vector<std::string>& scopes = {}) {
  return challenge_for({.reason = reason}, {.resource_metadata_url = kUrl, .scopes = scopes});
}

TEST(Challenge, AMissingCredentialGetsNoError) {
  const Challenge challenge = challenge_of(AuthFailureReason::kMissing);
  EXPECT_EQ(challenge.status, 401);
  EXPECT_EQ(challenge.www_authenticate,
            "Bearer resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\"");
}

// Whoever tries keys must not learn which ids exist, nor in what state they are.
TEST(Challenge, AllWrongCredentialsGetTheSameAnswer) {
  const Challenge first = challenge_of(AuthFailureReason::kUnknown);
  EXPECT_EQ(first.status, 401);
  EXPECT_EQ(first.www_authenticate,
            "Bearer resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\", "
            "error=\"invalid_token\", error_description=\"the credential is not valid\"");
  for (const auto reason :
       {AuthFailureReason::kMalformed, AuthFailureReason::kWrongSecret, AuthFailureReason::kExpired,
        AuthFailureReason::kNotYetValid, AuthFailureReason::kRevoked,
        AuthFailureReason::kDemoNotAllowed, AuthFailureReason::kAlgorithm,
        AuthFailureReason::kUnknownIssuer, AuthFailureReason::kUnknownSigningKey,
        AuthFailureReason::kBadSignature, AuthFailureReason::kWrongAudience,
        AuthFailureReason::kWrongType, AuthFailureReason::kBoundToAKey,
        AuthFailureReason::kMissingClaim, AuthFailureReason::kNotBound}) {
    const Challenge other = challenge_of(reason);
    EXPECT_EQ(other.status, first.status);
    EXPECT_EQ(other.www_authenticate, first.www_authenticate);
    EXPECT_EQ(other.message, first.message);
  }
}

TEST(Challenge, ACredentialInTheUrlIsABadRequest) {
  const Challenge challenge = challenge_of(AuthFailureReason::kCredentialInUrl);
  EXPECT_EQ(challenge.status, 400);
  EXPECT_NE(challenge.www_authenticate.find("error=\"invalid_request\""), std::string::npos);
}

TEST(Challenge, ScopesAreNamedInEveryChallenge) {
  const std::vector<std::string> scopes{"mcp:tools", "mcp:more"};
  EXPECT_EQ(challenge_of(AuthFailureReason::kMissing, scopes).www_authenticate,
            "Bearer resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\", "
            "scope=\"mcp:tools mcp:more\"");
  const Challenge challenge = challenge_of(AuthFailureReason::kMissingScope, scopes);
  EXPECT_EQ(challenge.status, 403);
  EXPECT_TRUE(challenge.www_authenticate.contains("scope=\"mcp:tools mcp:more\""));
  EXPECT_TRUE(challenge.www_authenticate.contains("error=\"insufficient_scope\""));
}

// To send a client to log in again would not help it.
TEST(Challenge, WhereNothingCanBeVerifiedNothingIsAskedFor) {
  for (const AuthFailureReason reason :
       {AuthFailureReason::kIssuerUnavailable, AuthFailureReason::kStoreUnavailable}) {
    const Challenge challenge = challenge_of(reason);
    EXPECT_EQ(challenge.status, 503);
    EXPECT_EQ(challenge.www_authenticate, "");
  }
}

TEST(Challenge, SeveralCredentialsAreABadRequest) {
  const Challenge challenge = challenge_of(AuthFailureReason::kSeveral);
  EXPECT_EQ(challenge.status, 400);
  EXPECT_NE(challenge.www_authenticate.find("error=\"invalid_request\""), std::string::npos);
}

// RFC 9449, 7.2: the scheme that was used has the error, the other one is offered.
TEST(Challenge, WhereTokensAreTakenDpopIsOffered) {
  const auto challenge = [](AuthFailure failure, const std::vector<std::string>& scopes = {}) {
    return challenge_for(failure,
                         {.resource_metadata_url = kUrl, .scopes = scopes, .takes_tokens = true});
  };
  const std::string where =
      R"(resource_metadata="https://h/.well-known/oauth-protected-resource/mcp")";
  const std::string algorithms = R"(algs="RS256 PS256 ES256 EdDSA")";
  EXPECT_EQ(challenge({}).www_authenticate, "Bearer " + where + ", DPoP " + algorithms);
  EXPECT_EQ(
      challenge({.reason = AuthFailureReason::kBoundToAKey}).www_authenticate,
      "Bearer " + where +
          R"(, error="invalid_token", error_description="the credential is not valid", DPoP )" +
          algorithms);
  const std::pair<AuthFailure, std::string> sent_with_proof[] = {
      {{.reason = AuthFailureReason::kBadProof, .detail = "jti is missing"},
       R"(error="invalid_dpop_proof", error_description="jti is missing")"},
      {{.reason = AuthFailureReason::kReplayedProof},
       R"(error="invalid_dpop_proof", error_description="it was used before")"},
      {{.reason = AuthFailureReason::kOtherKey},
       R"(error="invalid_token", error_description="jwk is not the key that the token is bound to")"},
      {{.reason = AuthFailureReason::kNotBound},
       R"(error="invalid_token", error_description="the credential is not valid")"},
      {{.reason = AuthFailureReason::kExpired},
       R"(error="invalid_token", error_description="the credential is not valid")"}};
  for (auto [failure, why] : sent_with_proof) {
    failure.scheme = AuthScheme::kDpop;
    EXPECT_EQ(challenge(failure).status, 401);
    EXPECT_EQ(challenge(failure).www_authenticate,
              "DPoP " + why + ", " + algorithms + ", " + where);
    EXPECT_EQ(challenge(failure, {"a", "b"}).www_authenticate,
              "DPoP " + why + ", " + algorithms + ", " + where + R"(, scope="a b")");
  }
  const AuthFailure scope{.reason = AuthFailureReason::kMissingScope, .scheme = AuthScheme::kDpop};
  EXPECT_EQ(challenge(scope).status, 403);
  EXPECT_TRUE(challenge(scope).www_authenticate.starts_with(R"(DPoP error="insufficient_scope")"));
}

TEST(Challenge, WhereNoProofCanBeToldFromAnotherNothingIsAskedFor) {
  EXPECT_EQ(challenge_of(AuthFailureReason::kTooManyProofs).status, 429);
  EXPECT_EQ(challenge_of(AuthFailureReason::kTooManyProofs).www_authenticate, "");
  EXPECT_EQ(challenge_of(AuthFailureReason::kProofsFull).status, 503);
  EXPECT_EQ(challenge_of(AuthFailureReason::kProofsFull).www_authenticate, "");
  EXPECT_EQ(challenge_of(AuthFailureReason::kProofsFull).retry_after, "10");
}

// A challenge would have a client throw away a token that may be good.
TEST(Challenge, ATokenThatWasNotLookedAtIsToComeAgain) {
  const Challenge later = challenge_of(AuthFailureReason::kTooManyBad);
  EXPECT_EQ(later.status, 429);
  EXPECT_EQ(later.www_authenticate, "");
  EXPECT_EQ(later.retry_after, "1");
}

TEST(ResourceMetadata, ThePathGoesBehindTheWellKnownPart) {
  EXPECT_EQ(resource_metadata_url("https://h/mcp"), kUrl);
  EXPECT_EQ(resource_metadata_url("https://h/"), "https://h/.well-known/oauth-protected-resource");
  EXPECT_EQ(resource_metadata_url("https://h:8443"),
            "https://h:8443/.well-known/oauth-protected-resource");
}

TEST(ResourceMetadata, TheDocumentNamesItsOwnUrl) {
  EXPECT_EQ(protected_resource_metadata("https://h/mcp", {}, {}, true),
            R"({"resource":"https://h/mcp","bearer_methods_supported":["header"],)"
            R"("resource_name":"mcpgate"})");
  const std::string known =
      R"({"resource":"https://h/","authorization_servers":["https://as/realms/r"],)"
      R"("scopes_supported":["mcp:tools"],"bearer_methods_supported":["header"],)"
      R"("dpop_signing_alg_values_supported":["RS256","PS256","ES256","EdDSA"],)";
  const auto metadata = [](bool dpop_required) {
    return protected_resource_metadata("https://h/", {"https://as/realms/r"}, {"mcp:tools"},
                                       dpop_required);
  };
  EXPECT_EQ(metadata(false), known + R"("resource_name":"mcpgate"})");
  EXPECT_EQ(metadata(true),
            known + R"("dpop_bound_access_tokens_required":true,"resource_name":"mcpgate"})");
}

}  // namespace
}  // namespace mcpgate::auth
