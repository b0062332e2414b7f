#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/access_token.h"
#include "auth/failure.h"
#include "auth/issuer.h"
#include "auth/key_owners.h"
#include "auth/key_table.h"
#include "auth/key_uses.h"
#include "base/clock.h"
#include "base/identity.h"

namespace mcpgate::auth {

/// The token that works without any set-up: every role, on loopback only, only where switched on.
inline constexpr std::string_view kDemoToken = "demo-token-12345";

/// What a request brings along that says who is calling. Views borrow from the request.
struct Credentials {
  /// The value of the only Authorization header; nothing when there is none.
  std::optional<std::string_view> authorization;
  /// How many Authorization headers came. More than one is refused.
  std::size_t authorization_count = 0;
  /// The request's target, for credentials in its query.
  std::string_view target;
  /// For `Authorization: DPoP`.
  Possession possession = {};
  /// The client's IP address, which bad tokens are on the account of. Nothing: whoever sends it was
  /// let in before, and is looked at again.
  std::optional<std::string_view> peer = std::nullopt;
  /// The peer of the connection is 127.0.0.0/8 or ::1, *and* no forwarding header came.
  bool peer_is_loopback = false;
};

/// A token, and how it was sent.
struct SentToken {
  AuthScheme scheme;
  std::string_view token;
};

/// What follows `Bearer ` or `DPoP ` (any case, RFC 9110, 11.1); nothing for another scheme or no
/// token.
[[nodiscard]] std::optional<SentToken> sent_token(std::string_view authorization);

/// Credential → Principal. Pure and synchronous over immutable snapshots: it is built anew when
/// configuration, API keys or an issuer's keys change, and swapped.
class Authenticator {
 public:
  struct Options {
    /// Null: the method is off. Not available: every key is refused as such.
    std::shared_ptr<const KeyTable> keys;
    /// Null: the method is off.
    std::shared_ptr<const IssuerTable> issuers = nullptr;
    /// Of `keys`, where it is noted when they are used; null: nowhere.
    std::shared_ptr<const KeyUses::Places> key_uses = nullptr;
    /// What is known of the users that keys are linked to; null: the links mean nothing.
    std::shared_ptr<const KeyOwners> key_owners = nullptr;
    bool demo_token_allowed = false;
    /// What the demo token's principal holds: every role that the configuration names
    /// (policy::Policy::roles()).
    std::vector<std::string> demo_roles;
  };

  explicit Authenticator(Options options);

  /// Takes one SHA-256 and one hash lookup for every well-formed key, known or not, and for an
  /// access token that `tokens`, the loop's own, has verified before. Shared principals stay valid
  /// after the snapshot is gone.
  [[nodiscard]] std::expected<std::shared_ptr<const Principal>, AuthFailure> authenticate(
      const Credentials& credentials, WallTime now, AccessTokenVerifier& tokens) const;

  /// Whether anybody could be let in: some method is on, and not one of issuers alone of which none
  /// has told its keys.
  [[nodiscard]] bool can_authenticate() const;
  /// Of each API key that was let in since the start of the process, in order of their ids.
  [[nodiscard]] std::vector<KeyUse> key_uses() const;
  /// Null where no issuer is configured.
  [[nodiscard]] const std::shared_ptr<const IssuerTable>& issuers() const { return issuers_; }

 private:
  [[nodiscard]] std::expected<std::shared_ptr<const Principal>, AuthFailure> authenticate_bound(
      const Credentials& credentials, std::string_view token, WallTime now,
      AccessTokenVerifier& tokens) const;
  [[nodiscard]] std::expected<const KeyTable::Entry*, AuthFailure> find_key(std::string_view token,
                                                                            std::string_view id,
                                                                            WallTime now) const;

  std::shared_ptr<const KeyTable> keys_;
  /// Null: uses are not noted.
  std::shared_ptr<const KeyUses::Places> key_uses_;
  /// Null: nobody is asked.
  std::shared_ptr<const KeyOwners> key_owners_;
  std::shared_ptr<const IssuerTable> issuers_;
  /// Null: off.
  std::shared_ptr<const Principal> demo_;
};

}  // namespace mcpgate::auth
