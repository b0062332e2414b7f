#pragma once

// Access tokens of an issuer: JSON Web Tokens (RFC 7519, RFC 9068), verified here. Where the issuer
// decides as well (RFC 7662) its answers are judged here, and asked for by Introspector; of an
// opaque token they are all that is known.

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/bad_tokens.h"
#include "auth/dpop_proof.h"
#include "auth/failure.h"
#include "auth/issuer.h"
#include "auth/logouts.h"
#include "auth/token_map.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/identity.h"
#include "json/parse.h"

namespace mcpgate::auth {

/// The longest answer to a question about a token that is taken.
inline constexpr std::size_t kIntrospectionBytesMax = std::size_t{64} << 10;

/// Whether only its issuer knows what the token means: it has not the three parts of a JSON Web
/// Token.
[[nodiscard]] bool is_opaque(std::string_view token);

/// A token that somebody has vouched for.
struct VerifiedToken {
  std::shared_ptr<const Principal> principal;
  WallTime not_before;
  WallTime expires;
  /// One of the table that it was verified with.
  const Issuer* issuer = nullptr;
  /// Of the key that it is bound to (RFC 7638); empty: it is a bearer token.
  std::string thumbprint;
  TokenOrigin origin = {};
  /// It is without a scope that its issuer's tokens need here.
  bool lacks_scope = false;
};

/// Verifies access tokens on one loop, and remembers those that were good, so that each is verified
/// once: only valid ones are remembered, so nobody without one can make it forget. Bad ones are
/// remembered apart, and few of them.
class AccessTokenVerifier {
 public:
  /// `logouts` and `bad_tokens` outlive it. Null: there are no logouts; anybody may have any number
  /// of bad tokens verified.
  explicit AccessTokenVerifier(std::size_t cache_entries_max = 10'000,
                               const Logouts* logouts = nullptr, BadTokens* bad_tokens = nullptr);

  /// Whose token it is. `issuers` may be another table at each call: then what was remembered by
  /// the one before is forgotten, since its keys may be gone.
  ///
  /// Of a token that is not verified nothing is believed: its `iss` only says with whose keys it is
  /// to be verified. One whose issuer decides is refused as kNotAsked until learn() has its answer,
  /// and again when that is too old. An opaque one is for the first issuer that is asked at all.
  ///
  /// `possession` is null where the token came as a bearer token, which one that is bound to a key
  /// is not. Else it must be bound, and what was remembered of it says nothing of the proof, which
  /// is checked each time.
  ///
  /// `peer` is the IP address that the token came from, on whose account it is if it is bad: where
  /// there were too many, one that is not known is refused as kTooManyBad without a look.
  /// Nothing: it is on nobody's.
  [[nodiscard]] std::expected<std::shared_ptr<const Principal>, AuthFailure> verify(
      const std::shared_ptr<const IssuerTable>& issuers, std::string_view token, WallTime now,
      const Possession* possession = nullptr, std::optional<std::string_view> peer = std::nullopt);

  /// Why a token of `issuer` that verify() lets in is refused where its issuer has to be asked
  /// about it, though it need not be elsewhere: kNotAsked until learn() has its answer, and again
  /// when that is too old; of an issuer that cannot be asked kIssuerUnavailable.
  [[nodiscard]] std::optional<AuthFailure> judge_by_issuer(
      const std::shared_ptr<const IssuerTable>& issuers, std::string_view issuer,
      std::string_view token, WallTime now);

  /// What `issuer`, one of the table, answered when it was asked about `token` (RFC 7662, 2.2), or
  /// why it did not: then the token is refused for a second.
  void learn(const std::shared_ptr<const IssuerTable>& issuers, const Issuer& issuer,
             std::string_view token, const Expected<std::string>& answer, WallTime now);

  [[nodiscard]] std::size_t remembered() const { return verified_.size(); }

 private:
  using Verdict = std::expected<VerifiedToken, AuthFailure>;
  /// What an issuer said, and from when to when it counts.
  struct Answer {
    WallTime asked;
    WallTime until;
    /// Of a JSON Web Token, whose claims are known, only the key that it is bound to.
    Verdict verdict;
  };

  /// Why a token was refused, from when on.
  struct Bad {
    AuthFailureReason reason;
    WallTime since;
  };

  void use(const std::shared_ptr<const IssuerTable>& issuers);
  [[nodiscard]] Verdict verify_anew(const IssuerTable& issuers, std::string_view token,
                                    const Sha256Digest& digest, WallTime now,
                                    std::optional<std::string_view> peer);
  [[nodiscard]] Verdict read_answer(const IssuerTable& issuers, const Issuer& issuer,
                                    std::string_view token, std::string_view answer, WallTime now);
  [[nodiscard]] Verdict answer_of(const Issuer& issuer, const Sha256Digest& token, WallTime now);
  [[nodiscard]] std::expected<std::shared_ptr<const Principal>, AuthFailure> judge(
      const VerifiedToken& verified, const Sha256Digest& token, WallTime now,
      const Possession* possession);
  [[nodiscard]] std::optional<AuthFailure> judge_possession(const VerifiedToken& verified,
                                                            const Sha256Digest& token, WallTime now,
                                                            const Possession* possession);

  const Logouts* logouts_;
  BadTokens* bad_tokens_;
  std::shared_ptr<const IssuerTable> issuers_;
  TokenMap<VerifiedToken> verified_;
  TokenMap<Bad> bad_;
  TokenMap<Answer> answers_;
  json::Parser parser_;
};

}  // namespace mcpgate::auth
