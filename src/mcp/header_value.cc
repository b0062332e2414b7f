#include "mcp/header_value.h"

#include <algorithm>

#include "base/encoding.h"

namespace mcpgate::mcp {

namespace {

constexpr std::string_view kOpen = "=?base64?";
constexpr std::string_view kClose = "?=";

bool is_marked(std::string_view value) {
  return value.size() >= kOpen.size() + kClose.size() && value.starts_with(kOpen) &&
         value.ends_with(kClose);
}

}  // namespace

std::optional<std::string> decode_header_value(std::string_view value) {
  if (!is_marked(value)) {
    return std::string(value);
  }
  value.remove_prefix(kOpen.size());
  value.remove_suffix(kClose.size());
  const auto bytes = base64_decode(value);
  if (!bytes) {
    return std::nullopt;
  }
  return std::string(bytes->begin(), bytes->end());
}

std::string encode_header_value(std::string_view value) {
  const bool is_plain = !value.empty() && value.front() != ' ' && value.back() != ' ' &&
                        !is_marked(value) &&
                        std::ranges::all_of(value, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (is_plain) {
    return std::string(value);
  }
  return std::string(kOpen).append(base64_encode(as_bytes(value))).append(kClose);
}

}  // namespace mcpgate::mcp
