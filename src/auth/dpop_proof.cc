// What costs nothing is checked first, and the signature last: a stolen token shall not buy more
// than hashes. Nothing of the proof is believed before all of it was found to hold.

#include "auth/dpop_proof.h"

#include <fmt/format.h>

#include "auth/jwk.h"
#include "auth/jwt.h"
#include "base/encoding.h"
#include "http/web_url.h"

namespace mcpgate::auth {
namespace {

constexpr std::string_view kHeader = "dpop";
constexpr std::string_view kType = "dpop+jwt";

std::unexpected<DpopProblem> wrong(std::string what) {
  return std::unexpected(DpopProblem{.what = std::move(what)});
}

/// With which key the proof says it is signed.
struct ProofKey {
  VerificationKey key;
  JwsAlgorithm algorithm;
};

std::expected<ProofKey, DpopProblem> read_header(json::Object header, std::string_view thumbprint) {
  if (json::string_at(header, "typ") != kType) {
    return wrong("typ is not dpop+jwt");
  }
  const auto algorithm = parse_jws_algorithm(json::string_at(header, "alg").value_or(""));
  if (!algorithm) {
    return wrong(fmt::format("alg is none of {}", fmt::join(kJwsAlgorithmNames, ", ")));
  }
  if (json::find(header, "crit")) {  // What it names must be understood (RFC 7515, 4.1.11).
    return wrong("crit names what is not understood");
  }
  const auto jwk = json::object_at(header, "jwk");
  if (!jwk) {
    return wrong("jwk is missing");
  }
  auto key = VerificationKey::parse(*jwk);
  if (!key) {
    return wrong("jwk is " + key.error().message);
  }
  if (!key->can_verify(*algorithm)) {
    return wrong("jwk is a key for another alg");
  }
  if (jwk_thumbprint(*jwk) != thumbprint) {
    return std::unexpected(DpopProblem{.is_other_key = true});
  }
  return ProofKey{.key = *std::move(key), .algorithm = *algorithm};
}

bool is_here(json::Object claims, const Possession& possession) {
  const auto theirs = http::normalize_web_url(json::string_at(claims, "htu").value_or(""));
  return theirs && theirs == http::normalize_web_url(
                                 std::string(possession.url_base).append(possession.url_rest));
}

/// As RFC 9530 has it for SHA-256 alone, which is all that the draft had.
std::string content_digest(std::string_view body) {
  return "sha-256=:" + base64_encode(sha256(body)) + ":";
}

std::expected<DpopProof, DpopProblem> check_claims(json::Object claims,
                                                   const Possession& possession,
                                                   const DpopTerms& terms) {
  const std::string_view id = json::string_at(claims, "jti").value_or("");
  if (id.empty()) {
    return wrong("jti is missing");
  }
  if (json::string_at(claims, "htm") != possession.method) {
    return wrong("htm is not the method of the request");
  }
  if (!is_here(claims, possession)) {
    return wrong("htu is not the URL of this endpoint");
  }
  if (json::string_at(claims, "ath") != base64url_encode(terms.token)) {
    return wrong("ath is not the hash of the access token");
  }
  const auto issued = date_at(claims, "iat").time;
  if (!issued) {
    return wrong("iat is no date");
  }
  if (terms.now - *issued > terms.window) {
    return wrong("iat is too long ago");
  }
  if (*issued - terms.now > terms.window) {
    return wrong("iat is still to come");
  }
  if (possession.stage == Possession::Stage::kWhole && json::find(claims, "content_digest") &&
      json::string_at(claims, "content_digest") != content_digest(possession.body)) {
    return wrong("content_digest is not that of the body");
  }
  // A thumbprint has one length, so that no two pairs are one text.
  return DpopProof{.issued = *issued, .id = sha256(std::string(terms.thumbprint).append(id))};
}

/// The only one.
std::expected<std::string_view, DpopProblem> find_proof(const Possession& possession,
                                                        std::size_t bytes_max) {
  const auto proof = http::find_header(possession.headers, kHeader);
  if (!proof) {
    return wrong("there is no DPoP header");
  }
  if (http::count_headers(possession.headers, kHeader) > 1) {
    return wrong("there are several DPoP headers");
  }
  if (proof->size() > bytes_max) {
    return wrong("it is too long");
  }
  return *proof;
}

}  // namespace

std::expected<DpopProof, DpopProblem> check_dpop_proof(json::Parser& parser,
                                                       const Possession& possession,
                                                       const DpopTerms& terms) {
  const auto proof = find_proof(possession, terms.bytes_max);
  if (!proof) {
    return std::unexpected(proof.error());
  }
  const auto parts = split_jwt(*proof);
  const auto signature = parts ? base64url_decode(parts->signature) : std::nullopt;
  const auto header = signature ? parse_jwt_part(parser, parts->header) : std::nullopt;
  if (!header) {
    return wrong("it is not one JSON Web Token");
  }
  const auto key = read_header(*header, terms.thumbprint);
  if (!key) {
    return std::unexpected(key.error());
  }
  const auto claims = parse_jwt_part(parser, parts->payload);  // The header is gone with it.
  if (!claims) {
    return wrong("it is not one JSON Web Token");
  }
  auto held = check_claims(*claims, possession, terms);
  if (held && !key->key.verify(key->algorithm, parts->signed_part, *signature)) {
    return wrong("it is not signed by its jwk");
  }
  return held;
}

}  // namespace mcpgate::auth
