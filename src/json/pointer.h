#pragma once

// JSON pointers (RFC 6901).

#include <optional>
#include <string>
#include <string_view>

#include "json/parse.h"

namespace mcpgate::json {

/// Appends `/` and `token` with `~` and `/` escaped.
void append_pointer_token(std::string& pointer, std::string_view token);

/// Takes the first token off `pointer`, unescaped; nothing where it is empty or malformed.
[[nodiscard]] std::optional<std::string> take_pointer_token(std::string_view& pointer);

/// The child of an object or array that an unescaped token names.
[[nodiscard]] std::optional<Element> child_at(Element parent, std::string_view token);

}  // namespace mcpgate::json
