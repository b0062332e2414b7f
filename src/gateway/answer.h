#pragma once

#include <string>
#include <string_view>

#include "http/message.h"
#include "mcp/rpc.h"
#include "policy/rates.h"

namespace mcpgate::gateway {

/// What one message, or one refused HTTP request, is answered with.
struct Answer {
  int status = 200;
  /// JSON bytes; empty for an answer without body.
  std::string body;
  http::Headers headers;
};

/// An answer to a message by its id (JSON bytes).
[[nodiscard]] Answer result_answer(std::string_view id, std::string_view result);
[[nodiscard]] Answer error_answer(std::string_view id, const mcp::RpcError& error);

/// A request that is refused by HTTP's means: a JSON-RPC error whose code is the status, since
/// those of JSON-RPC say nothing about HTTP.
[[nodiscard]] Answer refusal_answer(int status, std::string_view message);

/// A call by its id (JSON bytes) that a rate has no room for: 429, and when to try again.
[[nodiscard]] Answer rate_answer(std::string_view id, const policy::RateRefusal& refusal);
/// What it says.
[[nodiscard]] std::string rate_message(const policy::RateRefusal& refusal);

/// No proof, no answer: what replaces an answer whose record could not be written.
[[nodiscard]] Answer unrecorded_answer(std::string_view id);
/// Whether it is that one; no other answer to a message has its status.
[[nodiscard]] bool is_unrecorded(const Answer& answer);

/// The one answer to a tool that does not exist and to one that is hidden from the caller.
[[nodiscard]] mcp::RpcError unknown_tool(std::string_view name);

[[nodiscard]] http::Response to_response(Answer answer);

/// GET /health: the process serves.
[[nodiscard]] http::Response health_page();
/// GET /ready: 200, or 503 with the reason where there is one. Says nothing of tools or users.
[[nodiscard]] http::Response ready_page(std::string_view not_ready);

}  // namespace mcpgate::gateway
