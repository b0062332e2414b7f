#include "auth/failure.h"

namespace mcpgate::auth {

std::string_view to_string(AuthFailureReason reason) {
  switch (reason) {
    case AuthFailureReason::kMissing:
      return "missing";
    case AuthFailureReason::kSeveral:
      return "several";
    case AuthFailureReason::kMalformed:
      return "malformed";
    case AuthFailureReason::kStoreUnavailable:
      return "store_unavailable";
    case AuthFailureReason::kUnknown:
      return "unknown";
    case AuthFailureReason::kWrongSecret:
      return "wrong_secret";
    case AuthFailureReason::kExpired:
      return "expired";
    case AuthFailureReason::kNotYetValid:
      return "not_yet_valid";
    case AuthFailureReason::kRevoked:
      return "revoked";
    case AuthFailureReason::kOwnerDisabled:
      return "owner_disabled";
    case AuthFailureReason::kOwnerUnknown:
      return "owner_unknown";
    case AuthFailureReason::kDemoNotAllowed:
      return "demo_not_allowed";
    case AuthFailureReason::kCredentialInUrl:
      return "credential_in_url";
    case AuthFailureReason::kAlgorithm:
      return "algorithm";
    case AuthFailureReason::kUnknownIssuer:
      return "unknown_issuer";
    case AuthFailureReason::kIssuerUnavailable:
      return "issuer_unavailable";
    case AuthFailureReason::kUnknownSigningKey:
      return "unknown_signing_key";
    case AuthFailureReason::kBadSignature:
      return "bad_signature";
    case AuthFailureReason::kWrongAudience:
      return "wrong_audience";
    case AuthFailureReason::kWrongType:
      return "wrong_type";
    case AuthFailureReason::kBoundToAKey:
      return "bound_to_a_key";
    case AuthFailureReason::kNotBound:
      return "not_bound";
    case AuthFailureReason::kBadProof:
      return "bad_proof";
    case AuthFailureReason::kOtherKey:
      return "other_key";
    case AuthFailureReason::kReplayedProof:
      return "replayed_proof";
    case AuthFailureReason::kTooManyProofs:
      return "too_many_proofs";
    case AuthFailureReason::kProofsFull:
      return "proofs_full";
    case AuthFailureReason::kMissingClaim:
      return "missing_claim";
    case AuthFailureReason::kMissingScope:
      return "missing_scope";
    case AuthFailureReason::kNotAsked:
      return "not_asked";
    case AuthFailureReason::kLoggedOut:
      return "logged_out";
    case AuthFailureReason::kInactive:
      return "inactive";
    case AuthFailureReason::kTooManyBad:
      return "too_many_bad_tokens";
  }
  return "unknown";
}

}  // namespace mcpgate::auth
