#pragma once

// One tool call after it was decided: its arguments, its events, and its result on the way to the
// client.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "audit/record.h"
#include "base/error.h"
#include "base/task.h"
#include "gateway/answer.h"
#include "gateway/call_stream.h"
#include "gateway/catalogue.h"
#include "json/parse.h"
#include "mcp/message.h"
#include "sandbox/call_tool_result.h"
#include "sandbox/execute.h"

namespace mcpgate::gateway {

/// What is needed of the message that asked, once the loop's parser has moved on.
struct AskedCall {
  /// JSON bytes.
  std::string id;
  mcp::Revision revision;
  /// JSON bytes; empty: no progress is wanted.
  std::string progress_token;
  std::optional<mcp::LogLevel> log_level;
  /// The trace that it belongs to, or empty.
  std::string traceparent;
  /// For progress and log messages; null where none are wanted, or none can be sent.
  CallStream* stream = nullptr;
  /// Whether it may ask the client, what, and how it is told: before 2026-07-28 by a stream, in a
  /// session.
  bool may_ask = true;
  mcp::ClientCapabilities client = {};
  CallStream* asking_stream = nullptr;
  std::string_view session = {};
  /// Those of mcp::Message: JSON bytes in the request.
  std::string_view input_responses = {};
  std::string_view request_state = {};
  /// Whether a task will do for a result.
  bool takes_tasks = false;
};

/// What is wrong with the arguments, for a model to mend, or nothing. Checked before a process is
/// spent.
[[nodiscard]] std::optional<std::string> check_arguments(const Tool& tool,
                                                         const mcp::CallTool& call,
                                                         json::Parser& parser);

/// A result that is written here, not by a sandbox: a CallToolResult and what is known of it.
[[nodiscard]] sandbox::Result own_result(std::string body, const sandbox::ResultFacts& facts);

/// A result that says `text` and nothing else, with isError.
[[nodiscard]] sandbox::Result error_result(std::string_view text);

/// The result of a call that got none from its sandbox.
[[nodiscard]] sandbox::Result unavailable_result(const Error& error,
                                                 std::optional<std::chrono::seconds> retry_after,
                                                 std::string_view tool_set);

/// The answer that carries a result, in the form of the era that asked; `record` learns how the
/// call ended. A result that breaks the tool's own output schema is replaced by an error that says
/// so.
[[nodiscard]] Answer call_answer(const AskedCall& asked, const Tool& tool,
                                 const sandbox::Result& result, json::Parser& parser,
                                 audit::Record& record);

/// A result that the sandbox or the tool gave instead of one, as an error of JSON-RPC: what its
/// text says, and why the sandbox ended it. `object` is what it was parsed to.
[[nodiscard]] mcp::RpcError result_error(json::Object object, const sandbox::Result& result);

/// What the record says of how a call ended.
void note_end(const sandbox::Result& result, audit::Record& record);

/// The result for the tool that called another one, checked and recorded as call_answer() does.
[[nodiscard]] sandbox::Result inner_result(const Tool& tool, sandbox::Result result,
                                           json::Parser& parser, audit::Record& record);

/// Passes progress and log messages of one call to its client.
class EventForwarder {
 public:
  EventForwarder(const AskedCall& asked, json::Parser& parser) : asked_(asked), parser_(parser) {}

  /// Drops what the client did not ask for, and progress that does not increase (MCP forbids it,
  /// and a sandbox's word is not trusted).
  Task<void> forward(const sandbox::Event& event);

 private:
  [[nodiscard]] std::string notification_for(const sandbox::Event& event);
  [[nodiscard]] std::string progress_notification(const sandbox::Progress& progress);
  [[nodiscard]] std::string log_notification(const sandbox::Log& log);

  const AskedCall& asked_;
  json::Parser& parser_;
  double last_progress_ = -1;
};

}  // namespace mcpgate::gateway
