#include "gateway/upstream_call.h"

#include <utility>

#include "base/log.h"
#include "json/raw.h"
#include "json/write.h"

namespace mcpgate::gateway {

namespace {

/// Issuer and subject, which no line feed separates by chance.
std::string identity_of(const sandbox::ExecuteRequest& request) {
  return std::string(request.issuer).append("\n").append(request.subject);
}

void write_string_member(std::string& members, std::string_view key, std::string_view value) {
  members.append(members.empty() ? "\"" : ",\"").append(key).append("\":");
  json::append_string(members, value);
}

std::string complete_members(const sandbox::ExecuteRequest& request, json::Object order,
                             std::string_view text) {
  const bool of_prompt = request.kind == sandbox::ItemKind::kPrompt;
  std::string members = R"("ref":)";
  json::Writer(members)
      .begin_object()
      .field("type", of_prompt ? "ref/prompt" : "ref/resource")
      .field(of_prompt ? "name" : "uri", request.tool)
      .end_object();
  members += R"(,"argument":)";
  json::Writer(members)
      .begin_object()
      .field("name", json::string_at(order, "argument").value_or(""))
      .field("value", json::string_at(order, "value").value_or(""))
      .end_object();
  if (const auto known = json::find_member(order, text, "arguments")) {
    members.append(R"(,"context":{"arguments":)").append(known->raw).append("}");
  }
  return members;
}

/// What an order of ours (sandbox/item_call.h) asks for.
void read_order(const sandbox::ExecuteRequest& request, UpstreamQuestion& question,
                UpstreamAsk& ask) {
  json::Parser parser(request.arguments.size());
  const auto element = parser.parse(request.arguments);
  const auto root = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(root);  // write_*_order() wrote it.
  const json::Member order = *json::Members(*root, request.arguments).begin();
  const auto object = json::as_object(order.value);
  MCPGATE_ASSERT(object);
  if (order.key == "read") {
    ask = UpstreamAsk::kRead;
    question.method = "resources/read";
    question.name = json::string_at(*object, "uri").value_or("");
    write_string_member(question.members, "uri", question.name);
  } else if (order.key == "get") {
    ask = UpstreamAsk::kGet;
    question.method = "prompts/get";
    question.name = request.tool;
    question.members = mcp::call_members(request.tool, order.raw);
  } else {
    ask = UpstreamAsk::kComplete;
    question.method = "completion/complete";
    question.members = complete_members(request, *object, order.raw);
  }
}

}  // namespace

UpstreamQuestion upstream_question(const UpstreamCall& call, SteadyTime now, UpstreamAsk& ask) {
  const sandbox::ExecuteRequest& request = call.request;
  UpstreamQuestion question{.identity = identity_of(request),
                            .wants_events = call.streaming == sandbox::Streaming::kYes,
                            .traceparent = std::string(request.traceparent),
                            .deadline = now + request.deadline};
  if (request.kind != sandbox::ItemKind::kTool) {
    read_order(request, question, ask);
    return question;
  }
  ask = UpstreamAsk::kCall;
  question.method = "tools/call";
  question.name = request.tool;
  question.members = mcp::call_members(request.tool, request.arguments);
  if (!call.param_headers.empty()) {
    json::Parser parser(request.arguments.size());
    const auto element = parser.parse(request.arguments);
    question.param_headers = mcp::write_param_headers(
        call.param_headers, element ? json::as_object(*element) : std::nullopt);
  }
  return question;
}

UpstreamExecution::UpstreamExecution(const std::shared_ptr<Upstream>& upstream,
                                     const UpstreamCall& call)
    : tool_set_(upstream->options().tool_set),
      request_(upstream, upstream_question(call, upstream->clock().steady_now(), ask_)) {}

Task<Expected<sandbox::Event>> UpstreamExecution::next() {
  for (;;) {
    const auto message = co_await request_.next();
    if (!message && message.error().code == ErrorCode::kCancelled) {
      co_return std::unexpected(message.error());
    }
    if (!message) {
      log_warn("tool set {}: its upstream: {}", tool_set_, message.error().message);
      co_return upstream_failure(message.error(), request_.retry_after(), tool_set_);
    }
    if (const auto* answer = std::get_if<UpstreamAnswer>(&*message)) {
      co_return upstream_result(ask_, *answer);
    }
    if (auto event = event_of(std::get<UpstreamNotice>(*message))) {
      co_return *std::move(event);
    }
  }
}

/// The event that a notification is, where it is one of this call.
std::optional<sandbox::Event> UpstreamExecution::event_of(const UpstreamNotice& notice) const {
  json::Parser parser(notice.params.size() + 1);
  if (notice.method == "notifications/progress") {
    std::string params = mcp::progress_of(notice.params, request_.id(), parser);
    const auto element = parser.parse(params);
    if (element && sandbox::check_progress_params(*element)) {
      return sandbox::Progress{.params = std::move(params)};
    }
  } else if (notice.method == "notifications/message") {
    const auto element = parser.parse(notice.params);
    if (element && sandbox::check_log_params(*element)) {
      return sandbox::Log{.params = notice.params};
    }
  }
  return std::nullopt;
}

Task<Expected<void>> UpstreamExecution::reply(std::string /*reply*/) {
  co_return fail(ErrorCode::kFailedPrecondition, "an upstream asks nothing");
}

}  // namespace mcpgate::gateway
