#pragma once

#include <string>

#include "base/error.h"
#include "json/parse.h"

namespace mcpgate::json {

/// Appends the canonical form of `element` (RFC 8785): no blanks, keys sorted by their UTF-16 code
/// units, numbers as ECMAScript prints the nearest double, so that equal data has equal bytes.
///
/// Errors: kInvalidArgument for a duplicate key (RFC 8785 takes I-JSON only); `out` is then partly
/// written.
[[nodiscard]] Expected<void> append_canonical(std::string& out, Element element);

/// The same as a string of its own.
[[nodiscard]] Expected<std::string> canonical(Element element);

}  // namespace mcpgate::json
