#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "json/utf8.h"

namespace mcpgate::cli {

namespace {

bool is_obeyed(char32_t code) {
  return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code < 0xa0) ||
         code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string for_terminal(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = json::utf8_character_size(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(size, 1));
    const char32_t code =
        size == 0 ? static_cast<unsigned char>(text.front()) : json::code_point(character);
    if (size == 0 || is_obeyed(code)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(code));
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string for_descriptor(int fd, const std::string& text) {
  return ::isatty(fd) == 1 ? for_terminal(text) : text;
}

}  // namespace mcpgate::cli
