#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mcpgate {

/// The bytes of a string, for functions that take bytes.
[[nodiscard]] inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Lower-case hexadecimal.
[[nodiscard]] std::string hex_encode(std::span<const std::uint8_t> bytes);
/// The same into `out`, which has room for exactly two characters a byte.
void hex_encode(std::span<const std::uint8_t> bytes, std::span<char> out);
/// Either case; nothing for an odd length or another character.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> hex_decode(std::string_view text);

/// base64url without padding (RFC 4648, section 5).
[[nodiscard]] std::string base64url_encode(std::span<const std::uint8_t> bytes);
/// Strict: no padding, no other alphabet, no left-over bits.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> base64url_decode(std::string_view text);

/// Standard base64 with its padding (RFC 4648, section 4).
[[nodiscard]] std::string base64_encode(std::span<const std::uint8_t> bytes);
/// Its reverse. Strict: both alphabet and padding exact.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> base64_decode(std::string_view text);

/// Lower-case base32 without padding (RFC 4648, section 6, alphabet a-z2-7).
[[nodiscard]] std::string base32_encode(std::span<const std::uint8_t> bytes);

/// Whether all of `text` is well-formed UTF-8 (RFC 3629): no surrogates, no overlong forms.
[[nodiscard]] bool is_utf8(std::string_view text);
/// Whether it holds a control character: C0 and DEL.
[[nodiscard]] bool has_control_character(std::string_view text);

/// CRC-32 as zlib and Ethernet compute it.
[[nodiscard]] std::uint32_t crc32(std::span<const std::uint8_t> bytes);

}  // namespace mcpgate
