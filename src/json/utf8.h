#pragma once

#include <cstddef>
#include <string_view>

namespace mcpgate::json {

/// The length of the UTF-8 character at the start of `text`, or 0 where there is none.
[[nodiscard]] std::size_t utf8_character_size(std::string_view text);

/// The code point of one valid UTF-8 character.
[[nodiscard]] char32_t code_point(std::string_view character);

/// How many bytes at the start of `text` are whole, valid UTF-8 characters.
[[nodiscard]] std::size_t valid_utf8_size(std::string_view text);

/// The longest valid start of `text` that has at most `bytes_max` bytes.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t bytes_max);

/// How many characters (code points) valid UTF-8 has.
[[nodiscard]] std::size_t count_characters(std::string_view text);

}  // namespace mcpgate::json
