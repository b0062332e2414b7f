#pragma once

// A table of limits: it reads them from a file, and a reference page is compared with it, so that
// neither has a limit that the other lacks.

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/units.h"
#include "base/yaml.h"

namespace mcpgate {

/// One limit of a struct `Limits`, which holds its default and is named by a key of a file. The
/// upper bounds keep a slip of the pen (4Gi for 4Mi) from disarming it.
template <class Limits>
struct LimitRow {
  /// A number of bytes: `4Mi`.
  struct Bytes {
    std::size_t& (*of)(Limits&);
    std::uint64_t min, max;
  };
  /// A number of things.
  struct Count {
    std::size_t& (*of)(Limits&);
    std::int64_t min, max;
    /// What a default of 0 stands for, where it is none itself.
    std::string_view zero = {};
  };
  /// A time: `30s`.
  struct Time {
    std::chrono::milliseconds& (*of)(Limits&);
    std::chrono::milliseconds min, max;
  };

  std::string_view key;
  std::variant<Bytes, Count, Time> kind;
  std::string_view reason;
};

/// One limit, as a reference shows it.
struct LimitInfo {
  std::string key;            ///< `limits.body`
  std::string default_value;  ///< `4Mi`
  std::string reason;
};

/// Reads every row's key; what is absent stays as it is in `limits`. Problems go to the document.
template <class Limits>
void read_limit_rows(std::span<const LimitRow<Limits>> rows, YamlMap& map, Limits& limits) {
  using Row = LimitRow<Limits>;
  for (const Row& row : rows) {
    if (const auto* bytes = std::get_if<typename Row::Bytes>(&row.kind)) {
      std::size_t& value = bytes->of(limits);
      value = map.size(row.key, value, {.min = bytes->min, .max = bytes->max});
    } else if (const auto* count = std::get_if<typename Row::Count>(&row.kind)) {
      std::size_t& value = count->of(limits);
      value = static_cast<std::size_t>(map.integer(row.key, static_cast<std::int64_t>(value),
                                                   {.min = count->min, .max = count->max}));
    } else if (const auto* time = std::get_if<typename Row::Time>(&row.kind)) {
      std::chrono::milliseconds& value = time->of(limits);
      value = map.duration(row.key, value, {.min = time->min, .max = time->max});
    }
  }
}

template <class Limits>
std::string default_of(const LimitRow<Limits>& row) {
  using Row = LimitRow<Limits>;
  Limits limits;
  if (const auto* bytes = std::get_if<typename Row::Bytes>(&row.kind)) {
    return format_size(bytes->of(limits));
  }
  if (const auto* count = std::get_if<typename Row::Count>(&row.kind)) {
    const std::size_t value = count->of(limits);
    return value == 0 && !count->zero.empty() ? std::string(count->zero) : fmt::format("{}", value);
  }
  return format_duration(std::get<typename Row::Time>(row.kind).of(limits));
}

/// The table for the reference, in its own order; `map` is the key of the file that holds them.
template <class Limits>
std::vector<LimitInfo> limit_infos(std::span<const LimitRow<Limits>> rows,
                                   std::string_view map = "limits") {
  std::vector<LimitInfo> all;
  for (const LimitRow<Limits>& row : rows) {
    all.push_back({.key = fmt::format("{}.{}", map, row.key),
                   .default_value = default_of(row),
                   .reason = std::string(row.reason)});
  }
  return all;
}

}  // namespace mcpgate
