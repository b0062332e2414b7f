#include "json/pointer.h"

#include <charconv>

namespace mcpgate::json {

void append_pointer_token(std::string& pointer, std::string_view token) {
  pointer += '/';
  for (const char byte : token) {
    if (byte == '~') {
      pointer += "~0";
    } else if (byte == '/') {
      pointer += "~1";
    } else {
      pointer += byte;
    }
  }
}

std::optional<std::string> take_pointer_token(std::string_view& pointer) {
  if (!pointer.starts_with('/')) {
    return std::nullopt;
  }
  pointer.remove_prefix(1);
  std::string token;
  while (!pointer.empty() && pointer.front() != '/') {
    char byte = pointer.front();
    pointer.remove_prefix(1);
    if (byte == '~') {
      if (pointer.empty() || (pointer.front() != '0' && pointer.front() != '1')) {
        return std::nullopt;
      }
      byte = pointer.front() == '0' ? '~' : '/';
      pointer.remove_prefix(1);
    }
    token += byte;
  }
  return token;
}

std::optional<Element> child_at(Element parent, std::string_view token) {
  if (const auto object = as_object(parent)) {
    return find(*object, token);
  }
  const auto array = as_array(parent);
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool leading_zero = token.size() > 1 && token.starts_with('0');
  if (!array || error != std::errc() || end != token.data() + token.size() || leading_zero) {
    return std::nullopt;
  }
  Element item;
  if (array->at(index).get(item) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return item;
}

}  // namespace mcpgate::json
