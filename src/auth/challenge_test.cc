#include "auth/challenge.h"

#include <gtest/gtest.h>

namespace mcpgate::auth {
namespace {

constexpr std::string_view kUrl = "https://h/.well-known/oauth-protected-resource/mcp";

TEST(Challenge, AMissingCredentialGetsNoError) {
  const Challenge challenge = challenge_for(AuthFailureReason::kMissing, kUrl, {});
  EXPECT_EQ(challenge.status, 401);
  EXPECT_EQ(challenge.www_authenticate,
            "Bearer resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\"");
}

// Whoever tries keys must not learn which ids exist, nor in what state they are.
TEST(Challenge, AllWrongCredentialsGetTheSameAnswer) {
  const Challenge first = challenge_for(AuthFailureReason::kUnknown, kUrl, {});
  EXPECT_EQ(first.status, 401);
  EXPECT_EQ(first.www_authenticate,
            "Bearer resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\", "
            "error=\"invalid_token\", error_description=\"the credential is not valid\"");
  for (const auto reason : {AuthFailureReason::kMalformed, AuthFailureReason::kWrongSecret,
                            AuthFailureReason::kExpired, AuthFailureReason::kNotYetValid,
                            AuthFailureReason::kRevoked, AuthFailureReason::kDemoNotAllowed,
                            AuthFailureReason::kAlgorithm, AuthFailureReason::kUnknownIssuer,
                            AuthFailureReason::kUnknownSigningKey, AuthFailureReason::kBadSignature,
                            AuthFailureReason::kWrongAudience, AuthFailureReason::kWrongType,
                            AuthFailureReason::kBoundToAKey, AuthFailureReason::kMissingClaim}) {
    const Challenge other = challenge_for(reason, kUrl, {});
    EXPECT_EQ(other.status, first.status);
    EXPECT_EQ(other.www_authenticate, first.www_authenticate);
    EXPECT_EQ(other.message, first.message);
  }
}

TEST(Challenge, ACredentialInTheUrlIsABadRequest) {
  const Challenge challenge = challenge_for(AuthFailureReason::kCredentialInUrl, kUrl, {});
  EXPECT_EQ(challenge.status, 400);
  EXPECT_NE(challenge.www_authenticate.find("error=\"invalid_request\""), std::string::npos);
}

TEST(Challenge, ScopesAreNamedInEveryChallenge) {
  const std::vector<std::string> scopes{"mcp:tools", "mcp:more"};
  EXPECT_EQ(challenge_for(AuthFailureReason::kMissing, kUrl, scopes).www_authenticate,
            "Bearer resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\", "
            "scope=\"mcp:tools mcp:more\"");
  const Challenge challenge = challenge_for(AuthFailureReason::kMissingScope, kUrl, scopes);
  EXPECT_EQ(challenge.status, 403);
  EXPECT_TRUE(challenge.www_authenticate.contains("scope=\"mcp:tools mcp:more\""));
  EXPECT_TRUE(challenge.www_authenticate.contains("error=\"insufficient_scope\""));
}

// To send a client to log in again would not help it.
TEST(Challenge, WhereNothingCanBeVerifiedNothingIsAskedFor) {
  for (const AuthFailureReason reason :
       {AuthFailureReason::kIssuerUnavailable, AuthFailureReason::kStoreUnavailable}) {
    const Challenge challenge = challenge_for(reason, kUrl, {});
    EXPECT_EQ(challenge.status, 503);
    EXPECT_EQ(challenge.www_authenticate, "");
  }
}

TEST(Challenge, SeveralCredentialsAreABadRequest) {
  const Challenge challenge = challenge_for(AuthFailureReason::kSeveral, kUrl, {});
  EXPECT_EQ(challenge.status, 400);
  EXPECT_NE(challenge.www_authenticate.find("error=\"invalid_request\""), std::string::npos);
}

TEST(ResourceMetadata, ThePathGoesBehindTheWellKnownPart) {
  EXPECT_EQ(resource_metadata_url("https://h/mcp"), kUrl);
  EXPECT_EQ(resource_metadata_url("https://h/"), "https://h/.well-known/oauth-protected-resource");
  EXPECT_EQ(resource_metadata_url("https://h:8443"),
            "https://h:8443/.well-known/oauth-protected-resource");
}

TEST(ResourceMetadata, TheDocumentNamesItsOwnUrl) {
  EXPECT_EQ(protected_resource_metadata("https://h/mcp", {}, {}),
            R"({"resource":"https://h/mcp","bearer_methods_supported":["header"],)"
            R"("resource_name":"mcpgate"})");
  EXPECT_EQ(protected_resource_metadata("https://h/", {"https://as/realms/r"}, {"mcp:tools"}),
            R"({"resource":"https://h/","authorization_servers":["https://as/realms/r"],)"
            R"("scopes_supported":["mcp:tools"],)"
            R"("bearer_methods_supported":["header"],"resource_name":"mcpgate"})");
}

}  // namespace
}  // namespace mcpgate::auth
