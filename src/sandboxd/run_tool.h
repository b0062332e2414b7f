#pragma once

// One call of one tool, from its place in the zygote to a checked answer.

#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "json/parse.h"
#include "sandbox/execute.h"
#include "sandboxd/catalogue.h"

namespace mcpgate::sandboxd {

/// A checked CallToolResult and what it cost.
struct ToolAnswer {
  std::string call_tool_result;
  sandbox::Usage usage;
  bool is_error = false;
  /// Set where the sandbox, not the tool, ended the call.
  std::optional<sandbox::Reason> reason;
  /// The end of what it printed, hostile bytes: for its author at a terminal, never for a log.
  std::string printed;
};

/// What to run. Owns its bytes, since it outlives the request that asked for it.
struct ToolOrder {
  Catalogue::Found target;
  sandbox::ItemKind kind = sandbox::ItemKind::kTool;
  std::string tool;
  std::string arguments;
  std::string call_id;
  std::string user;
  /// Whose workspace or stdio server it is given, where the tool has one: both together.
  std::string issuer = {};
  std::string subject = {};
  std::shared_ptr<Workspace> workspace = {};
  std::string traceparent;
  /// When it was asked for, and when it must be over.
  SteadyTime arrived;
  SteadyTime deadline;
  bool progress_wanted = false;
  /// Whether it may ask: the gateway takes a stream.
  bool may_ask = false;
  /// The call that waits for this one and lends its place; empty: none.
  std::string parent = {};
  /// sandbox::ExecuteRequest::ttl.
  std::chrono::milliseconds ttl{0};
  /// See CallSpec.
  std::shared_ptr<const void> until_reaped = {};
};

/// Gives the order of a tool that has one its user's workspace. Errors: kResourceExhausted (no
/// further user may have one), kUnavailable (it cannot be had; nothing ran).
[[nodiscard]] Task<Expected<void>> enter_workspace(ToolOrder& order);

/// Runs it in a fresh child. What the child says is checked: an answer that is no CallToolResult
/// counts as `crashed`. Errors: kUnavailable (nothing ran), kAlreadyExists (the id is in flight).
[[nodiscard]] Task<Expected<ToolAnswer>> run_tool(ToolOrder order, EventSink& sink);

/// The answer of a call that the sandbox ended; without `usage` where nothing ran.
[[nodiscard]] ToolAnswer ended_answer(sandbox::Reason reason, std::string_view text,
                                      const std::optional<sandbox::Usage>& usage = std::nullopt);

}  // namespace mcpgate::sandboxd
