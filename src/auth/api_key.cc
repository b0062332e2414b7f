#include "auth/api_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/encoding.h"

namespace mcpgate::auth {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kChecksumLength = 8;
constexpr std::size_t kSecretAt = kApiKeyPrefix.size() + kKeyIdLength + 1;
constexpr std::size_t kChecksumAt = kApiKeyLength - kChecksumLength;

bool is_base64url(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/// Parameters of a query that are credentials.
constexpr std::array<std::string_view, 7> kCredentialNames{
    "access_token", "api_key", "api-key", "apikey", "key", "token", "authorization"};

/// `%41` → `A`; what is no escape stays.
std::string percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (const auto byte = hex_decode(text.substr(i + 1, 2)); byte) {
        decoded += static_cast<char>(byte->front());
        i += 2;
        continue;
      }
    }
    decoded += text[i];
  }
  return decoded;
}

}  // namespace

NewApiKey generate_api_key(Random& random) {
  // 8 bytes are 13 characters of base32, of which 12 whole ones are kept: 60 bits.
  std::array<std::uint8_t, 8> id{};
  std::array<std::uint8_t, kSecretBytes> secret{};
  random.fill(id);
  random.fill(secret);
  NewApiKey key;
  key.id = base32_encode(id).substr(0, kKeyIdLength);
  key.text = fmt::format("{}{}_{}", kApiKeyPrefix, key.id, base64url_encode(secret));
  key.text += fmt::format("{:08x}", crc32(as_bytes(key.text)));
  key.sha256 = sha256(key.text);
  return key;
}

bool is_key_id(std::string_view text) {
  return text.size() == kKeyIdLength && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
         });
}

std::optional<std::string_view> parse_api_key(std::string_view text) {
  if (text.size() != kApiKeyLength || !text.starts_with(kApiKeyPrefix) ||
      text[kSecretAt - 1] != '_') {
    return std::nullopt;
  }
  const std::string_view id = text.substr(kApiKeyPrefix.size(), kKeyIdLength);
  const std::string_view secret = text.substr(kSecretAt, kChecksumAt - kSecretAt);
  const std::string_view checksum = text.substr(kChecksumAt);
  // Upper-case hex would be a second spelling of the same key.
  const bool is_lower_hex = std::ranges::all_of(
      checksum, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!is_key_id(id) || !std::ranges::all_of(secret, is_base64url) || !is_lower_hex) {
    return std::nullopt;
  }
  std::uint32_t expected = 0;
  std::from_chars(checksum.data(), checksum.data() + checksum.size(), expected, 16);
  return crc32(as_bytes(text.substr(0, kChecksumAt))) == expected ? std::optional(id)
                                                                  : std::nullopt;
}

bool has_credential_in_query(std::string_view request_target) {
  const std::size_t question = request_target.find('?');
  if (question == std::string_view::npos) {
    return false;
  }
  const std::string query = percent_decode(request_target.substr(question + 1));
  std::string lower = query;
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  if (lower.contains(kApiKeyPrefix)) {
    return true;
  }
  std::string_view rest = lower;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("&;"), rest.size());
    const std::string_view name = rest.substr(0, std::min(rest.substr(0, end).find('='), end));
    if (std::ranges::find(kCredentialNames, name) != kCredentialNames.end()) {
      return true;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace mcpgate::auth
