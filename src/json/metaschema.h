#pragma once

#include <optional>
#include <string_view>

namespace mcpgate::json {

inline constexpr std::string_view kDialect2020 = "https://json-schema.org/draft/2020-12/schema";

/// The text of a metaschema of JSON Schema 2020-12: the dialect's own, or one of its vocabularies.
[[nodiscard]] std::optional<std::string_view> find_metaschema(std::string_view uri);

}  // namespace mcpgate::json
