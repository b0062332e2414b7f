#pragma once

// MCP's CallToolResult as it crosses the border between child, daemon and gateway.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "json/parse.h"
#include "sandbox/execute.h"

namespace mcpgate::sandbox {

/// The key of `_meta` that says why the sandbox ended a call.
inline constexpr std::string_view kReasonMetaKey = "io.mcpgate/reason";
/// The key of `_meta` that says what such a call used: a Usage.
inline constexpr std::string_view kUsageMetaKey = "io.mcpgate/usage";
/// Keys of `_meta` that start so are the sandbox's own: a tool's result must not carry them.
inline constexpr std::string_view kReservedMetaPrefix = "io.mcpgate/";

/// Who made a result: a child must not speak for the sandbox.
enum class ResultOrigin { kChild, kDaemon };

/// What the gateway needs to know of a result that it passes on.
struct ResultFacts {
  bool is_error = false;
  std::optional<Reason> reason;
  /// Nothing is in it that some revision of MCP takes in another form: no structuredContent, no
  /// resource_link.
  bool is_plain = true;
};

/// Whether it is a ContentBlock of MCP 2025-11-25: text, image, audio, resource_link or resource,
/// with its members, no key twice.
[[nodiscard]] bool is_content_block(json::Element element);
/// Whether it is `{"uri":…,"text":…}` or `{"uri":…,"blob":…}`, whatever else is in it.
[[nodiscard]] bool is_resource_contents(json::Element element);

/// Checks that `result` is one CallToolResult: `content` an array of the known blocks (text, image,
/// audio, resource_link, resource), `structuredContent` any JSON, `isError` a boolean, `_meta` an
/// object; no other member, no key twice in result, `_meta` or block. kInvalidArgument says what is
/// wrong, without the bytes.
[[nodiscard]] Expected<ResultFacts> check_call_tool_result(json::Element result,
                                                           ResultOrigin origin);

/// The result of a call that the sandbox ended: isError, `reason`, `text` for the model to act on,
/// and what the call used where something ran.
[[nodiscard]] std::string write_ended_result(Reason reason, std::string_view text,
                                             const std::optional<Usage>& usage = std::nullopt);

}  // namespace mcpgate::sandbox
