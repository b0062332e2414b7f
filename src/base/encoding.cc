#include "base/encoding.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"

namespace mcpgate {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";

/// Encodes in groups of `bits` bits, most significant first, the last group filled with zeros.
std::string encode_bits(std::span<const std::uint8_t> bytes, std::string_view alphabet,
                        unsigned bits) {
  std::string out;
  out.reserve((bytes.size() * 8 + bits - 1) / bits);
  const std::uint32_t mask = (1U << bits) - 1;
  std::uint32_t buffer = 0;
  unsigned held = 0;
  for (const std::uint8_t byte : bytes) {
    buffer = (buffer << 8) | byte;
    held += 8;
    while (held >= bits) {
      held -= bits;
      out.push_back(alphabet[(buffer >> held) & mask]);
    }
  }
  if (held > 0) {
    out.push_back(alphabet[(buffer << (bits - held)) & mask]);
  }
  return out;
}

/// The reverse for base64; refuses any other character and set bits past the last byte.
std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text,
                                                       std::string_view alphabet) {
  if (text.size() % 4 == 1) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) {
      return std::nullopt;
    }
    buffer = (buffer << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<std::uint8_t>(buffer >> held));
    }
  }
  if ((buffer & ((1U << held) - 1)) != 0) {
    return std::nullopt;
  }
  return out;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

}  // namespace

std::string hex_encode(std::span<const std::uint8_t> bytes) {
  std::string out(bytes.size() * 2, '\0');
  hex_encode(bytes, out);
  return out;
}

void hex_encode(std::span<const std::uint8_t> bytes, std::span<char> out) {
  static constexpr auto kPairs = [] {
    std::array<std::array<char, 2>, 256> pairs{};
    for (std::size_t byte = 0; byte < pairs.size(); ++byte) {
      pairs[byte] = {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    }
    return pairs;
  }();
  MCPGATE_ASSERT(out.size() == 2 * bytes.size());
  char* digits = out.data();
  for (const std::uint8_t byte : bytes) {
    std::memcpy(digits, kPairs.data()[byte].data(), 2);
    digits += 2;
  }
}

std::optional<std::vector<std::uint8_t>> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    out[i] = static_cast<std::uint8_t>((high << 4) | low);
  }
  return out;
}

std::string base64url_encode(std::span<const std::uint8_t> bytes) {
  return encode_bits(bytes, kBase64Url, 6);
}

std::optional<std::vector<std::uint8_t>> base64url_decode(std::string_view text) {
  return decode_base64(text, kBase64Url);
}

std::string base64_encode(std::span<const std::uint8_t> bytes) {
  std::string out = encode_bits(bytes, kBase64, 6);
  out.append((4 - out.size() % 4) % 4, '=');
  return out;
}

std::optional<std::vector<std::uint8_t>> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  if (text.ends_with("==")) {
    text.remove_suffix(2);
  } else if (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  return decode_base64(text, kBase64);
}

std::string base32_encode(std::span<const std::uint8_t> bytes) {
  return encode_bits(bytes, kBase32, 5);
}

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0);
      }
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const std::uint8_t byte : bytes) {
    crc = kTable[(crc ^ byte) & 0xFF] ^ (crc >> 8);
  }
  return ~crc;
}

bool is_utf8(std::string_view text) {
  const auto continues = [&text](std::size_t at) {
    return at < text.size() && (static_cast<std::uint8_t>(text[at]) & 0xC0) == 0x80;
  };
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    const std::uint8_t second = continues(i + 1) ? static_cast<std::uint8_t>(text[i + 1]) : 0;
    const bool wrong = lead < 0xC2 || lead > 0xF4 || second == 0 ||
                       (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                       (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F) ||
                       (length > 2 && !continues(i + 2)) || (length > 3 && !continues(i + 3));
    if (wrong) {
      return false;
    }
    i += length;
  }
  return true;
}

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == '\x7f'; });
}

}  // namespace mcpgate
