#pragma once

// A call of a resource or a prompt. It goes the way of a tool's: POST /execute, with an order as
// its `arguments`. What it gives is the `structuredContent` of its CallToolResult, whose `content`
// is empty; what went wrong is a result with `isError` and its text, as a tool's is.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "json/parse.h"
#include "sandbox/declared.h"
#include "sandbox/uri_template.h"

namespace mcpgate::sandbox {

/// MCP: at most so many values of a completion.
inline constexpr std::size_t kCompletionValuesMax = 100;

/// Reads a resource: `{"read":{"uri":"…","variables":{"id":"7"}}}`. `variables` are those of its
/// template.
[[nodiscard]] std::string write_read_order(std::string_view uri,
                                           const UriTemplate::Values& variables);
/// Gets a prompt: `{"get":{…}}`. `arguments` is a JSON object of strings, spliced as it is.
[[nodiscard]] std::string write_get_order(std::string_view arguments);
/// Completes an argument of a prompt or a variable of a template:
/// `{"complete":{"argument":"city","value":"Par","arguments":{…}}}`. `arguments` is a JSON object
/// of those that are known already, spliced as it is.
[[nodiscard]] std::string write_complete_order(std::string_view argument, std::string_view value,
                                               std::string_view arguments);

/// What an order gives, checked as hostile input; kInvalidArgument says what is wrong, without the
/// bytes.
///
/// Of a read: `{"contents":[{"uri","mimeType"?,"text"|"blob"},…]}`; none where there is no such
/// resource.
[[nodiscard]] Expected<void> check_read_result(json::Element result);
/// Of a get: `{"description"?,"messages":[{"role":"user"|"assistant","content":{block}},…]}`.
[[nodiscard]] Expected<void> check_get_result(json::Element result);
/// Of a completion: `{"values":[…],"total"?,"hasMore"?}`.
[[nodiscard]] Expected<void> check_complete_result(json::Element result);

}  // namespace mcpgate::sandbox
