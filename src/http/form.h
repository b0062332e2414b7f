#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mcpgate::http {

/// Names and values in order.
using FormFields = std::vector<std::pair<std::string, std::string>>;

/// `application/x-www-form-urlencoded`, as queries and OAuth's requests are written: everything but
/// RFC 3986's unreserved characters is escaped.
[[nodiscard]] std::string form_encode(const FormFields& fields);

/// One name or value of such a text.
[[nodiscard]] std::string form_escape(std::string_view text);

/// The fields of such a text; what is no escape stays as it is.
[[nodiscard]] FormFields form_decode(std::string_view text);

}  // namespace mcpgate::http
