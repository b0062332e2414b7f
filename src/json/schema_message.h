#pragma once

// The words in which violations speak of types, values and names.

#include <span>
#include <string>
#include <string_view>

#include "json/number.h"
#include "json/parse.h"
#include "json/schema_program.h"

namespace mcpgate::json {

/// How much of a property's name a violation shows.
inline constexpr std::size_t kNameBytesMax = 64;

/// `text` as a JSON string, cut where it is long.
[[nodiscard]] std::string quote(std::string_view text);

/// The types that `instance` is of: `integer` and `number` for 1.0.
[[nodiscard]] TypeSet types_of(Element instance);
/// The narrowest of them: `integer`.
[[nodiscard]] std::string_view type_name(Element instance);
/// `integer`, `string or null`.
[[nodiscard]] std::string names_of(TypeSet types);

/// A value of the schema, cut where it is long.
[[nodiscard]] std::string shown(Element value);
[[nodiscard]] std::string shown(const Decimal& number);

/// The property that `name` was probably meant to be, or an empty name.
[[nodiscard]] std::string_view nearest_name(std::span<const Property> properties,
                                            std::string_view name);

}  // namespace mcpgate::json
