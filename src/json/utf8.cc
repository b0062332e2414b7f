#include "json/utf8.h"

#include <simdjson.h>

#include <algorithm>

namespace mcpgate::json {
namespace {

// In blocks first, since character by character is some 50 times slower.
constexpr std::size_t kBlock = 4096;

}  // namespace

std::size_t utf8_character_size(std::string_view text) {
  if (text.empty()) {
    return 0;
  }
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return size <= text.size() && simdjson::validate_utf8(text.substr(0, size)) ? size : 0;
}

char32_t code_point(std::string_view character) {
  const auto byte = [character](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) {
    return byte(0);
  }
  char32_t code = byte(0) & (0x7fU >> character.size());
  for (std::size_t i = 1; i < character.size(); ++i) {
    code = code << 6U | (byte(i) & 0x3fU);
  }
  return code;
}

std::size_t valid_utf8_size(std::string_view text) {
  std::size_t valid = 0;
  while (text.size() - valid > kBlock) {
    std::size_t size = kBlock;
    while (size > kBlock - 4 && (text[valid + size] & 0xC0) == 0x80) {
      --size;
    }
    if (!simdjson::validate_utf8(text.data() + valid, size)) {
      break;
    }
    valid += size;
  }
  while (const std::size_t size = utf8_character_size(text.substr(valid))) {
    valid += size;
  }
  return valid;
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) {
  const std::string_view start = text.substr(0, bytes_max);
  return start.substr(0, valid_utf8_size(start));
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return (byte & 0xC0) != 0x80; }));
}

}  // namespace mcpgate::json
