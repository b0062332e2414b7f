#include "sandboxd/run_tool.h"

#include "base/log.h"
#include "json/raw.h"
#include "json/write.h"
#include "sandbox/call_tool_result.h"
#include "sandboxd/connection_questions.h"
#include "sandboxd/resource_updates.h"

namespace mcpgate::sandboxd {

namespace {

sandbox::Reason reason_of(EndReason reason) {
  switch (reason) {
    case EndReason::kTimeout:
      return sandbox::Reason::kTimeout;
    case EndReason::kMemory:
      return sandbox::Reason::kMemory;
    case EndReason::kCpu:
      return sandbox::Reason::kCpu;
    case EndReason::kOutput:
      return sandbox::Reason::kOutput;
    case EndReason::kKilled:
      return sandbox::Reason::kKilled;
    case EndReason::kNone:
    case EndReason::kCrashed:
      return sandbox::Reason::kCrashed;
  }
  return sandbox::Reason::kCrashed;
}

sandbox::Usage usage_of(const Usage& usage) {
  return {.cpu_ms = static_cast<std::int64_t>(usage.cpu_ms),
          .wall_ms = static_cast<std::int64_t>(usage.wall_ms),
          .peak_rss_bytes = static_cast<std::int64_t>(usage.peak_rss_bytes),
          .output_bytes = static_cast<std::int64_t>(usage.output_bytes)};
}

/// Parsed and checked; the parser goes with it, since simdjson keeps the memory of its largest
/// document.
Expected<sandbox::ResultFacts> check_result(std::string_view result) {
  json::Parser parser(result.size());
  const json::Element element = TRY(parser.parse(result));
  return sandbox::check_call_tool_result(element, sandbox::ResultOrigin::kChild);
}

/// Nothing that the child said: what a tool prints or answers may hold the values it was given.
void log_end(const ToolOrder& order, sandbox::Reason reason, const CallOutcome& outcome) {
  log_warn("call {} of {}: {}; it printed {} bytes", order.call_id, order.tool,
           sandbox::to_string(reason), outcome.printed_bytes);
}

/// Nothing ran, for want of something on this machine: that is no answer about the call, whatever
/// was missing, so the caller may try again.
Error not_started(const ToolOrder& order, Error error) {
  if (error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kAlreadyExists ||
      error.code == ErrorCode::kResourceExhausted) {
    return error;
  }
  log_error("call {} of {} could not start: {}", order.call_id, order.tool, error.message);
  return {ErrorCode::kUnavailable, "the call could not start; nothing ran"};
}

}  // namespace

ToolAnswer ended_answer(sandbox::Reason reason, std::string_view text,
                        const std::optional<sandbox::Usage>& usage) {
  return {.call_tool_result = sandbox::write_ended_result(reason, text, usage),
          .usage = usage.value_or(sandbox::Usage{}),
          .is_error = true,
          .reason = reason};
}

Task<Expected<void>> enter_workspace(ToolOrder& order) {
  auto entered = co_await order.target.version->workspaces->enter(order.issuer, order.subject);
  if (!entered) {
    co_return std::unexpected(entered.error().code == ErrorCode::kResourceExhausted
                                  ? std::move(entered.error())
                                  : not_started(order, std::move(entered.error())));
  }
  order.workspace = *std::move(entered);
  co_return Expected<void>{};
}

Task<Expected<ToolAnswer>> run_tool(ToolOrder order, EventSink& sink) {
  const Version& version = *order.target.version;
  const bool runs_code =
      order.kind == sandbox::ItemKind::kTool && order.tool == sandbox::kExecuteCode;
  CallSpec spec{.call_id = order.call_id,
                .kind = order.kind,
                .tool = order.tool,
                .file = order.target.tool->file,
                .arguments = std::move(order.arguments),
                .user = order.user,
                .identity = order.issuer + '\0' + order.subject,
                .deadline = order.deadline,
                .limits = order.target.tool->limits,
                .mounts = runs_code ? version.code_mounts : version.mounts,
                .workspace = std::move(order.workspace),
                .traceparent = order.traceparent,
                .until_reaped = std::move(order.until_reaped),
                .progress_wanted = order.progress_wanted};
  if (runs_code) {
    spec.importable = version.folder.settings.importable;
  }
  ConnectionQuestions events({.id = order.call_id,
                              .zygote = version.zygote,
                              .brokers = version.brokers,
                              .runs_code = runs_code},
                             sink);
  UpdateQuestions updates(
      {.manifest = version.manifest, .updates = *version.updates, .runs_code = runs_code}, events);
  auto outcome = co_await version.run(std::move(spec), updates);
  if (!outcome) {
    co_return std::unexpected(not_started(order, std::move(outcome.error())));
  }
  const sandbox::Usage usage = usage_of(outcome->usage);
  if (outcome->reason != EndReason::kNone) {
    const sandbox::Reason reason = reason_of(outcome->reason);
    log_end(order, reason, *outcome);
    ToolAnswer answer = ended_answer(
        reason, fmt::format("The sandbox ended the call of {}: {}.", order.tool, outcome->text),
        usage);
    answer.printed = std::move(outcome->diagnostics);
    co_return answer;
  }
  const auto facts = check_result(outcome->result);
  if (!facts) {
    log_end(order, sandbox::Reason::kCrashed, *outcome);
    ToolAnswer answer = ended_answer(
        sandbox::Reason::kCrashed,
        fmt::format("The tool {} ended with an answer that is not a result.", order.tool), usage);
    answer.printed = std::move(outcome->diagnostics);
    co_return answer;
  }
  co_return ToolAnswer{.call_tool_result = std::move(outcome->result),
                       .usage = usage,
                       .is_error = facts->is_error,
                       .printed = std::move(outcome->diagnostics)};
}

}  // namespace mcpgate::sandboxd
