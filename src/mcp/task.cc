#include "mcp/task.h"

#include <array>
#include <utility>

#include "json/write.h"
#include "mcp/modern.h"

namespace mcpgate::mcp {

namespace {

constexpr std::string_view kExtension = "io.modelcontextprotocol/tasks";

constexpr std::array<std::pair<std::string_view, AskTask::What>, 3> kMethods{
    {{"tasks/get", AskTask::What::kGet},
     {"tasks/update", AskTask::What::kUpdate},
     {"tasks/cancel", AskTask::What::kCancel}}};

std::string_view to_string(TaskState::Status status) {
  switch (status) {
    case TaskState::Status::kWorking:
      return "working";
    case TaskState::Status::kInputRequired:
      return "input_required";
    case TaskState::Status::kCompleted:
      return "completed";
    case TaskState::Status::kFailed:
      return "failed";
    case TaskState::Status::kCancelled:
      return "cancelled";
  }
  return "";
}

/// Opens the object; what only one of the forms has follows.
void write_members(json::Writer& writer, const TaskState& task) {
  writer.begin_object().field("taskId", task.id).field("status", to_string(task.status));
  if (task.error) {
    writer.field("statusMessage", task.error->message);
  }
  writer.field("createdAt", format_rfc3339(task.created));
  writer.field("lastUpdatedAt", format_rfc3339(task.updated));
  writer.field("ttlMs", task.ttl.count()).field("pollIntervalMs", task.poll_interval.count());
}

}  // namespace

bool declares_tasks(json::Object capabilities) {
  const auto extensions = json::object_at(capabilities, "extensions");
  return extensions && json::object_at(*extensions, kExtension).has_value();
}

RpcError tasks_not_declared(Revision revision) {
  if (era_of(revision) == Era::kLegacy) {
    return {.code = RpcCode::kMethodNotFound,
            .message = "This tool runs as a task only, which this revision of MCP does not have"};
  }
  RpcError error{.code = RpcCode::kMissingClientCapability,
                 .message = "The client must declare the extension io.modelcontextprotocol/tasks",
                 .http_status = 400};
  json::Writer writer(error.data);
  writer.begin_object().key("requiredCapabilities").begin_object();
  writer.key("extensions").begin_object().raw_field(kExtension, "{}");
  writer.end_object().end_object().end_object();
  return error;
}

std::optional<RpcExpected<Operation>> read_ask_task(std::string_view method,
                                                    std::optional<json::Object> params) {
  for (const auto& [name, what] : kMethods) {
    if (method != name) {
      continue;
    }
    const auto id = params ? json::string_at(*params, "taskId") : std::nullopt;
    if (!id) {
      return rpc_fail(RpcCode::kInvalidParams, "params.taskId: the task's id is missing");
    }
    if (what == AskTask::What::kUpdate && !json::object_at(*params, "inputResponses")) {
      return rpc_fail(RpcCode::kInvalidParams, "params.inputResponses: must be an object");
    }
    return AskTask{.what = what, .id = *id};
  }
  return std::nullopt;
}

std::string create_task_result(const TaskState& task) {
  std::string members;
  json::Writer writer(members);
  write_members(writer, task);
  writer.end_object();
  return modern::typed_result("task", members);
}

std::string get_task_result(const TaskState& task) {
  std::string members;
  members.reserve(task.result.size() + 1024);
  json::Writer writer(members);
  write_members(writer, task);
  if (!task.input_requests.empty()) {
    writer.raw_field("inputRequests", task.input_requests);
  }
  if (!task.result.empty()) {
    writer.raw_field("result", task.result);
  }
  if (task.error) {
    writer.key("error").begin_object().field("code", static_cast<int>(task.error->code));
    writer.field("message", task.error->message);
    if (!task.error->data.empty()) {
      writer.raw_field("data", task.error->data);
    }
    writer.end_object();
  }
  writer.end_object();
  return modern::item_result(members, modern::Caching::kUnsaid);
}

std::string task_acknowledgement() {
  return modern::typed_result("complete", "{}");
}

}  // namespace mcpgate::mcp
