#pragma once

// URI references as JSON Schema uses them: resolved, never opened.

#include <string>
#include <string_view>
#include <utility>

namespace mcpgate::json {

/// `reference` made absolute by `base` (RFC 3986, section 5.2). A base without scheme is taken as
/// it is.
[[nodiscard]] std::string resolve_uri(std::string_view base, std::string_view reference);

/// What stands before and after the first `#`; the fragment is percent-decoded.
[[nodiscard]] std::pair<std::string, std::string> split_fragment(std::string_view uri);

}  // namespace mcpgate::json
