#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mcpgate {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// SHA-256 with its context kept: one object a loop, since fetching costs more than hashing.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  /// The digest of all that was added since the last finish(); ready for the next message.
  [[nodiscard]] Sha256Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The digest of one message.
[[nodiscard]] Sha256Digest sha256(std::string_view bytes);
/// The same in lower-case hex.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
/// HMAC-SHA256 (RFC 2104).
[[nodiscard]] Sha256Digest hmac_sha256(std::string_view key, std::string_view message);
/// Compares without telling by its duration where the two differ. Lengths are not secret.
[[nodiscard]] bool equal_in_constant_time(std::span<const std::uint8_t> a,
                                          std::span<const std::uint8_t> b);

}  // namespace mcpgate
