#include "auth/jwt.h"

#include <chrono>
#include <cmath>
#include <cstdint>

#include "base/encoding.h"

namespace mcpgate::auth {
namespace {

/// NumericDates beyond it, the year 2200, are no dates but slips; it is in the reach of WallTime.
constexpr double kDateSecondsMax = 7'258'118'400;

}  // namespace

std::optional<JwtParts> split_jwt(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == std::string_view::npos || token.find('.', first + 1) != last) {
    return std::nullopt;
  }
  JwtParts parts{.header = token.substr(0, first),
                 .payload = token.substr(first + 1, last - first - 1),
                 .signature = token.substr(last + 1),
                 .signed_part = token.substr(0, last)};
  if (parts.header.empty() || parts.payload.empty() || parts.signature.empty()) {
    return std::nullopt;
  }
  return parts;
}

std::optional<json::Object> parse_jwt_part(json::Parser& parser, std::string_view part) {
  const auto bytes = base64url_decode(part);
  if (!bytes) {
    return std::nullopt;
  }
  const auto element = parser.parse({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!element || json::find_duplicate_key(*element)) {
    return std::nullopt;
  }
  return json::as_object(*element);
}

NumericDate date_at(json::Object claims, std::string_view name) {
  const auto element = json::find(claims, name);
  if (!element) {
    return {};
  }
  double seconds = 0;
  if (element->get_double().get(seconds) != simdjson::SUCCESS || !(seconds >= 0) ||
      seconds > kDateSecondsMax) {
    return {.is_wrong = true, .time = std::nullopt};
  }
  const std::chrono::seconds whole(static_cast<std::int64_t>(std::floor(seconds)));
  return {.is_wrong = false, .time = WallTime(whole)};
}

}  // namespace mcpgate::auth
