#pragma once

// The modern era, 2026-07-28: no handshake; every request carries its envelope in `params._meta`
// and repeats parts of it in headers, which must agree with the body.
// Source: docs/specification/2026-07-28/basic/{index,versioning,transports/streamable-http}.

#include <string>
#include <string_view>
#include <vector>

#include "mcp/message.h"

namespace mcpgate::mcp::modern {

/// Whether `params` carry the envelope that makes a request a modern one.
[[nodiscard]] bool has_envelope(std::optional<json::Object> params);

/// Whether the header names a revision of this era; then a request without envelope is malformed,
/// never a legacy one.
[[nodiscard]] bool claimed_by(const Headers& headers);

/// What a request or notification asks for, after envelope, headers and method were checked in the
/// order of the specification.
[[nodiscard]] RpcExpected<Message> read(std::string_view method, bool is_notification,
                                        std::optional<json::Object> params,
                                        std::string_view params_json, const Headers& headers);

/// The DiscoverResult.
[[nodiscard]] std::string discover_result();

/// `{"resultType":"complete","tools":[…],…}`, or another list. What a principal sees depends on its
/// roles, so the list is `private`.
[[nodiscard]] std::string list_result(List::Kind kind,
                                      const std::vector<std::string_view>& definitions,
                                      std::string_view next_cursor);

/// Whether a result has the members that say how long it may be kept.
enum class Caching { kUnsaid, kNotKept };
/// A result of `members`, an object with at least one and without `_meta`, as JSON bytes: of
/// `resources/read`, which must say how long it may be kept, `prompts/get`, `completion/complete`.
[[nodiscard]] std::string item_result(std::string_view members, Caching caching);

/// What a client must be asked first: `inputRequests` as JSON bytes, and the `requestState` that it
/// sends back with its responses.
[[nodiscard]] std::string input_required_result(std::string_view requests, std::string_view state);

/// For a request that needs to ask what the client cannot be asked.
[[nodiscard]] RpcError missing_capability(const ClientCapabilities& needed);

/// A result of another `resultType`, or of no member: `members` is an object without `_meta`.
[[nodiscard]] std::string typed_result(std::string_view result_type, std::string_view members);

/// For a URI that names nothing, or nothing that the caller may read.
[[nodiscard]] RpcError resource_not_found(std::string_view uri);

/// A sandbox's CallToolResult with `resultType` and the server's name in `_meta`. `text` is what
/// `result` was parsed from.
[[nodiscard]] std::string call_tool_result(json::Object result, std::string_view text);

}  // namespace mcpgate::mcp::modern
