#pragma once

// Proof of possession (RFC 9449): whoever sends a token that is bound to a key shows with each
// request that it has the key, by a JSON Web Token about just this request.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "auth/seen_proofs.h"
#include "base/clock.h"
#include "base/digest.h"
#include "http/message.h"
#include "json/parse.h"

namespace mcpgate::auth {

/// What a request has to show that its caller holds a key. Views borrow from the request; it is
/// cheap to make and looked at only where a token is bound to a key.
struct Possession {
  enum class Stage : std::uint8_t {
    kHead,   ///< The body is still to come: the proof is looked at, and can be used after that.
    kWhole,  ///< The request is here: the proof is used, once.
    kLater,  ///< It was used, and what it began goes on: only the token counts.
  };

  Stage stage = Stage::kHead;
  std::string_view method = {};
  /// The URL that clients send it to, in two parts: `https://h/` and `mcp`.
  std::string_view url_base = {};
  std::string_view url_rest = {};
  std::span<const http::Header> headers = {};
  /// For Stage::kWhole.
  std::string_view body = {};
  /// Null: none can be used.
  SeenProofs* seen = nullptr;
};

/// A proof that holds, but may have been used before.
struct DpopProof {
  WallTime issued;
  /// The SHA-256 over its key and its `jti`: no other key's proof has the same.
  Sha256Digest id;
};

/// Why a proof does not hold: the key is another one, or else what is wrong, without bytes of it.
struct DpopProblem {
  bool is_other_key = false;
  std::string what = {};
};

/// What a proof is measured by.
struct DpopTerms {
  /// The SHA-256 of the access token.
  const Sha256Digest& token;
  /// Of the key that it is bound to: jwk_thumbprint().
  std::string_view thumbprint;
  WallTime now;
  /// How far its time may be from `now`.
  std::chrono::milliseconds window;
  /// The longest that is looked at.
  std::size_t bytes_max;
};

/// Checks everything of RFC 9449, 4.3, but whether it was used before: there is one proof, and it
/// is about this request, this token and this time, and signed by the token's key. A
/// `content_digest` in it (of an earlier draft for MCP) must be that of the body.
///
/// No nonce was ever given out, so one in it means nothing.
[[nodiscard]] std::expected<DpopProof, DpopProblem> check_dpop_proof(json::Parser& parser,
                                                                     const Possession& possession,
                                                                     const DpopTerms& terms);

}  // namespace mcpgate::auth
