#include "gateway/tasks.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "gateway/bound_token.h"
#include "gateway/tool_call.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/input.h"
#include "mcp/modern.h"

namespace mcpgate::gateway {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kPurpose = "mcp-task";
/// To read a result that is there.
constexpr std::chrono::seconds kResultPatience{30};
/// For a tool that was told a part of what it asked to ask for the rest.
constexpr std::chrono::seconds kAskAgainPatience{5};

std::string write_task_id(const TaskId& task) {
  std::string text;
  json::Writer writer(text);
  writer.begin_object().field("name", task.item.name).field("own", task.item.own_name);
  writer.field("set", task.item.tool_set).field("digest", task.item.digest);
  writer.field("reads", task.item.read_only).field("call", task.call_id);
  writer.field("created",
               std::chrono::floor<milliseconds>(task.created.time_since_epoch()).count());
  writer.field("ttl", task.ttl.count()).field("client", task.client.to_word()).end_object();
  return text;
}

/// Our own words: no other than write_task_id() sealed them.
TaskId read_task_id(std::string_view text) {
  json::Parser parser(text.size() + 1);
  const auto root = parser.parse(text);
  const auto object = root ? json::as_object(*root) : std::nullopt;
  MCPGATE_ASSERT(object);
  const auto word = [&](std::string_view key) {
    return std::string(json::string_at(*object, key).value_or(""));
  };
  return {.item = {.name = word("name"),
                   .own_name = word("own"),
                   .tool_set = word("set"),
                   .digest = word("digest"),
                   .read_only = json::bool_at(*object, "reads").value_or(false)},
          .call_id = word("call"),
          .created = WallTime{milliseconds{json::int_at(*object, "created").value_or(0)}},
          .ttl = milliseconds{json::int_at(*object, "ttl").value_or(0)},
          .client = mcp::ClientCapabilities::from_word(word("client"))};
}

mcp::TaskState state_of(const TaskId& task, std::string token, const Settings& settings) {
  return {.id = std::move(token),
          .created = task.created,
          .updated = task.created,
          .ttl = task.ttl,
          .poll_interval = settings.task_poll};
}

void set_failed(mcp::TaskState& state, mcp::RpcError error) {
  state.status = mcp::TaskState::Status::kFailed;
  state.error = std::move(error);
}

/// Puts how the call ended into its task.
void set_ended(mcp::TaskState& state, sandbox::Result result, bool cancelled, const Tool* tool,
               json::Parser& parser, audit::Record& record) {
  if (tool != nullptr) {
    result = inner_result(*tool, std::move(result), parser, record);
  } else {
    note_end(result, record);
  }
  record.status = audit::Status::kSuccess;  // Of what was asked here.
  if (cancelled && result.reason == sandbox::Reason::kKilled) {
    state.status = mcp::TaskState::Status::kCancelled;
    return;
  }
  const std::string_view text = result.call_tool_result();
  const auto element = parser.parse(text);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // The sandbox's client has checked it.
  if (result.reason) {
    set_failed(state, result_error(*object, result));
  } else {
    state.status = mcp::TaskState::Status::kCompleted;
    state.result = mcp::modern::call_tool_result(*object, text);
  }
}

/// A question of a task for its client, and who may answer it.
struct OpenQuestion {
  std::unique_ptr<sandbox::Execution> reading;
  sandbox::Question question;
  json::Parser parser;
  /// An `inputRequests` object as JSON bytes, and what it says: views into `question`.
  std::string_view requests_json;
  std::vector<mcp::InputRequest> requests;

  explicit OpenQuestion(sandbox::Question asked)
      : question(std::move(asked)), parser(question.params.size()) {}
};

/// What the task waits for its client to answer; null where that is nothing.
Task<Expected<std::unique_ptr<OpenQuestion>>> find_question(TaskQuery query, TaskId task,
                                                            sandbox::DetachedState kept) {
  if (!kept.is_asking || kept.has_ended || kept.events == 0) {
    co_return nullptr;
  }
  // What waits for an answer has said nothing since it asked.
  auto reading = query.client.follow(task.call_id, kept.events - 1, kAskAgainPatience);
  auto event = co_await reading->next();
  if (!event) {
    co_return std::unexpected(std::move(event.error()));
  }
  auto* const question = std::get_if<sandbox::Question>(&*event);
  if (question == nullptr || question->kind != sandbox::Question::Kind::kAskClient) {
    co_return nullptr;
  }
  auto open = std::make_unique<OpenQuestion>(std::move(*question));
  const std::string& params = open->question.params;
  const auto document = open->parser.parse(params);
  const auto object = document ? json::as_object(*document) : std::nullopt;
  const auto member = object ? json::find_member(*object, params, "inputRequests") : std::nullopt;
  auto requests = member ? mcp::read_input_requests(member->value, member->raw)
                         : Expected<std::vector<mcp::InputRequest>>();
  MCPGATE_ASSERT(member && requests);  // The sandbox's client has checked it.
  if (!std::ranges::all_of(*requests,
                           [&task](const auto& each) { return task.client.has(each.kind); })) {
    co_return nullptr;  // Whoever watches the call tells its tool so.
  }
  open->reading = std::move(reading);
  open->requests_json = member->raw;
  open->requests = *std::move(requests);
  co_return open;
}

/// The tool of a task, if it is what it was.
const Tool* tool_of(const Visit& visit, const Item& item) {
  const Tool* const tool = visit.snapshot->catalogue->find(item.name);
  return tool != nullptr && tool->digest == item.digest ? tool : nullptr;
}

}  // namespace

