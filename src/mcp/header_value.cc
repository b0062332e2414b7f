#include "mcp/header_value.h"

#include "base/encoding.h"

namespace mcpgate::mcp {

std::optional<std::string> decode_header_value(std::string_view value) {
  constexpr std::string_view kOpen = "=?base64?";
  constexpr std::string_view kClose = "?=";
  if (value.size() < kOpen.size() + kClose.size() || !value.starts_with(kOpen) ||
      !value.ends_with(kClose)) {
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

}  // namespace mcpgate::mcp
