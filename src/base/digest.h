#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

namespace mcpgate {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// SHA-256 of one message.
[[nodiscard]] Sha256Digest sha256(std::string_view bytes);
/// The same in lower-case hex.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// A digest in lower-case hex, where a string of its own would be too dear.
class HexDigest {
 public:
  explicit HexDigest(const Sha256Digest& digest);
  [[nodiscard]] std::string_view view() const { return {digits_.data(), digits_.size()}; }

 private:
  std::array<char, 2 * std::tuple_size_v<Sha256Digest>> digits_;
};

/// HMAC-SHA256 (RFC 2104).
[[nodiscard]] Sha256Digest hmac_sha256(std::string_view key, std::string_view message);
/// Compares without telling by its duration where the two differ. Lengths are not secret.
[[nodiscard]] bool equal_in_constant_time(std::span<const std::uint8_t> a,
                                          std::span<const std::uint8_t> b);

}  // namespace mcpgate