mcp::TaskState new_task(const GatewayParts& parts, const Visit& visit, const TaskId& task) {
  const Settings& settings = *visit.snapshot->settings;
  return state_of(task,
                  seal_bound(*settings.sealer, kPurpose, *visit.principal, task.created + task.ttl,
                             write_task_id(task), parts.random),
                  settings);
}

std::optional<TaskId> open_task(const GatewayParts& parts, const Visit& visit,
                                std::string_view token) {
  const auto text = open_bound(*visit.snapshot->settings->sealer, kPurpose, token, *visit.principal,
                               parts.clock.wall_now());
  return text ? std::optional(read_task_id(*text)) : std::nullopt;
}

mcp::RpcError unknown_task() {
  return {.code = mcp::RpcCode::kInvalidParams, .message = "Unknown task"};
}

mcp::RpcError task_unavailable() {
  return {.code = mcp::RpcCode::kInternalError,
          .message = "The task's sandbox is not available. Ask again later."};
}

Task<Expected<std::string>> get_task(TaskQuery query, TaskId task, std::string token,
                                     audit::Record& record) {
  mcp::TaskState state = state_of(task, std::move(token), *query.visit.snapshot->settings);
  const auto kept = co_await query.client.detached_state(task.call_id);
  if (!kept && kept.error().code != ErrorCode::kNotFound) {
    co_return std::unexpected(kept.error());
  }
  if (!kept) {
    set_failed(state, {.message = "The sandbox that ran the task does not have it any more."});
    co_return mcp::get_task_result(state);
  }
  state.updated = std::max(state.created, query.clock.wall_now() - kept->idle);
  const auto question = co_await find_question(query, task, *kept);
  if (!question) {
    co_return std::unexpected(question.error());
  }
  if (*question != nullptr) {
    state.status = mcp::TaskState::Status::kInputRequired;
    state.input_requests = (*question)->requests_json;
  }
  if (kept->has_ended) {
    const auto reading = query.client.follow(task.call_id, kept->events, kResultPatience);
    auto event = co_await reading->next();
    if (!event) {
      co_return std::unexpected(std::move(event.error()));
    }
    auto* const result = std::get_if<sandbox::Result>(&*event);
    if (result == nullptr) {
      co_return fail(ErrorCode::kUnavailable, "the sandbox daemon gave no result");
    }
    set_ended(state, std::move(*result), kept->is_cancelled, tool_of(query.visit, task.item),
              query.parser, record);
  }
  co_return mcp::get_task_result(state);
}

Task<Expected<void>> update_task(TaskQuery query, TaskId task, std::string responses) {
  const auto kept = co_await query.client.detached_state(task.call_id);
  if (!kept && kept.error().code != ErrorCode::kNotFound) {
    co_return std::unexpected(kept.error());
  }
  auto question =
      kept ? co_await find_question(query, task, *kept) : Expected<std::unique_ptr<OpenQuestion>>();
  if (!question) {
    co_return std::unexpected(std::move(question.error()));
  }
  const OpenQuestion* const open = question->get();
  const auto fitting = open == nullptr ? std::vector<mcp::InputResponse>()
                                       : mcp::fitting_responses(open->requests, responses);
  if (fitting.empty()) {
    co_return Expected<void>{};
  }
  const std::string reply = sandbox::write_reply(
      {.number = open->question.number, .result = mcp::write_input_responses(fitting)});
  if (reply.size() > sandbox::kReplyBytesMax) {
    co_return Expected<void>{};  // No tool takes as much: they answer nothing.
  }
  const auto told = co_await open->reading->reply(reply);
  if (!told && told.error().code != ErrorCode::kFailedPrecondition) {
    co_return told;  // Else somebody else was faster, or it has ended.
  }
  if (fitting.size() < open->requests.size()) {
    (void)co_await open->reading->next();  // It asks for the rest.
  }
  co_return Expected<void>{};
}

}  // namespace mcpgate::gateway
