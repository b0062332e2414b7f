#pragma once

// Equality of JSON values as JSON Schema defines it: 1 and 1.0 are equal, the order of members
// does not matter.

#include <cstdint>

#include "json/parse.h"

namespace mcpgate::json {

/// What an operation on hostile values may still cost, in comparisons.
class Budget {
 public:
  explicit Budget(std::uint64_t steps) : steps_(steps) {}

  /// False once it is used up; it then stays so.
  bool spend(std::uint64_t steps) {
    steps_ = steps < steps_ ? steps_ - steps : 0;
    return steps_ > 0;
  }
  [[nodiscard]] bool exhausted() const { return steps_ == 0; }

 private:
  std::uint64_t steps_;
};

/// Whether the values are equal. Neither may have duplicate keys. Of no meaning when the budget
/// ended.
[[nodiscard]] bool equal(Element a, Element b, Budget& budget);

/// The same for equal values.
[[nodiscard]] std::uint64_t hash(Element element, Budget& budget);

}  // namespace mcpgate::json
