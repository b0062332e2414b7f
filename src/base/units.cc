#include "base/units.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <utility>

namespace mcpgate {
namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

// Longest factor first, which is the order in which the shortest exact form is looked for.
constexpr Unit kDurationUnits[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr Unit kSizeUnits[] = {{"Ti", std::uint64_t{1} << 40},
                               {"Gi", std::uint64_t{1} << 30},
                               {"Mi", std::uint64_t{1} << 20},
                               {"Ki", std::uint64_t{1} << 10},
                               {"", 1}};
constexpr std::uint64_t kDurationMax = std::uint64_t{36'500} * 86'400'000;
constexpr std::uint64_t kSizeMax = std::numeric_limits<std::int64_t>::max();

template <std::size_t N>
std::optional<std::uint64_t> parse_quantity(std::string_view text, const Unit (&units)[N],
                                            std::uint64_t max) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return std::nullopt;
  }
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units) {
    if (unit.suffix == suffix) {
      return number <= max / unit.factor ? std::optional(number * unit.factor) : std::nullopt;
    }
  }
  return std::nullopt;
}

template <std::size_t N>
std::string format_quantity(std::uint64_t number, const Unit (&units)[N]) {
  for (const Unit& unit : units) {
    if (number != 0 && number % unit.factor == 0) {
      return fmt::format("{}{}", number / unit.factor, unit.suffix);
    }
  }
  return fmt::format("{}", number);
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "never") {
    return kNever;
  }
  const auto ms = parse_quantity(text, kDurationUnits, kDurationMax);
  return ms ? std::optional(std::chrono::milliseconds(*ms)) : std::nullopt;
}

std::string format_duration(std::chrono::milliseconds duration) {
  if (duration == kNever) {
    return "never";
  }
  if (duration.count() <= 0) {
    return "0s";
  }
  return format_quantity(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_quantity(text, kSizeUnits, kSizeMax);
}

std::string format_size(std::uint64_t bytes) {
  return format_quantity(bytes, kSizeUnits);
}

}  // namespace mcpgate
