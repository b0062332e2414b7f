#include "auth/authenticator.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "auth/api_key.h"
#include "base/encoding.h"
#include "base/error.h"

namespace mcpgate::auth {
namespace {

using Answer = std::expected<std::shared_ptr<const Principal>, AuthFailure>;

std::unexpected<AuthFailure> refuse(AuthFailureReason reason, std::string_view key_id = {}) {
  return std::unexpected(AuthFailure{.reason = reason, .key_id = std::string(key_id)});
}

/// With the blank behind them.
constexpr std::string_view kBearer = "bearer ";
constexpr std::string_view kDpop = "dpop ";

bool is_scheme(std::string_view authorization, std::string_view scheme) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::ranges::equal(authorization.substr(0, scheme.size()), scheme, same);
}

bool is_demo_token(std::string_view token) {
  return equal_in_constant_time(as_bytes(token), as_bytes(kDemoToken));
}

/// What an unknown id is compared with, so that it costs what a known one costs. Nobody knows text
/// of which it is the SHA-256.
constexpr Sha256Digest kNoDigest{};

}  // namespace

std::optional<SentToken> sent_token(std::string_view authorization) {
  const bool is_bearer = is_scheme(authorization, kBearer);
  if (!is_bearer && !is_scheme(authorization, kDpop)) {
    return std::nullopt;
  }
  const std::size_t begin =
      authorization.find_first_not_of(' ', (is_bearer ? kBearer : kDpop).size());
  if (begin == std::string_view::npos) {
    return std::nullopt;
  }
  return SentToken{.scheme = is_bearer ? AuthScheme::kBearer : AuthScheme::kDpop,
                   .token = authorization.substr(begin)};
}

Authenticator::Authenticator(Options options)
    : keys_(std::move(options.keys)),
      key_uses_(std::move(options.key_uses)),
      key_owners_(std::move(options.key_owners)),
      issuers_(std::move(options.issuers)) {
  MCPGATE_ASSERT(!key_uses_ || !keys_ || key_uses_->size() == keys_->records().size());
  if (options.demo_token_allowed) {
    demo_ = std::make_shared<const Principal>(Principal{.user = "demo",
                                                        .issuer = "mcpgate:demo",
                                                        .subject = "demo",
                                                        .auth_type = AuthType::kDemoToken,
                                                        .key_id = "",
                                                        .roles = std::move(options.demo_roles)});
  }
}

Answer Authenticator::authenticate(const Credentials& credentials, WallTime now,
                                   AccessTokenVerifier& tokens) const {
  if (has_credential_in_query(credentials.target)) {
    return refuse(AuthFailureReason::kCredentialInUrl);
  }
  if (credentials.authorization_count > 1) {
    return refuse(AuthFailureReason::kSeveral);
  }
  if (!credentials.authorization) {
    return refuse(AuthFailureReason::kMissing);
  }
  const auto sent = sent_token(*credentials.authorization);
  if (!sent) {
    return refuse(AuthFailureReason::kMalformed);
  }
  const std::string_view token = sent->token;
  if (sent->scheme == AuthScheme::kDpop) {
    return authenticate_bound(credentials, token, now, tokens);
  }
  if (const auto id = parse_api_key(token)) {
    const auto key = find_key(token, *id, now);
    if (!key) {
      return std::unexpected(key.error());
    }
    if (key_uses_ && credentials.peer) {
      KeyUses::note(*(*key_uses_)[(*key)->index], now);
    }
    return (*key)->principal;
  }
  if (is_demo_token(token)) {
    return demo_ && credentials.peer_is_loopback
               ? Answer(demo_)
               : Answer(refuse(AuthFailureReason::kDemoNotAllowed));
  }
  if (issuers_) {
    return tokens.verify(issuers_, token, now, nullptr, credentials.peer);
  }
  return refuse(AuthFailureReason::kMalformed);
}

/// Only access tokens are bound to keys. Of another credential it is not told whether it is one.
Answer Authenticator::authenticate_bound(const Credentials& credentials, std::string_view token,
                                         WallTime now, AccessTokenVerifier& tokens) const {
  const bool is_other = parse_api_key(token) || is_demo_token(token);
  Answer who = is_other ? Answer(refuse(AuthFailureReason::kNotBound))
               : issuers_
                   ? tokens.verify(issuers_, token, now, &credentials.possession, credentials.peer)
                   : Answer(refuse(AuthFailureReason::kMalformed));
  if (!who) {
    who.error().scheme = AuthScheme::kDpop;
  }
  return who;
}

bool Authenticator::can_authenticate() const {
  const auto has_keys = [](const Issuer& issuer) { return issuer.keys != nullptr; };
  return (keys_ && keys_->available()) || demo_ ||
         (issuers_ && std::ranges::any_of(issuers_->issuers, has_keys));
}

std::vector<KeyUse> Authenticator::key_uses() const {
  std::vector<KeyUse> uses;
  for (std::size_t i = 0; key_uses_ && keys_ && i < key_uses_->size(); ++i) {
    const std::int64_t last = (*key_uses_)[i]->load(std::memory_order_relaxed);
    const std::string_view id = keys_->records()[i].id;
    if (last != 0 && (uses.empty() || uses.back().key_id != id)) {
      uses.push_back({.key_id = id, .last = last});
    }
  }
  return uses;
}

std::expected<const KeyTable::Entry*, AuthFailure> Authenticator::find_key(std::string_view token,
                                                                           std::string_view id,
                                                                           WallTime now) const {
  if (keys_ && !keys_->available()) {
    return refuse(AuthFailureReason::kStoreUnavailable, id);
  }
  const Sha256Digest digest = sha256(token);
  const KeyTable::Entry* entry = keys_ ? keys_->find(id) : nullptr;
  const bool is_equal = equal_in_constant_time(digest, entry ? entry->sha256 : kNoDigest);
  if (entry == nullptr) {
    return refuse(AuthFailureReason::kUnknown, id);
  }
  // First the secret: who does not have it does not learn, by time either, what state the key is
  // in.
  if (!is_equal) {
    return refuse(AuthFailureReason::kWrongSecret, id);
  }
  if (entry->revoked) {
    return refuse(AuthFailureReason::kRevoked, id);
  }
  if (now >= entry->expires) {
    return refuse(AuthFailureReason::kExpired, id);
  }
  if (now < entry->not_before) {
    return refuse(AuthFailureReason::kNotYetValid, id);
  }
  if (key_owners_ && !entry->owner.empty()) {
    switch (key_owners_->state_of(entry->owner)) {
      case KeyOwners::State::kUnknown:
        return refuse(AuthFailureReason::kOwnerUnknown, id);
      case KeyOwners::State::kDisabled:
        return refuse(AuthFailureReason::kOwnerDisabled, id);
      case KeyOwners::State::kEnabled:
        break;
    }
  }
  return entry;
}

}  // namespace mcpgate::auth
