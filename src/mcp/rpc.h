#pragma once

// JSON-RPC 2.0 as MCP uses it: the errors, and how answers are written.

#include <expected>
#include <string>
#include <string_view>

namespace mcpgate::mcp {

/// JSON-RPC's own codes, and those that MCP defines: 2026-07-28 (basic/index, "Error codes"), and
/// one that is the legacy revisions' alone.
enum class RpcCode : int {
  kParseError = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kInternalError = -32603,
  kHeaderMismatch = -32020,
  kMissingClientCapability = -32021,
  kUnsupportedProtocolVersion = -32022,
  kLegacyResourceNotFound = -32002,
  /// None of theirs says it: HTTP's own, outside of the range that they keep for themselves.
  kInsufficientScope = 403,
  kTooManyRequests = 429,
};

/// An error for the client, with the HTTP status that goes with it in the era it was asked in.
struct RpcError {
  RpcCode code = RpcCode::kInternalError;
  std::string message;
  int http_status = 200;
  /// JSON bytes, or empty.
  std::string data = {};
};

/// What parsing for a client answers.
template <class T>
using RpcExpected = std::expected<T, RpcError>;

[[nodiscard]] std::unexpected<RpcError> rpc_fail(RpcCode code, std::string message,
                                                 int http_status = 200);

/// The id of an answer to something whose id could not be read.
inline constexpr std::string_view kNullId = "null";

/// `{"jsonrpc":"2.0","id":…,"result":…}`. `id` and `result` are JSON bytes and spliced as they are.
[[nodiscard]] std::string write_result(std::string_view id, std::string_view result);
/// `{"jsonrpc":"2.0","id":…,"error":…}`.
[[nodiscard]] std::string write_error(std::string_view id, const RpcError& error);
/// `{"jsonrpc":"2.0","id":…,"method":…,"params":…}`; id and params are JSON bytes.
[[nodiscard]] std::string write_request(std::string_view id, std::string_view method,
                                        std::string_view params);
/// `{"jsonrpc":"2.0","method":…,"params":…}`.
[[nodiscard]] std::string write_notification(std::string_view method, std::string_view params);

}  // namespace mcpgate::mcp
