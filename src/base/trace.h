#pragma once

#include <algorithm>
#include <string_view>

namespace mcpgate {

/// The trace id of a `traceparent` (W3C Trace Context, level 1: `00-<32 hex>-<16 hex>-<2 hex>`), or
/// empty where it is not one. The view is into `traceparent`.
[[nodiscard]] inline std::string_view trace_id_of(std::string_view traceparent) {
  constexpr std::size_t kLength = 55;
  constexpr std::string_view kShape = "00-................................-................-..";
  const auto fits = [](char c, char shape) {
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    return shape == '.' ? hex : c == shape;
  };
  if (traceparent.size() != kLength || !std::ranges::equal(traceparent, kShape, fits)) {
    return {};
  }
  const std::string_view id = traceparent.substr(3, 32);
  return id.find_first_not_of('0') == std::string_view::npos ? std::string_view{} : id;
}

}  // namespace mcpgate
