#pragma once

// What an upstream answered, in the form that a sandbox's answer has, so that one walk serves both.
// All of it is hostile input; pure.

#include <chrono>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "gateway/upstream.h"
#include "sandbox/execute.h"

namespace mcpgate::gateway {

/// What was asked.
enum class UpstreamAsk { kCall, kRead, kGet, kComplete };

/// The result of a request. A JSON-RPC error is a result with isError and its words; an answer that
/// is none of MCP, or wants something that no client was asked for, is one with ours. Members that
/// no revision knows are left out, and so is whatever would speak for this gateway.
[[nodiscard]] sandbox::Result upstream_result(UpstreamAsk ask, const UpstreamAnswer& answer);

/// The result of a request that got none.
[[nodiscard]] sandbox::Result upstream_failure(const Error& error,
                                               std::optional<std::chrono::seconds> retry_after,
                                               std::string_view tool_set);

}  // namespace mcpgate::gateway
