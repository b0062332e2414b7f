#pragma once

// The tasks extension of 2026-07-28, `io.modelcontextprotocol/tasks`: a call whose result comes
// later, by polling. Source: SEP-2663, and modelcontextprotocol/ext-tasks,
// specification/2026-07-28.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "json/parse.h"
#include "mcp/message.h"

namespace mcpgate::mcp {

/// Whether `capabilities`, a ClientCapabilities object, declare the extension.
[[nodiscard]] bool declares_tasks(json::Object capabilities);

/// What a client without it is told where nothing else can be done: -32021, and -32601 in the
/// legacy revisions, which do not have it.
[[nodiscard]] RpcError tasks_not_declared(Revision revision);

/// `tasks/get`, `tasks/update`, `tasks/cancel`; nothing for every other method.
[[nodiscard]] std::optional<RpcExpected<Operation>> read_ask_task(
    std::string_view method, std::optional<json::Object> params);

/// A task at one moment.
struct TaskState {
  enum class Status { kWorking, kInputRequired, kCompleted, kFailed, kCancelled };

  std::string id;
  Status status = Status::kWorking;
  WallTime created;
  WallTime updated;
  std::chrono::milliseconds ttl{0};
  std::chrono::milliseconds poll_interval{0};
  /// Of kInputRequired: an `inputRequests` object as JSON bytes.
  std::string input_requests = {};
  /// Of kCompleted: the CallToolResult as JSON bytes.
  std::string result = {};
  /// Of kFailed.
  std::optional<RpcError> error = std::nullopt;
};

/// The answer to the call that made the task.
[[nodiscard]] std::string create_task_result(const TaskState& task);
/// The answer to `tasks/get`.
[[nodiscard]] std::string get_task_result(const TaskState& task);
/// The answer to `tasks/update` and `tasks/cancel`: it was heard.
[[nodiscard]] std::string task_acknowledgement();

}  // namespace mcpgate::mcp
