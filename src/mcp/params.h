#pragma once

// What both eras read from `params` in the same way. Views borrow from the body and its document.

#include <optional>
#include <string_view>

#include "json/parse.h"
#include "mcp/message.h"

namespace mcpgate::mcp {

/// `tools/call`: `name` a string, `arguments` an object where present.
[[nodiscard]] RpcExpected<CallTool> read_call_tool(std::optional<json::Object> params,
                                                   std::string_view params_json);

/// `tools/list`: this server gives out no cursors, so the only good one is none.
[[nodiscard]] RpcExpected<ListTools> read_list_tools(std::optional<json::Object> params);

/// `progressToken` and `traceparent` of `params._meta` into `message`.
[[nodiscard]] RpcExpected<void> read_meta(std::optional<json::Object> params,
                                          std::string_view params_json, Message& message);

/// The id that `notifications/cancelled` names, as JSON bytes; empty where it names none.
[[nodiscard]] std::string_view read_cancelled_id(std::optional<json::Object> params,
                                                 std::string_view params_json);

/// Whether an element may be an id or a progress token: a string or a whole number.
[[nodiscard]] bool is_id(json::Element element);

}  // namespace mcpgate::mcp
