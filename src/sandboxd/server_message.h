#pragma once

// MCP as a client of a stdio server speaks it: one JSON-RPC message a line, of a revision with the
// handshake (2025-11-25, "Lifecycle" and "stdio"). Pure: lines in, lines out.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "json/parse.h"

namespace mcpgate::sandboxd {

/// An answer to a request of ours. Views borrow from the line.
struct ServerResponse {
  std::uint64_t id = 0;
  /// The result as JSON bytes, or empty where there is an error.
  std::string_view result = {};
  /// The error for people: `Unknown tool: x (JSON-RPC error -32602)`.
  std::string error = {};
};

/// A notification. Views borrow from line and parser.
struct ServerNotification {
  std::string_view method;
  /// JSON bytes of an object, or empty.
  std::string_view params = {};
};

/// A request of the server's, which wants an answer.
struct ServerRequest {
  /// JSON bytes.
  std::string_view id;
  std::string_view method;
};

using ServerMessage = std::variant<ServerResponse, ServerNotification, ServerRequest>;

/// Reads one line without its LF: hostile input. kInvalidArgument says what is wrong with it,
/// without its bytes.
[[nodiscard]] Expected<ServerMessage> read_server_message(std::string_view line,
                                                          json::Parser& parser);

/// A request of ours as one line, LF included; `params` is a JSON object.
[[nodiscard]] std::string write_server_request(std::uint64_t id, std::string_view method,
                                               std::string_view params);
/// A notification, the same.
[[nodiscard]] std::string write_server_notification(std::string_view method,
                                                    std::string_view params);
/// The answer to a request of the server's: `{}` to ping, else that it is not offered. This client
/// declares no capability, so no server may ask for more.
[[nodiscard]] std::string answer_server_request(const ServerRequest& request);

/// The params of `initialize`.
[[nodiscard]] std::string initialize_params();
/// Whether a result of `initialize` is one, of a revision that is spoken here, by a server that has
/// tools. kFailedPrecondition, for its author.
[[nodiscard]] Expected<void> check_initialize_result(std::string_view result);

/// The params of `tools/call`. `arguments` is a JSON object; progress is asked for under the
/// request's id where it is wanted.
[[nodiscard]] std::string call_params(std::string_view tool, std::string_view arguments,
                                      std::uint64_t id, bool progress_wanted);
/// What EventSink::on_progress() takes, of `notifications/progress` for request `id`; empty
/// where it is for another one or is none.
[[nodiscard]] std::string progress_of(std::string_view params, std::uint64_t id,
                                      json::Parser& parser);
/// What EventSink::on_log() takes, of `notifications/message`; empty where it is none.
[[nodiscard]] std::string log_of(std::string_view params, json::Parser& parser);

/// A CallToolResult for what a server answered by an error: the tool failed, not the sandbox.
[[nodiscard]] std::string error_result(std::string_view error);

/// One page of `tools/list`.
struct ToolsPage {
  /// The definitions as JSON bytes, each as the server wrote it.
  std::vector<std::string> tools = {};
  /// Empty at the last page.
  std::string next_cursor = {};
};
[[nodiscard]] Expected<ToolsPage> read_tools_page(std::string_view result);

}  // namespace mcpgate::sandboxd
