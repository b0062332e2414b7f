#pragma once

// What both eras read from `params`, and write into results, in the same way. Views borrow from the
// body and its document.

#include <optional>
#include <string_view>
#include <vector>

#include "json/parse.h"
#include "json/write.h"
#include "mcp/message.h"

namespace mcpgate::mcp {

/// A request that both eras have, by its method; nothing for every other method. What is missing or
/// of the wrong type is named by the error. Cursors are looked at elsewhere.
[[nodiscard]] std::optional<RpcExpected<Operation>> read_shared_operation(
    std::string_view method, std::optional<json::Object> params, std::string_view params_json);

/// `progressToken` and `traceparent` of `params._meta` into `message`.
[[nodiscard]] RpcExpected<void> read_meta(std::optional<json::Object> params,
                                          std::string_view params_json, Message& message);

/// The id that `notifications/cancelled` names, as JSON bytes; empty where it names none.
[[nodiscard]] std::string_view read_cancelled_id(std::optional<json::Object> params,
                                                 std::string_view params_json);

/// The members of a list's result: `"tools":[…]`, and `nextCursor` where it is not empty.
void write_list(json::Writer& writer, List::Kind kind,
                const std::vector<std::string_view>& definitions, std::string_view next_cursor);

/// Whether an element may be an id or a progress token: a string or a whole number.
[[nodiscard]] bool is_id(json::Element element);

}  // namespace mcpgate::mcp
