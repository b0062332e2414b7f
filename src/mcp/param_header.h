#pragma once

// Arguments that a client of 2026-07-28 repeats in headers, so that whoever stands between can
// route by them: `"x-mcp-header": "Region"` on a property of a tool's inputSchema means
// `Mcp-Param-Region` (SEP-2243; server/tools, "x-mcp-header").

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/message.h"
#include "json/parse.h"
#include "mcp/rpc.h"

namespace mcpgate::mcp {

/// One of them.
struct ParamHeader {
  /// `Mcp-Param-Region`.
  std::string header;
  /// The names of the properties that lead to it.
  std::vector<std::string> path;
};

/// Those of an inputSchema. kInvalidArgument where an annotation is one for which clients drop the
/// whole tool: a name that is no token or is there twice, a type other than string, integer and
/// boolean, or a place that a chain of `properties` does not lead to.
[[nodiscard]] Expected<std::vector<ParamHeader>> find_param_headers(json::Object input_schema);

/// A header's value, where the request has it.
using HeaderLookup = std::function<std::optional<std::string_view>(std::string_view)>;

/// Whether each header agrees with its argument: equal, or both missing. An argument of a type that
/// has no header (the schema refuses it) is not compared. The error is kHeaderMismatch.
[[nodiscard]] RpcExpected<void> check_param_headers(std::span<const ParamHeader> headers,
                                                    std::optional<json::Object> arguments,
                                                    const HeaderLookup& lookup);

/// The headers that go with these arguments to a server: names and encoded values.
[[nodiscard]] http::Headers write_param_headers(std::span<const ParamHeader> headers,
                                                std::optional<json::Object> arguments);

}  // namespace mcpgate::mcp
