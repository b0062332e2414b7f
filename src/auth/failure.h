#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/identity.h"

namespace mcpgate::auth {

/// Why a caller was not authenticated. For the audit: the caller learns only whether a
/// credential is missing or wrong.
enum class AuthFailureReason {
  kMissing,           // no Authorization header
  kSeveral,           // Authorization headers, of which another reader may take another one
  kMalformed,         // another scheme than Bearer, or nothing that any method here knows
  kStoreUnavailable,  // keys are known too little of to tell right from wrong
  kUnknown,           // no key of this id
  kWrongSecret,       // an id of ours with another secret
  kExpired,
  kNotYetValid,
  kRevoked,
  kOwnerDisabled,      // the key is linked to a user of Keycloak who is disabled or gone
  kOwnerUnknown,       // of that user Keycloak has not told, or not for long
  kDemoNotAllowed,     // the demo token where it is off, or not from loopback
  kCredentialInUrl,    // whatever the header says: has_credential_in_query()
  kAlgorithm,          // a token signed by `none`, HMAC or another algorithm that is not accepted
  kUnknownIssuer,      // an access token of nobody who is configured
  kIssuerUnavailable,  // of an issuer whose keys are not known: it cannot be told right from wrong
  kUnknownSigningKey,  // of an issuer that has no such key, as far as is known
  kBadSignature,
  kWrongAudience,  // issued for somebody else
  kWrongType,      // an ID token, a refresh token, a logout token
  kBoundToAKey,    // sent as a bearer token, which it is not (`cnf`); or bound in an unknown way
  kNotBound,       // sent with a proof, and bound to nothing; or not bound where it must be
  kBadProof,       // the DPoP proof beside it is none, or of another request, time or token
  kOtherKey,       // the proof is good, and by another key than the token's
  kReplayedProof,  // the proof was used before
  kTooManyProofs,  // of this principal, to tell whether this one was used before
  kProofsFull,     // of everybody, to tell that
  kMissingClaim,   // no subject, no expiry
  kMissingScope,   // valid, but not for this
  kNotAsked,       // its issuer decides (RFC 7662), and was not asked lately
  kLoggedOut,      // its session has ended at its issuer, which said so
  kInactive,       // its issuer says that it is not good any more, or never was
  kTooManyBad,     // tokens come from there for this one to be looked at
};

/// `missing`, `malformed`, …: the `reason` of the audit record.
[[nodiscard]] std::string_view to_string(AuthFailureReason reason);

/// The schemes of an Authorization header that are read: RFC 6750, and RFC 9449, 7.1.
enum class AuthScheme : std::uint8_t { kBearer, kDpop };

/// Why a credential was refused, and whose it was or seemed to be.
struct AuthFailure {
  AuthFailureReason reason = AuthFailureReason::kMissing;
  /// The public id of the key that was tried, where it is one of ours: for the audit. Else empty.
  std::string key_id;
  /// The configured issuer whose keys would tell, for kUnknownSigningKey, kIssuerUnavailable
  /// and kNotAsked.
  std::string issuer;
  /// What is wrong with the proof, without any of its bytes, for kBadProof.
  std::string detail;
  /// How the credential was sent, as far as that is known.
  AuthScheme scheme = AuthScheme::kBearer;
  /// Who it is, for kMissingScope and kTooManyProofs, and where somebody was let in before its
  /// issuer was asked: nobody else was verified.
  std::shared_ptr<const Principal> principal;
  /// What the token should have had, for kMissingScope.
  std::vector<std::string> scopes;
};

}  // namespace mcpgate::auth
