#pragma once

// The legacy era, 2025-03-26 to 2025-11-25: `initialize`, then messages whose version is in a
// header. Source: docs/specification/<revision>/basic/{lifecycle,transports}.

#include <string>
#include <string_view>

#include "mcp/message.h"

namespace mcpgate::mcp::legacy {

/// The revision of a message that carries no envelope: the header's, and 2025-03-26 without one
/// (2025-06-18, basic/transports, "Protocol Version Header").
[[nodiscard]] RpcExpected<Revision> revision_of(const Headers& headers);

/// What a request or notification asks for. `params` is absent where the message has none.
[[nodiscard]] RpcExpected<Message> read(std::string_view method, bool is_notification,
                                        std::optional<json::Object> params,
                                        std::string_view params_json, const Headers& headers);

/// The InitializeResult: the requested revision if it is served, else the newest legacy one.
[[nodiscard]] std::string initialize_result(std::string_view requested_version);

/// `{"tools":[…]}` of JSON bytes, or another list; with `nextCursor` where it is not empty.
[[nodiscard]] std::string list_result(List::Kind kind,
                                      const std::vector<std::string_view>& definitions,
                                      std::string_view next_cursor);

/// A tool as this era takes it: an `outputSchema` whose root is not an object is left out.
[[nodiscard]] std::string tool_definition(std::string_view definition, json::Parser& parser);

/// A sandbox's CallToolResult as this era takes it: `structuredContent` that is not an object is
/// left out (the text block says the same), and for 2025-03-26 a `resource_link` becomes text.
/// `text` is what `result` was parsed from.
[[nodiscard]] std::string call_tool_result(json::Object result, std::string_view text,
                                           Revision revision);

/// A GetPromptResult as this era takes it: for 2025-03-26 a `resource_link` becomes text. `text` is
/// what `result` was parsed from.
[[nodiscard]] std::string get_prompt_result(json::Object result, std::string_view text,
                                            Revision revision);

/// For a URI that names nothing, or nothing that the caller may read.
[[nodiscard]] RpcError resource_not_found(std::string_view uri);

}  // namespace mcpgate::mcp::legacy
