#include "auth/access_token.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "auth/issued_token.h"
#include "auth/jwt.h"
#include "base/encoding.h"

namespace mcpgate::auth {
namespace {

using Reason = AuthFailureReason;
using Whose = std::expected<std::shared_ptr<const Principal>, AuthFailure>;

/// Answers of issuers that are remembered, however few verified tokens are.
constexpr std::size_t kAnswersMin = 1024;
/// Bad tokens that are remembered: one whose body comes later than its head is looked at twice, and
/// some clients send the same one again and again.
constexpr std::size_t kBadMax = 1024;
/// How soon an issuer that did not answer is asked again about a token.
constexpr std::chrono::milliseconds kUnansweredPause{1'000};
/// Longer names are shown by their subject.
constexpr std::size_t kUserNameBytesMax = 256;
constexpr std::size_t kSubjectBytesMax = 256;

std::unexpected<AuthFailure> refuse(Reason reason) {
  return std::unexpected(AuthFailure{.reason = reason});
}

/// `JWT`, `at+jwt`, or nothing: not a logout token, not a DPoP proof.
bool is_access_token_type(std::string_view type) {
  return type.empty() || type == "jwt" || type == "at+jwt";
}

bool has(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

/// The element at a claim of that name, else at the path that the name spells with dots.
std::optional<json::Element> claim_at(json::Object claims, std::string_view path) {
  if (const auto whole = json::find(claims, path)) {
    return whole;
  }
  std::optional<json::Object> at = claims;
  for (std::size_t dot = path.find('.'); at && dot != std::string_view::npos;
       dot = path.find('.')) {
    at = json::object_at(*at, path.substr(0, dot));
    path.remove_prefix(dot + 1);
  }
  return at ? json::find(*at, path) : std::nullopt;
}

/// Roles of the realm, and those that belong to one of our own names as a client. Another client's
/// are not ours: whoever administers that client could make an mcp-admin there.
std::vector<std::string> roles_of(json::Object claims, const IssuerRules& rules) {
  std::vector<std::string> roles;
  const auto add = [&roles](std::string_view role) {
    if (!has(roles, role)) {
      roles.emplace_back(role);
    }
  };
  for_each_string(claim_at(claims, rules.roles_claim), add);
  if (const auto access = json::object_at(claims, "resource_access")) {
    for (const std::string& audience : rules.audiences) {
      if (const auto client = json::object_at(*access, audience)) {
        for_each_string(json::find(*client, "roles"), add);
      }
    }
  }
  return roles;
}

std::vector<std::string> scopes_of(json::Object claims) {
  std::vector<std::string> held;
  const auto add_words = [&held](std::string_view words) {
    while (!words.empty()) {
      const std::size_t end = std::min(words.find(' '), words.size());
      held.emplace_back(words.substr(0, end));
      words.remove_prefix(std::min(end + 1, words.size()));
    }
  };
  for_each_string(json::find(claims, "scope"), add_words);
  for_each_string(json::find(claims, "scp"), add_words);
  return held;
}

/// A name for people: what the issuer calls the user, else the identity.
std::string user_of(json::Object claims, std::string_view subject) {
  const std::string_view name = json::string_at(claims, "preferred_username").value_or("");
  const bool readable =
      !name.empty() && name.size() <= kUserNameBytesMax && !has_control_character(name);
  return std::string(readable ? name : subject);
}

/// `sub`; for a client that acts for itself and has none, the client (RFC 9068, 2.2).
std::string subject_of(json::Object claims) {
  if (json::find(claims, "sub")) {
    return std::string(json::string_at(claims, "sub").value_or(""));
  }
  auto client = json::string_at(claims, "client_id");
  if (!client) {
    client = json::string_at(claims, "azp");
  }
  return client && !client->empty() ? "client:" + std::string(*client) : std::string();
}

TokenOrigin origin_of(json::Object claims, std::string_view issuer, std::string_view subject) {
  TokenOrigin origin{.session = std::nullopt,
                     .subject = subject_digest(issuer, subject),
                     .issued = date_at(claims, "iat").time};
  if (const auto session = json::string_at(claims, "sid")) {
    origin.session = session_digest(issuer, *session);
  }
  return origin;
}

/// Ways to be bound to a key that cannot be proven here (IANA's "JWT Confirmation Methods"). Other
/// members say more of `jkt`, as Keycloak's do (RFC 7800, 3.1).
constexpr std::array<std::string_view, 6> kOtherConfirmations{"jwk", "jwe", "kid",
                                                              "jku", "osc", "x5t#S256"};

/// The key that the token is bound to (RFC 9449, 6): empty for none, nothing where it is bound in a
/// way that is not understood, perhaps besides.
std::optional<std::string> thumbprint_of(json::Object claims) {
  if (!json::find(claims, "cnf")) {
    return "";
  }
  const auto confirmation = json::object_at(claims, "cnf");
  if (!confirmation || std::ranges::any_of(kOtherConfirmations, [&](std::string_view name) {
        return json::find(*confirmation, name).has_value();
      })) {
    return std::nullopt;
  }
  const std::string_view thumbprint = json::string_at(*confirmation, "jkt").value_or("");
  const auto digest = base64url_decode(thumbprint);
  return digest && digest->size() == std::tuple_size_v<Sha256Digest>
             ? std::optional(std::string(thumbprint))
             : std::nullopt;
}

/// Whether the claims say, where they say it as Keycloak does, that it is an access token: ID and
/// refresh tokens are signed by the same issuer.
bool is_access_token(json::Object claims, bool is_bound) {
  if (json::find(claims, "events")) {  // a logout token
    return false;
  }
  const auto type = json::find(claims, "typ");
  return !type || json::as_string(*type) == "Bearer" ||
         (is_bound && json::as_string(*type) == "DPoP");
}

std::expected<VerifiedToken, AuthFailure> read_claims(json::Object claims, const IssuerTable& table,
                                                      const Issuer& issuer, WallTime now) {
  const IssuerRules& rules = issuer.rules;
  auto thumbprint = thumbprint_of(claims);
  if (!thumbprint) {
    return refuse(Reason::kBoundToAKey);
  }
  if (!is_access_token(claims, !thumbprint->empty())) {
    return refuse(Reason::kWrongType);
  }
  bool for_us = false;
  for_each_string(json::find(claims, "aud"),
                  [&](std::string_view audience) { for_us |= has(rules.audiences, audience); });
  if (!for_us) {
    return refuse(Reason::kWrongAudience);
  }
  const NumericDate expires = date_at(claims, "exp");
  const NumericDate not_before = date_at(claims, "nbf");
  if (!expires.time || not_before.is_wrong) {
    return refuse(Reason::kMissingClaim);
  }
  std::vector<std::string> scopes = scopes_of(claims);
  const bool has_scopes = std::ranges::all_of(
      rules.scopes, [&scopes](const std::string& scope) { return has(scopes, scope); });
  VerifiedToken entry{.principal = nullptr,
                      .not_before = WallTime::min(),
                      .expires = *expires.time + table.clock_skew,
                      .issuer = &issuer,
                      .thumbprint = *std::move(thumbprint),
                      .lacks_scope = !has_scopes};
  if (not_before.time) {
    entry.not_before = *not_before.time - table.clock_skew;
  }
  if (now >= entry.expires) {
    return refuse(Reason::kExpired);
  }
  if (now < entry.not_before) {
    return refuse(Reason::kNotYetValid);
  }
  std::string subject = subject_of(claims);
  if (subject.empty() || subject.size() > kSubjectBytesMax || has_control_character(subject)) {
    return refuse(Reason::kMissingClaim);
  }
  std::string user = user_of(claims, subject);
  entry.origin = origin_of(claims, rules.issuer, subject);
  entry.principal = std::make_shared<const Principal>(Principal{.user = std::move(user),
                                                                .issuer = rules.issuer,
                                                                .subject = std::move(subject),
                                                                .auth_type = AuthType::kAccessToken,
                                                                .key_id = "",
                                                                .roles = roles_of(claims, rules),
                                                                .scopes = std::move(scopes)});
  return entry;
}

}  // namespace

bool is_opaque(std::string_view token) {
  return !split_jwt(token);
}

AccessTokenVerifier::AccessTokenVerifier(std::size_t cache_entries_max, const Logouts* logouts,
                                         BadTokens* bad_tokens)
    : logouts_(logouts),
      bad_tokens_(bad_tokens),
      verified_(cache_entries_max),
      bad_(kBadMax),
      answers_(std::max(cache_entries_max, kAnswersMin)),
      parser_(kTokenPartBytesMax) {}

void AccessTokenVerifier::use(const std::shared_ptr<const IssuerTable>& issuers) {
  if (issuers_ != issuers) {
    verified_.clear();
    bad_.clear();
    answers_.clear();
    issuers_ = issuers;
  }
}

Whose AccessTokenVerifier::verify(const std::shared_ptr<const IssuerTable>& issuers,
                                  std::string_view token, WallTime now,
                                  const Possession* possession,
                                  std::optional<std::string_view> peer) {
  if (token.size() > issuers->token_bytes_max) {
    return refuse(Reason::kMalformed);
  }
  use(issuers);
  const Sha256Digest digest = sha256(token);
  if (const VerifiedToken* known = verified_.find(digest)) {
    return judge(*known, digest, now, possession);
  }
  const Issuer* const asked = is_opaque(token) ? issuers->asked_about_opaque() : nullptr;
  auto verified =
      asked ? answer_of(*asked, digest, now) : verify_anew(*issuers, token, digest, now, peer);
  if (!verified) {
    return std::unexpected(std::move(verified.error()));
  }
  auto whose = judge(*verified, digest, now, possession);
  if (asked == nullptr) {
    verified_.insert(digest, *std::move(verified));
  }
  return whose;
}

/// Whose a verified token is at this moment, if whoever sent it may.
Whose AccessTokenVerifier::judge(const VerifiedToken& verified, const Sha256Digest& token,
                                 WallTime now, const Possession* possession) {
  if (now >= verified.expires) {
    return refuse(Reason::kExpired);
  }
  if (now < verified.not_before) {  // The clock was put back.
    return refuse(Reason::kNotYetValid);
  }
  if (logouts_ != nullptr && logouts_->covers(verified.origin)) {
    return refuse(Reason::kLoggedOut);
  }
  if (verified.issuer->introspection && verified.issuer->introspection->always) {
    const auto answer = answer_of(*verified.issuer, token, now);
    if (!answer) {
      return std::unexpected(answer.error());
    }
    if (!answer->thumbprint.empty() && answer->thumbprint != verified.thumbprint) {
      return refuse(Reason::kBoundToAKey);
    }
  }
  if (auto failure = judge_possession(verified, token, now, possession)) {
    return std::unexpected(*std::move(failure));
  }
  if (verified.lacks_scope) {
    return std::unexpected(AuthFailure{.reason = Reason::kMissingScope,
                                       .principal = verified.principal,
                                       .scopes = verified.issuer->rules.scopes});
  }
  return verified.principal;
}

std::optional<AuthFailure> AccessTokenVerifier::judge_by_issuer(
    const std::shared_ptr<const IssuerTable>& issuers, std::string_view issuer,
    std::string_view token, WallTime now) {
  use(issuers);
  const Issuer* const known = issuers->find(issuer);
  if (known == nullptr || !known->introspection) {
    return AuthFailure{.reason = Reason::kIssuerUnavailable};
  }
  const Sha256Digest digest = sha256(token);
  const auto answer = answer_of(*known, digest, now);
  if (!answer) {
    return answer.error();
  }
  const VerifiedToken* const verified = verified_.find(digest);
  const bool is_other_key = verified != nullptr && !answer->thumbprint.empty() &&
                            answer->thumbprint != verified->thumbprint;
  return is_other_key ? std::optional(AuthFailure{.reason = Reason::kBoundToAKey}) : std::nullopt;
}

/// Why the token is nothing to whoever sent it, if it is not.
std::optional<AuthFailure> AccessTokenVerifier::judge_possession(const VerifiedToken& verified,
                                                                 const Sha256Digest& token,
                                                                 WallTime now,
                                                                 const Possession* possession) {
  if (verified.thumbprint.empty()) {
    return possession != nullptr || verified.issuer->rules.dpop_required
               ? std::optional(AuthFailure{.reason = Reason::kNotBound})
               : std::nullopt;
  }
  if (possession == nullptr) {
    return AuthFailure{.reason = Reason::kBoundToAKey};
  }
  if (possession->stage == Possession::Stage::kLater) {
    return std::nullopt;
  }
  const SeenProofs::Limits& limits = issuers_->proofs;
  auto proof = check_dpop_proof(parser_, *possession,
                                {.token = token,
                                 .thumbprint = verified.thumbprint,
                                 .now = now,
                                 .window = limits.window,
                                 .bytes_max = issuers_->token_bytes_max});
  if (!proof) {
    return AuthFailure{.reason = proof.error().is_other_key ? Reason::kOtherKey : Reason::kBadProof,
                       .detail = std::move(proof.error().what)};
  }
  const auto seen =
      possession->seen == nullptr
          ? SeenProofs::Verdict::kFull
          : possession->seen->look_up(proof->id, proof->issued, *verified.principal, limits, now,
                                      possession->stage == Possession::Stage::kWhole);
  switch (seen) {
    case SeenProofs::Verdict::kNew:
      return std::nullopt;
    case SeenProofs::Verdict::kSeen:
      return AuthFailure{.reason = Reason::kReplayedProof};
    case SeenProofs::Verdict::kForgotten:
      return AuthFailure{.reason = Reason::kBadProof, .detail = "iat is too long ago"};
    case SeenProofs::Verdict::kFullForPrincipal:
      return AuthFailure{.reason = Reason::kTooManyProofs, .principal = verified.principal};
    case SeenProofs::Verdict::kFull:
      break;
  }
  return AuthFailure{.reason = Reason::kProofsFull};
}

AccessTokenVerifier::Verdict AccessTokenVerifier::answer_of(const Issuer& issuer,
                                                            const Sha256Digest& token,
                                                            WallTime now) {
  if (issuer.introspection->url.empty()) {
    return std::unexpected(
        AuthFailure{.reason = Reason::kIssuerUnavailable, .issuer = issuer.rules.issuer});
  }
  const Answer* const answer = answers_.find(token);
  // An answer of the future is one from before the clock was put back.
  if (answer == nullptr || now >= answer->until || now < answer->asked) {
    return std::unexpected(AuthFailure{.reason = Reason::kNotAsked, .issuer = issuer.rules.issuer});
  }
  return answer->verdict;
}

void AccessTokenVerifier::learn(const std::shared_ptr<const IssuerTable>& issuers,
                                const Issuer& issuer, std::string_view token,
                                const Expected<std::string>& answer, WallTime now) {
  use(issuers);
  Verdict verdict = answer ? read_answer(*issuers, issuer, token, *answer, now)
                           : refuse(Reason::kIssuerUnavailable);
  const bool is_told = verdict || verdict.error().reason != Reason::kIssuerUnavailable;
  const auto lifetime = is_told ? issuers->introspection_cache : kUnansweredPause;
  answers_.insert(sha256(token),
                  {.asked = now, .until = now + lifetime, .verdict = std::move(verdict)});
}

/// What is no answer at all is as if there were none.
AccessTokenVerifier::Verdict AccessTokenVerifier::read_answer(const IssuerTable& issuers,
                                                              const Issuer& issuer,
                                                              std::string_view token,
                                                              std::string_view answer,
                                                              WallTime now) {
  const auto parsed = parser_.parse(answer);
  const auto claims =
      parsed && !json::find_duplicate_key(*parsed) ? json::as_object(*parsed) : std::nullopt;
  const auto active = claims ? json::bool_at(*claims, "active") : std::nullopt;
  if (!active) {
    return refuse(Reason::kIssuerUnavailable);
  }
  if (!*active) {
    return refuse(Reason::kInactive);
  }
  if (json::find(*claims, "iss") && json::string_at(*claims, "iss") != issuer.rules.issuer) {
    return refuse(Reason::kUnknownIssuer);
  }
  if (is_opaque(token)) {
    return read_claims(*claims, issuers, issuer, now);
  }
  auto thumbprint = thumbprint_of(*claims);
  if (!thumbprint) {
    return refuse(Reason::kBoundToAKey);
  }
  return VerifiedToken{.thumbprint = *std::move(thumbprint)};
}

/// What is bad without a look at its signature costs little, and nobody's account.
AccessTokenVerifier::Verdict AccessTokenVerifier::verify_anew(
    const IssuerTable& issuers, std::string_view token, const Sha256Digest& digest, WallTime now,
    std::optional<std::string_view> peer) {
  // A clock that was put back may have made it good.
  if (const Bad* const known = bad_.find(digest); known != nullptr && now >= known->since) {
    return refuse(known->reason);
  }
  const bool is_counted = bad_tokens_ != nullptr && peer;
  if (is_counted && !bad_tokens_->has_room_for(*peer, issuers.bad_tokens, now)) {
    return refuse(Reason::kTooManyBad);
  }
  const auto issued = verify_issued(parser_, issuers, token, is_access_token_type);
  if (!issued && issued.error().reason != Reason::kBadSignature) {
    return std::unexpected(issued.error());
  }
  auto verdict = issued ? read_claims(issued->claims, issuers, *issued->issuer, now)
                        : Verdict(std::unexpected(issued.error()));
  if (verdict) {
    return verdict;
  }
  if (is_counted) {
    bad_tokens_->count(*peer, issuers.bad_tokens, now);
  }
  if (const Reason reason = verdict.error().reason; reason != Reason::kNotYetValid) {
    bad_.insert(digest, {.reason = reason, .since = now});
  }
  return verdict;
}

}  // namespace mcpgate::auth
