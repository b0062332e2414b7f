#include "auth/logout_token.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "auth/issued_token.h"
#include "auth/jwt.h"

namespace mcpgate::auth {
namespace {

using Reason = AuthFailureReason;

constexpr std::string_view kEvent = "http://schemas.openid.net/event/backchannel-logout";
/// The specification wants them short-lived, two minutes at most; not every issuer writes `exp`.
constexpr std::chrono::minutes kAgeMax{2};
constexpr std::size_t kNameBytesMax = 256;

std::unexpected<AuthFailure> refuse(Reason reason) {
  return std::unexpected(AuthFailure{.reason = reason});
}

/// `logout+jwt`, or as issuers did it before there was that.
bool is_logout_token_type(std::string_view type) {
  return type.empty() || type == "jwt" || type == "logout+jwt";
}

/// Whether the claims are those of a logout token, and of nothing else: an ID token may have a
/// `nonce`.
bool is_logout(json::Object claims) {
  const auto events = json::object_at(claims, "events");
  return events && json::object_at(*events, kEvent) && !json::find(claims, "nonce");
}

/// Why it is not to be believed at this time.
std::optional<Reason> judge_dates(json::Object claims, WallTime issued,
                                  std::chrono::milliseconds skew, WallTime now) {
  const NumericDate expires = date_at(claims, "exp");
  if (expires.is_wrong) {
    return Reason::kMissingClaim;
  }
  if (issued - skew > now) {
    return Reason::kNotYetValid;
  }
  if (now >= issued + kAgeMax + skew || (expires.time && now >= *expires.time + skew)) {
    return Reason::kExpired;
  }
  return std::nullopt;
}

/// A claim that may be missing; nothing where it is there and cannot be a name.
std::optional<std::string_view> name_at(json::Object claims, std::string_view claim) {
  if (!json::find(claims, claim)) {
    return "";
  }
  const auto name = json::string_at(claims, claim);
  return name && !name->empty() && name->size() <= kNameBytesMax ? name : std::nullopt;
}

}  // namespace

std::expected<LogoutOrder, AuthFailure> verify_logout_token(json::Parser& parser,
                                                            const IssuerTable& issuers,
                                                            std::string_view token, WallTime now) {
  if (token.size() > issuers.token_bytes_max) {
    return refuse(Reason::kMalformed);
  }
  const auto issued = verify_issued(parser, issuers, token, is_logout_token_type);
  if (!issued) {
    return std::unexpected(issued.error());
  }
  const json::Object claims = issued->claims;
  const IssuerRules& rules = issued->issuer->rules;
  if (!is_logout(claims)) {
    return refuse(Reason::kWrongType);
  }
  bool for_us = rules.logout_clients.empty();
  for_each_string(json::find(claims, "aud"), [&](std::string_view audience) {
    for_us |= std::ranges::find(rules.logout_clients, audience) != rules.logout_clients.end();
  });
  if (!for_us) {
    return refuse(Reason::kWrongAudience);
  }
  const auto issued_at = date_at(claims, "iat").time;
  if (!issued_at) {
    return refuse(Reason::kMissingClaim);
  }
  if (const auto reason = judge_dates(claims, *issued_at, issuers.clock_skew, now)) {
    return refuse(*reason);
  }
  const auto session = name_at(claims, "sid");
  const auto subject = name_at(claims, "sub");
  if (!session || !subject || (session->empty() && subject->empty()) ||
      name_at(claims, "jti").value_or("").empty()) {
    return refuse(Reason::kMissingClaim);
  }
  return LogoutOrder{.logout = {.whose = session->empty() ? subject_digest(rules.issuer, *subject)
                                                          : session_digest(rules.issuer, *session),
                                .at = *issued_at},
                     .issuer = rules.issuer,
                     .subject = std::string(*subject)};
}

}  // namespace mcpgate::auth
