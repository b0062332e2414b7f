#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mcpgate::http {

/// The one spelling of an `http` or `https` URL without its query and fragment, so that two of them
/// can be compared: RFC 3986, 6.2.2 (case, percent-encoding, dot segments) and 6.2.3 (the scheme's
/// own port, an empty path). `HTTPS://H:443/%7ea/./b?x` → `https://h/~a/b`.
///
/// Nothing for what is no such URL, has user information, or holds characters that no URL has.
[[nodiscard]] std::optional<std::string> normalize_web_url(std::string_view url);

}  // namespace mcpgate::http
