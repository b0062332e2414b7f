#pragma once

// JSON numbers as the decimals that people write: 0.3 is a multiple of 0.1, 1.0 is an integer,
// 9007199254740993 is not 9007199254740992. Doubles are read as the shortest decimal that is them.

#include <compare>
#include <cstdint>
#include <optional>

#include "json/parse.h"

namespace mcpgate::json {

/// ± digits · 10^exponent.
struct Decimal {
  bool negative = false;
  std::uint64_t digits = 0;
  int exponent = 0;
};

/// Of a finite double; `digits` does not end in 0 unless it is 0.
[[nodiscard]] Decimal to_decimal(double number);
/// Nothing where `element` is not a number.
[[nodiscard]] std::optional<Decimal> to_decimal(Element element);
/// The same value, `digits` not ending in 0, zero without sign: equal numbers become equal fields.
[[nodiscard]] Decimal normalized(Decimal number);

[[nodiscard]] std::strong_ordering compare(const Decimal& a, const Decimal& b);
[[nodiscard]] bool is_integer(const Decimal& number);
/// Whether `number` divided by `divisor` (not zero) leaves no rest, exactly.
[[nodiscard]] bool is_multiple(const Decimal& number, const Decimal& divisor);

}  // namespace mcpgate::json
