#include "auth/challenge.h"

#include <fmt/format.h>

#include <algorithm>

#include "auth/jwk.h"
#include "json/write.h"

namespace mcpgate::auth {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";

/// When to try again what could not be verified: about when an issuer that cannot be reached will
/// have been tried again. And of what is counted by the second (BadTokens).
constexpr std::string_view kLater = "10";
constexpr std::string_view kNextSecond = "1";

/// What is told of why it is wrong; both are empty where nothing is.
struct Complaint {
  std::string_view error = {};
  std::string_view description = {};
};

std::string algorithms() {
  return fmt::format("algs=\"{}\"", fmt::join(kJwsAlgorithmNames, " "));
}

/// The challenges, the one that `failure` is about first.
std::string challenges(const AuthFailure& failure, const ChallengeTerms& terms,
                       const Complaint& complaint) {
  std::string where = fmt::format("resource_metadata=\"{}\"", terms.resource_metadata_url);
  if (!terms.scopes.empty()) {
    where += fmt::format(", scope=\"{}\"", fmt::join(terms.scopes, " "));
  }
  const std::string why = complaint.error.empty()
                              ? ""
                              : fmt::format("error=\"{}\", error_description=\"{}\"",
                                            complaint.error, complaint.description);
  if (failure.scheme == AuthScheme::kDpop && terms.takes_tokens) {
    return fmt::format("DPoP {}, {}, {}", why, algorithms(), where);
  }
  return "Bearer " + where + (why.empty() ? "" : ", " + why) +
         (terms.takes_tokens ? ", DPoP " + algorithms() : "");
}

Challenge later(int status, std::string_view message) {
  return {.status = status, .www_authenticate = "", .retry_after = kLater, .message = message};
}

}  // namespace

Challenge challenge_for(const AuthFailure& failure, const ChallengeTerms& terms) {
  const auto refuse = [&](int status, const Complaint& complaint, std::string_view message) {
    return Challenge{.status = status,
                     .www_authenticate = challenges(failure, terms, complaint),
                     .message = message};
  };
  switch (failure.reason) {
    case AuthFailureReason::kMissing:
      return refuse(
          401, {},
          "Authentication is required: send Authorization: Bearer <API key or access token>.");
    case AuthFailureReason::kSeveral:
      return refuse(400, {"invalid_request", "several credentials"},
                    "Several Authorization headers are refused: send one.");
    case AuthFailureReason::kCredentialInUrl:
      return refuse(400, {"invalid_request", "credential in the URL"},
                    "A credential in the URL is refused: send it as Authorization: Bearer <key>, "
                    "and replace it, since URLs are logged.");
    case AuthFailureReason::kMissingScope:
      return refuse(403, {"insufficient_scope", "the token lacks a scope"},
                    "The access token is valid, but lacks a scope that this needs: ask for one "
                    "that has it.");
    case AuthFailureReason::kBadProof:
      return refuse(401, {"invalid_dpop_proof", failure.detail},
                    "The DPoP proof is not valid: WWW-Authenticate says why.");
    case AuthFailureReason::kReplayedProof:
      return refuse(401, {"invalid_dpop_proof", "it was used before"},
                    "The DPoP proof was used before: each request needs one of its own.");
    case AuthFailureReason::kOtherKey:
      return refuse(401, {"invalid_token", "jwk is not the key that the token is bound to"},
                    "The access token is bound to another key than the DPoP proof's.");
    case AuthFailureReason::kTooManyProofs:
      return later(429, "You have used too many DPoP proofs: try again.");
    case AuthFailureReason::kTooManyBad:
      return {.status = 429,
              .www_authenticate = "",
              .retry_after = kNextSecond,
              .message = "Too many bad access tokens come from your address: try again."};
    case AuthFailureReason::kProofsFull:
      return later(503, "DPoP proofs cannot be taken now: try again.");
    case AuthFailureReason::kNotAsked:  // Too many questions are open, or none can be asked.
    case AuthFailureReason::kIssuerUnavailable:
      return later(503, "Access tokens of this issuer cannot be verified now: try again.");
    case AuthFailureReason::kStoreUnavailable:
    case AuthFailureReason::kOwnerUnknown:
      return later(503, "API keys cannot be verified now: try again.");
    default:
      return refuse(401, {"invalid_token", "the credential is not valid"},
                    "The credential is not valid.");
  }
}

std::string resource_metadata_url(std::string_view resource) {
  const std::size_t scheme = resource.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t path = std::min(resource.find('/', host), resource.size());
  std::string_view tail = resource.substr(path);
  if (tail == "/") {
    tail = "";
  }
  return fmt::format("{}{}{}", resource.substr(0, path), kWellKnown, tail);
}

std::string protected_resource_metadata(std::string_view resource,
                                        const std::vector<std::string>& authorization_servers,
                                        const std::vector<std::string>& scopes,
                                        bool dpop_required) {
  std::string out;
  json::Writer writer(out);
  const auto list = [&writer](std::string_view name, const auto& items) {
    if (items.empty()) {
      return;
    }
    writer.key(name).begin_array();
    for (const auto& item : items) {
      writer.value(item);
    }
    writer.end_array();
  };
  writer.begin_object().field("resource", resource);
  list("authorization_servers", authorization_servers);
  list("scopes_supported", scopes);
  writer.key("bearer_methods_supported").begin_array().value("header").end_array();
  if (!authorization_servers.empty()) {
    list("dpop_signing_alg_values_supported", kJwsAlgorithmNames);
    if (dpop_required) {
      writer.field("dpop_bound_access_tokens_required", true);
    }
  }
  writer.field("resource_name", "mcpgate").end_object();
  return out;
}

}  // namespace mcpgate::auth
