#pragma once

// MCP as a client speaks it to a server, whatever carries the messages: what is sent, and what is
// read of the answers, which are hostile input (2025-11-25, "Lifecycle"; 2026-07-28, "Versioning").
// Pure: messages in, messages out.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "json/parse.h"
#include "mcp/revision.h"

namespace mcpgate::mcp {

/// An answer to a request of ours. Views borrow from the message.
struct ServerResponse {
  std::uint64_t id = 0;
  /// The result as JSON bytes, or empty where there is an error.
  std::string_view result = {};
  /// The error for people: `Unknown tool: x (JSON-RPC error -32602)`.
  std::string error = {};
  /// That error's code, where it has one.
  std::optional<std::int64_t> error_code = {};
};

/// A notification. Views borrow from message and parser.
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

/// Reads one message. kInvalidArgument says what is wrong with it, without its bytes.
[[nodiscard]] Expected<ServerMessage> read_server_message(std::string_view text,
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

/// What a server says of itself, by `initialize` or `server/discover`.
struct ServerOffer {
  Era era = Era::kLegacy;
  /// As it goes into MCP-Protocol-Version.
  std::string version = {};
  bool has_tools = false;
  bool has_resources = false;
  bool has_prompts = false;
  bool has_completions = false;
  /// Whether it says when one of its lists changes.
  bool tells_changes = false;
};
/// Reads a result of `initialize`, of a revision that is spoken here. kFailedPrecondition, for who
/// runs the server.
[[nodiscard]] Expected<ServerOffer> read_initialize_result(std::string_view result);
/// The same of `server/discover`; kFailedPrecondition too where it serves no modern revision.
[[nodiscard]] Expected<ServerOffer> read_discover_result(std::string_view result);

/// What goes with a request in `_meta`.
struct RequestMeta {
  /// Progress is wanted, under this token.
  std::optional<std::uint64_t> progress_token = {};
  /// Modern only: log messages are wanted, from this level on; empty: none.
  std::string_view log_level = {};
  /// W3C trace context, or empty.
  std::string_view traceparent = {};
};
/// The params of a request: `members`, what stands between the braces of a JSON object or nothing,
/// and `_meta`, in the modern era with its envelope.
[[nodiscard]] std::string request_params(Era era, std::string_view members,
                                         const RequestMeta& meta = {});
/// The members of `tools/call` and `prompts/get`. `arguments` is a JSON object.
[[nodiscard]] std::string call_members(std::string_view name, std::string_view arguments);

/// What a Progress of ours holds (sandbox/execute.h), of `notifications/progress` for request `id`;
/// empty where it is for another one or is none.
[[nodiscard]] std::string progress_of(std::string_view params, std::uint64_t id,
                                      json::Parser& parser);

/// What a tool's log line holds (sandboxd/call.h), of `notifications/message`; empty where it is
/// none.
[[nodiscard]] std::string log_of(std::string_view params, json::Parser& parser);

/// A CallToolResult for what a server answered by an error: the tool failed, not the sandbox.
[[nodiscard]] std::string error_result(std::string_view error);

/// Collects the pages of one of a server's lists.
class ListReader {
 public:
  /// `key` is what the list is called in its result: `tools`. Views a literal.
  ListReader(std::string_view key, std::size_t items_max) : key_(key), items_max_(items_max) {}

  /// The members of the request for the next page; see request_params().
  [[nodiscard]] std::string next_members() const;
  /// Takes a page. Errors: it is none, there are too many items, or a page comes again.
  [[nodiscard]] Expected<void> take(std::string_view result);
  /// Whether the page that was taken was the last.
  [[nodiscard]] bool is_done() const { return cursor_.empty(); }

  /// The definitions as JSON bytes, each as the server wrote it.
  std::vector<std::string> items;

 private:
  std::string_view key_;
  std::size_t items_max_;
  std::string cursor_;
  std::set<std::string, std::less<>> cursors_;
};

}  // namespace mcpgate::mcp
