#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mcpgate::mcp {

/// A header value as its sender meant it: plain, or `=?base64?…?=` around the standard base64 of
/// UTF-8 (2026-07-28, basic/transports/streamable-http, "Value Encoding"). Nothing where it claims
/// to be base64 and is not; a marker without its counterpart is plain text.
[[nodiscard]] std::optional<std::string> decode_header_value(std::string_view value);

/// A value as it goes into a header: plain where that is possible, else as base64.
[[nodiscard]] std::string encode_header_value(std::string_view value);

}  // namespace mcpgate::mcp
