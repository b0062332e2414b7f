#include "gateway/tool_call.h"

#include <fmt/format.h>

#include "base/log.h"
#include "json/write.h"
#include "mcp/legacy.h"
#include "mcp/modern.h"
#include "mcp/server_message.h"

namespace mcpgate::gateway {

namespace {

std::string join(const std::vector<json::Violation>& violations, std::string_view root) {
  std::string text;
  for (const json::Violation& violation : violations) {
    text += text.empty() ? "" : "\n";
    text += json::to_string(violation, root);
  }
  return text;
}

/// What is wrong with a value by its schema, or nothing.
std::optional<std::string> check(const json::Schema& schema, json::Element value,
                                 std::string_view root) {
  const auto violations = schema.validate(value);
  if (!violations) {
    return fmt::format("{}: {}", root, violations.error().message);
  }
  if (violations->empty()) {
    return std::nullopt;
  }
  return join(*violations, root);
}

/// What is wrong with a successful result by the tool's own output schema.
std::optional<std::string> check_output(const Tool& tool, json::Object result) {
  if (!tool.output) {
    return std::nullopt;
  }
  const auto structured = json::find(result, "structuredContent");
  if (!structured) {
    return "structuredContent is missing";
  }
  return check(*tool.output, *structured, "structuredContent");
}

/// What a result with isError says.
std::string text_of(json::Object result) {
  std::string text;
  const auto content = json::array_at(result, "content");
  MCPGATE_ASSERT(content);  // The sandbox's client has checked it.
  for (const json::Element block : *content) {
    const auto object = json::as_object(block);
    text += object ? json::string_at(*object, "text").value_or("") : "";
  }
  return text;
}

/// What replaces a successful result that breaks the tool's own output schema, or nothing.
std::optional<sandbox::Result> broken_output(const Tool& tool, json::Object result) {
  const auto problem = check_output(tool, result);
  if (!problem) {
    return std::nullopt;
  }
  // How it breaks it may quote the result, and so the arguments: that is for the caller alone.
  log_error("tool {}: a result of it breaks its own output schema", tool.name);
  return error_result("The tool's result breaks its own output schema: " + *problem);
}

}  // namespace

std::optional<std::string> check_arguments(const Tool& tool, const mcp::CallTool& call,
                                           json::Parser& parser) {
  if (call.arguments) {
    return check(tool.input, *call.arguments, "arguments");
  }
  const auto empty = parser.parse("{}");
  MCPGATE_ASSERT(empty);
  return check(tool.input, *empty, "arguments");
}

sandbox::Result own_result(std::string body, const sandbox::ResultFacts& facts) {
  sandbox::Result result;
  result.body = std::move(body);
  sandbox::join_lines(result.body.data(), result.body.size());
  result.result_bytes = result.body.size();
  result.is_error = facts.is_error;
  result.is_plain = facts.is_plain;
  result.reason = facts.reason;
  return result;
}

sandbox::Result error_result(std::string_view text) {
  return own_result(mcp::error_result(text), {.is_error = true});
}

sandbox::Result unavailable_result(const Error& error,
                                   std::optional<std::chrono::seconds> retry_after,
                                   std::string_view tool_set) {
  const auto ended = [](sandbox::Reason reason, std::string_view text) {
    return own_result(sandbox::write_ended_result(reason, text),
                      {.is_error = true, .reason = reason});
  };
  const auto seconds = retry_after.value_or(std::chrono::seconds{1}).count();
  switch (error.code) {
    case ErrorCode::kDeadlineExceeded:
      return ended(sandbox::Reason::kTimeout, "The tool did not answer in time.");
    case ErrorCode::kResourceExhausted:
      return ended(sandbox::Reason::kSandboxUnavailable,
                   fmt::format("Tool set {} is busy. Try again in {} s.", tool_set, seconds));
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kNotFound:
      return ended(sandbox::Reason::kSandboxUnavailable,
                   "The tool is being updated. List the tools again, then call it.");
    default:
      return ended(sandbox::Reason::kSandboxUnavailable,
                   fmt::format("The sandbox of tool set {} is not available. Try again in {} s.",
                               tool_set, seconds));
  }
}

mcp::RpcError result_error(json::Object object, const sandbox::Result& result) {
  mcp::RpcError error{.code = mcp::RpcCode::kInternalError, .message = text_of(object)};
  if (result.reason) {
    json::Writer(error.data)
        .begin_object()
        .field("io.mcpgate/reason", to_string(*result.reason))
        .end_object();
  }
  return error;
}

void note_end(const sandbox::Result& result, audit::Record& record) {
  record.status = result.is_error ? audit::Status::kError : audit::Status::kSuccess;
  record.result_bytes = result.call_tool_result().size();
  if (!result.profile.empty()) {
    record.profile = result.profile;
  }
  if (result.reason) {
    record.reason = sandbox::to_string(*result.reason);
  }
}

Answer call_answer(const AskedCall& asked, const Tool& tool, const sandbox::Result& result,
                   json::Parser& parser, audit::Record& record) {
  const std::string_view text = result.call_tool_result();
  const bool modern = era_of(asked.revision) == mcp::Era::kModern;
  const bool checks_output = tool.output && !result.is_error;
  if (result.is_plain && !modern && !checks_output) {
    note_end(result, record);
    return result_answer(asked.id, text);  // As it came: most calls of most clients.
  }
  const auto element = parser.parse(text);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // The sandbox's client has checked it.
  if (const auto broken = checks_output ? broken_output(tool, *object) : std::nullopt) {
    return call_answer(asked, tool, *broken, parser, record);
  }
  note_end(result, record);
  return result_answer(asked.id,
                       modern ? mcp::modern::call_tool_result(*object, text)
                              : mcp::legacy::call_tool_result(*object, text, asked.revision));
}

sandbox::Result inner_result(const Tool& tool, sandbox::Result result, json::Parser& parser,
                             audit::Record& record) {
  if (tool.output && !result.is_error) {
    const auto element = parser.parse(result.call_tool_result());
    const auto object = element ? json::as_object(*element) : std::nullopt;
    MCPGATE_ASSERT(object);  // The sandbox's client has checked it.
    if (auto broken = broken_output(tool, *object)) {
      result = *std::move(broken);
    }
  }
  note_end(result, record);
  return result;
}

Task<void> EventForwarder::forward(const sandbox::Event& event) {
  if (asked_.stream == nullptr) {
    co_return;
  }
  const std::string notification = notification_for(event);
  if (!notification.empty()) {
    // A client that is gone is noticed elsewhere; its call may go on.
    (void)co_await asked_.stream->send(notification);
  }
}

std::string EventForwarder::notification_for(const sandbox::Event& event) {
  if (const auto* progress = std::get_if<sandbox::Progress>(&event)) {
    return progress_notification(*progress);
  }
  if (const auto* log = std::get_if<sandbox::Log>(&event)) {
    return log_notification(*log);
  }
  return {};
}

std::string EventForwarder::progress_notification(const sandbox::Progress& progress) {
  const auto element = parser_.parse(progress.params);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto value = object ? json::find(*object, "progress") : std::nullopt;
  double now = 0;
  if (asked_.progress_token.empty() || !value ||
      value->get_double().get(now) != simdjson::SUCCESS || now <= last_progress_) {
    return {};
  }
  last_progress_ = now;
  // `params` is a checked object with at least `progress`: the token goes in front.
  return mcp::write_notification(
      "notifications/progress",
      R"({"progressToken":)" + asked_.progress_token + "," + progress.params.substr(1));
}

std::string EventForwarder::log_notification(const sandbox::Log& log) {
  const auto element = parser_.parse(log.params);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto level =
      object ? mcp::parse_log_level(json::string_at(*object, "level").value_or("")) : std::nullopt;
  if (!asked_.log_level || !level || *level < *asked_.log_level) {
    return {};
  }
  return mcp::write_notification("notifications/message", log.params);
}

}  // namespace mcpgate::gateway
