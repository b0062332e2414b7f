#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key_table.h"
#include "base/clock.h"
#include "base/identity.h"

namespace mcpgate::auth {

/// The token that works without any set-up: every role, on loopback only, only where switched on.
inline constexpr std::string_view kDemoToken = "demo-token-12345";

/// Why a caller was not authenticated. For audit and metrics: the caller learns only whether a
/// credential is missing or wrong.
enum class AuthFailureReason {
  kMissing,      // no Authorization header
  kSeveral,      // Authorization headers, of which another reader may take another one
  kMalformed,    // another scheme than Bearer, or nothing we issue
  kUnknown,      // no key of this id, or no method that knows such a credential
  kWrongSecret,  // an id of ours with another secret
  kExpired,
  kNotYetValid,
  kRevoked,
  kDemoNotAllowed,   // the demo token where it is off, or not from loopback
  kCredentialInUrl,  // whatever the header says: has_credential_in_query()
};

/// `missing`, `malformed`, …: label `reason` of mcp_auth_failures_total and the audit's word.
[[nodiscard]] std::string_view to_string(AuthFailureReason reason);

/// Why a credential was refused, and whose it seemed to be.
struct AuthFailure {
  AuthFailureReason reason = AuthFailureReason::kMissing;
  /// The public id of the key that was tried, where it is one of ours: for the audit. Else empty.
  std::string key_id;
};

/// What a request brings along that says who is calling. Views borrow from the request.
struct Credentials {
  /// The value of the only Authorization header; nothing when there is none.
  std::optional<std::string_view> authorization;
  /// How many Authorization headers came. More than one is refused.
  std::size_t authorization_count = 0;
  /// The request's target, for credentials in its query.
  std::string_view target;
  /// The peer of the connection is 127.0.0.0/8 or ::1, *and* no forwarding header came.
  bool peer_is_loopback = false;
};

/// Credential → Principal. Pure and synchronous over immutable snapshots: it is built anew when
/// configuration or keys change, and swapped. Access tokens get a method of their own beside keys.
class Authenticator {
 public:
  struct Options {
    /// Null: the method is off.
    std::shared_ptr<const KeyTable> keys;
    bool demo_token_allowed = false;
    /// What the demo token's principal holds: every role that the configuration names
    /// (policy::Policy::roles()).
    std::vector<std::string> demo_roles;
  };

  explicit Authenticator(Options options);

  /// Takes one SHA-256 and one hash lookup for every well-formed key, known or not. Shared
  /// principals stay valid after the snapshot is gone.
  [[nodiscard]] std::expected<std::shared_ptr<const Principal>, AuthFailure> authenticate(
      const Credentials& credentials, WallTime now) const;

 private:
  [[nodiscard]] std::expected<std::shared_ptr<const Principal>, AuthFailure> authenticate_key(
      std::string_view token, std::string_view id, WallTime now) const;

  std::shared_ptr<const KeyTable> keys_;
  /// Null: off.
  std::shared_ptr<const Principal> demo_;
};

}  // namespace mcpgate::auth
