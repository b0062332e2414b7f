// The order matters: shape and size, then the header, then `iss` alone, then the signature; claims
// are looked at only when somebody has vouched for them (RFC 8725, RFC 9068, 4).

#include "auth/issued_token.h"

#include <algorithm>
#include <optional>
#include <string>

#include "auth/jwt.h"
#include "base/encoding.h"

namespace mcpgate::auth {
namespace {

using Reason = AuthFailureReason;

std::unexpected<AuthFailure> refuse(Reason reason) {
  return std::unexpected(AuthFailure{.reason = reason});
}

/// Which signature a token claims to have.
struct Header {
  JwsAlgorithm algorithm;
  std::optional<std::string> key_id;
};

bool has_wanted_type(json::Object header, IsWantedType is_wanted) {
  constexpr std::string_view kMediaType = "application/";
  if (!json::find(header, "typ")) {
    return is_wanted("");
  }
  std::string type(json::string_at(header, "typ").value_or("no string"));
  std::ranges::transform(type, type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (type.starts_with(kMediaType)) {
    type.erase(0, kMediaType.size());
  }
  return !type.empty() && is_wanted(type);
}

std::expected<Header, AuthFailure> read_header(json::Object header, IsWantedType is_wanted) {
  const auto algorithm = parse_jws_algorithm(json::string_at(header, "alg").value_or(""));
  if (!algorithm) {
    return refuse(Reason::kAlgorithm);
  }
  if (json::find(header, "crit")) {  // What it names must be understood (RFC 7515, 4.1.11).
    return refuse(Reason::kMalformed);
  }
  if (!has_wanted_type(header, is_wanted)) {
    return refuse(Reason::kWrongType);
  }
  Header read{.algorithm = *algorithm, .key_id = std::nullopt};
  if (json::find(header, "kid")) {
    read.key_id = json::string_at(header, "kid").value_or("");
    if (read.key_id->empty() || read.key_id->size() > kKeyIdBytesMax) {
      return refuse(Reason::kMalformed);
    }
  }
  return read;
}

}  // namespace

std::expected<IssuedToken, AuthFailure> verify_issued(json::Parser& parser,
                                                      const IssuerTable& issuers,
                                                      std::string_view token,
                                                      IsWantedType is_wanted) {
  const auto parts = split_jwt(token);
  const auto signature = parts ? base64url_decode(parts->signature) : std::nullopt;
  if (!parts || !signature) {
    return refuse(Reason::kMalformed);
  }
  const auto header_object = parse_jwt_part(parser, parts->header);
  if (!header_object) {
    return refuse(Reason::kMalformed);
  }
  const auto header = read_header(*header_object, is_wanted);
  if (!header) {
    return std::unexpected(header.error());
  }
  const auto claims = parse_jwt_part(parser, parts->payload);
  if (!claims) {
    return refuse(Reason::kMalformed);
  }
  const Issuer* issuer = issuers.find(json::string_at(*claims, "iss").value_or(""));
  if (issuer == nullptr) {
    return refuse(Reason::kUnknownIssuer);
  }
  if (!issuer->keys) {
    return std::unexpected(
        AuthFailure{.reason = Reason::kIssuerUnavailable, .issuer = issuer->rules.issuer});
  }
  const VerificationKey* key = issuer->keys->find(header->key_id, header->algorithm);
  if (key == nullptr) {
    return std::unexpected(
        AuthFailure{.reason = Reason::kUnknownSigningKey, .issuer = issuer->rules.issuer});
  }
  if (!key->verify(header->algorithm, parts->signed_part, *signature)) {
    return refuse(Reason::kBadSignature);
  }
  return IssuedToken{.issuer = issuer, .claims = *claims};
}

}  // namespace mcpgate::auth
