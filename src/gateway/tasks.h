#pragma once

// Tasks: calls that outlive their request, run detached at their sandbox, which keeps their result.
// The gateway keeps nothing of them: what a replica must know to ask for one is in its id.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "audit/record.h"
#include "base/error.h"
#include "base/task.h"
#include "gateway/catalogue.h"
#include "gateway/parts.h"
#include "gateway/visit.h"
#include "json/parse.h"
#include "mcp/task.h"
#include "sandbox/client.h"

namespace mcpgate::gateway {

/// What a task's id says of its call.
struct TaskId {
  /// As it was when the call was decided; it is decided on again whenever someone asks.
  Item item;
  /// At the daemon of its set.
  std::string call_id;
  WallTime created;
  std::chrono::milliseconds ttl{0};
  /// What its client said it can be asked.
  mcp::ClientCapabilities client = {};
};

/// The state of a task that was just started, with its id sealed: bound to the principal of
/// `visit`, expiring with the task.
[[nodiscard]] mcp::TaskState new_task(const GatewayParts& parts, const Visit& visit,
                                      const TaskId& task);

/// Nothing for what no gateway gave the principal of `visit`, or what has expired.
[[nodiscard]] std::optional<TaskId> open_task(const GatewayParts& parts, const Visit& visit,
                                              std::string_view token);

/// The answer to an id that open_task() does not open, and to one of a call that its principal may
/// not make any more.
[[nodiscard]] mcp::RpcError unknown_task();
/// The answer where the sandbox cannot be asked.
[[nodiscard]] mcp::RpcError task_unavailable();

/// What asking for a task needs.
struct TaskQuery {
  const Visit& visit;
  sandbox::ToolSetClient& client;
  json::Parser& parser;
  const Clock& clock;
};

/// The result of `tasks/get`. A call that its sandbox does not know any more, or did not survive,
/// has failed. `record` learns what is given out. Errors: those of ToolSetClient::detached_state().
Task<Expected<std::string>> get_task(TaskQuery query, TaskId task, std::string token,
                                     audit::Record& record);

/// The effect of `tasks/update`: its tool is told what of `responses`, an `inputResponses` object
/// as JSON bytes, answers what it asks now. All else is passed over, as the extension has it: a
/// task that asks nothing, keys that were answered, responses that are none. It returns when the
/// task shows what is still to be answered. Errors: as get_task().
Task<Expected<void>> update_task(TaskQuery query, TaskId task, std::string responses);

}  // namespace mcpgate::gateway
