#include "sandbox/execute.h"

#include <algorithm>
#include <array>

#include "json/raw.h"
#include "mcp/input.h"
#include "sandbox/call_tool_result.h"
#include "sandbox/manifest.h"

namespace mcpgate::sandbox {

namespace {

constexpr std::array<std::string_view, kReasons> kReasonNames = {
    "timeout", "memory", "cpu", "output", "killed", "crashed", "sandbox_unavailable"};

/// RFC 5424's severities, as MCP's logging names them.
constexpr std::array<std::string_view, 8> kLogLevels = {"debug", "info",     "notice", "warning",
                                                        "error", "critical", "alert",  "emergency"};

constexpr std::array<std::string_view, 3> kQuestionMethods = {"tools/call", "input_required",
                                                              "stream/close"};

constexpr std::size_t kProfileBytesMax = 128;
constexpr std::size_t kTraceparentBytesMax = 128;

std::unexpected<Error> invalid(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{}", what);
}

bool is_call_id(std::string_view text) {
  return !text.empty() && text.size() <= kCallIdBytesMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

bool is_traceparent(std::string_view text) {
  return text.size() <= kTraceparentBytesMax && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == '-';
         });
}

/// Puts a string member into `out`; false where it is of another type.
bool take(json::Element element, std::string_view& out) {
  const auto text = json::as_string(element);
  out = text.value_or(std::string_view());
  return text.has_value();
}

/// `detach` and `ttl_ms`, which mean something together only.
struct Detachment {
  bool detach = false;
  std::uint64_t ttl_ms = 0;

  Expected<void> read(std::string_view key, json::Element value) {
    if (key == "detach") {
      return value.get(detach) == simdjson::SUCCESS ? Expected<void>{}
                                                    : invalid("call.detach: expected a boolean");
    }
    if (key == "ttl_ms") {
      return value.get(ttl_ms) == simdjson::SUCCESS ? Expected<void>{}
                                                    : invalid("call.ttl_ms: expected milliseconds");
    }
    return invalid("call: unknown member");
  }

  [[nodiscard]] Expected<void> check_and_put(ExecuteRequest& request) const {
    if (!detach) {
      return {};
    }
    if (ttl_ms < 1 || ttl_ms > static_cast<std::uint64_t>(kTtlMax.count())) {
      return invalid("call.ttl_ms: want milliseconds to keep the call, at most 24 hours");
    }
    if (!request.parent.empty()) {
      return invalid("call.detach: a call that another one waits for cannot be detached");
    }
    request.ttl = std::chrono::milliseconds{ttl_ms};
    return {};
  }
};

Expected<void> read_call(json::Object call, ExecuteRequest& request) {
  if (json::duplicate_key(call)) {
    return invalid("call: duplicate key");
  }
  std::int64_t deadline_ms = 0;
  bool well_typed = true;
  Detachment detachment;
  for (const auto& [key, value] : call) {
    if (key == "id") {
      well_typed = take(value, request.call_id) && well_typed;
    } else if (key == "user") {
      well_typed = take(value, request.user) && well_typed;
    } else if (key == "iss") {
      well_typed = take(value, request.issuer) && well_typed;
    } else if (key == "sub") {
      well_typed = take(value, request.subject) && well_typed;
    } else if (key == "deadline_ms") {
      well_typed = value.get(deadline_ms) == simdjson::SUCCESS && well_typed;
    } else if (key == "tool_sha256") {
      well_typed = take(value, request.tool_sha256) && well_typed;
    } else if (key == "traceparent") {
      well_typed = take(value, request.traceparent) && well_typed;
    } else if (key == "parent") {
      well_typed = take(value, request.parent) && is_call_id(request.parent) && well_typed;
    } else {
      TRY_VOID(detachment.read(key, value));
    }
  }
  request.deadline = std::chrono::milliseconds{deadline_ms};
  if (!well_typed) {
    return invalid("call: a member is of the wrong type");
  }
  if (!is_call_id(request.call_id)) {
    return invalid("call.id: want 1 to 128 of A-Z a-z 0-9 _ -");
  }
  if (request.user.size() > kUserBytesMax) {
    return invalid("call.user: longer than 512 bytes");
  }
  if (std::max(request.issuer.size(), request.subject.size()) > kIdentityBytesMax) {
    return invalid("call.iss, call.sub: longer than 2048 bytes");
  }
  if (deadline_ms < 1 || request.deadline > kDeadlineMax) {
    return invalid("call.deadline_ms: want milliseconds left, at most 24 hours");
  }
  if (!is_digest(request.tool_sha256)) {
    return invalid("call.tool_sha256: want sha256: and 64 hex characters");
  }
  if (!is_traceparent(request.traceparent)) {
    return invalid("call.traceparent: want a W3C trace context");
  }
  return detachment.check_and_put(request);
}

/// A profile ends up in audit records and headers: plain words only.
bool is_profile(std::string_view text) {
  return !text.empty() && text.size() <= kProfileBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
}

/// What an answer holds, plain or as an event; views into the text and the parser.
struct AnswerParts {
  std::optional<std::string_view> event;
  /// Of a question.
  std::uint64_t id = 0;
  std::optional<Question::Kind> kind;
  std::optional<json::Member> result;
  std::optional<json::Member> params;
  Usage usage;
  std::string_view profile;
};

Expected<AnswerParts> read_parts(std::string_view text, json::Parser& parser) {
  const json::Element root = TRY(parser.parse(text));
  const auto object = json::as_object(root);
  if (!object || json::duplicate_key(*object)) {
    return invalid("expected an object without duplicate keys");
  }
  AnswerParts parts;
  for (const json::Member& member : json::Members(*object, text)) {
    if (member.key == "event") {
      parts.event = json::as_string(member.value);
    } else if (member.key == "result") {
      parts.result = member;
    } else if (member.key == "params") {
      parts.params = member;
    } else if (member.key == "id") {
      if (member.value.get(parts.id) != simdjson::SUCCESS) {
        return invalid("id: expected a number");
      }
    } else if (member.key == "method") {
      parts.kind = parse_question_method(json::as_string(member.value).value_or(""));
    } else if (member.key == "usage") {
      parts.usage = TRY(parse_usage(member.value));
    } else if (member.key == "profile") {
      parts.profile = json::as_string(member.value).value_or("");
    } else {
      return invalid("unknown member");
    }
  }
  return parts;
}

/// `body` is what `parts` was read from.
Expected<Result> result_from(const AnswerParts& parts, std::string&& body) {
  if (!parts.result || parts.params || parts.kind || parts.id != 0 || !is_profile(parts.profile)) {
    return invalid("expected result, usage and profile");
  }
  const ResultFacts facts = TRY(check_call_tool_result(parts.result->value, ResultOrigin::kDaemon));
  Result result;
  result.result_offset = static_cast<std::size_t>(parts.result->raw.data() - body.data());
  result.result_bytes = parts.result->raw.size();
  result.is_error = facts.is_error;
  result.is_plain = facts.is_plain;
  result.reason = facts.reason;
  result.usage = parts.usage;
  result.profile = parts.profile;
  result.body = std::move(body);
  join_lines(result.body.data() + result.result_offset, result.result_bytes);
  return result;
}

/// What a call says while it runs.
Expected<Event> spoken_event(const AnswerParts& parts) {
  if (!parts.params || parts.result) {
    return invalid("expected a progress, log, request or result event");
  }
  const json::Element element = parts.params->value;
  std::string params(parts.params->raw);
  join_lines(params.data(), params.size());
  if (parts.event == "progress") {
    TRY_VOID(check_progress_params(element));
    return Progress{std::move(params)};
  }
  if (parts.event == "log") {
    TRY_VOID(check_log_params(element));
    return Log{std::move(params)};
  }
  if (parts.event != "request" || !parts.kind || parts.id == 0) {
    return invalid("expected a progress, log, request or result event");
  }
  TRY_VOID(check_question_params(*parts.kind, element, parts.params->raw));
  return Question{.number = parts.id, .kind = *parts.kind, .params = std::move(params)};
}

std::unexpected<Error> not_an_answer(const Error& error) {
  return fail(ErrorCode::kInvalidArgument, "the sandbox daemon's answer: {}", error.message);
}

std::string write_event(std::string_view event, std::string_view params) {
  std::string out;
  out.reserve(32 + event.size() + params.size());
  json::Writer(out).begin_object().field("event", event).raw_field("params", params).end_object();
  join_lines(out.data(), out.size());
  out.push_back('\n');
  return out;
}

}  // namespace

std::string_view to_string(Reason reason) {
  return kReasonNames[static_cast<std::size_t>(reason)];
}

std::optional<Reason> parse_reason(std::string_view text) {
  const auto* const found = std::ranges::find(kReasonNames, text);
  if (found == kReasonNames.end()) {
    return std::nullopt;
  }
  return static_cast<Reason>(found - kReasonNames.begin());
}

void write_usage(json::Writer& writer, const Usage& usage) {
  writer.begin_object().field("cpu_ms", usage.cpu_ms).field("wall_ms", usage.wall_ms);
  writer.field("peak_rss_bytes", usage.peak_rss_bytes).field("output_bytes", usage.output_bytes);
  writer.end_object();
}

Expected<Usage> parse_usage(json::Element element) {
  const auto object = json::as_object(element);
  if (!object || json::duplicate_key(*object)) {
    return invalid("usage: expected an object");
  }
  Usage usage;
  for (const auto& [key, value] : *object) {
    std::int64_t* const field = key == "cpu_ms"           ? &usage.cpu_ms
                                : key == "wall_ms"        ? &usage.wall_ms
                                : key == "peak_rss_bytes" ? &usage.peak_rss_bytes
                                : key == "output_bytes"   ? &usage.output_bytes
                                                          : nullptr;
    if (field == nullptr || value.get(*field) != simdjson::SUCCESS || *field < 0) {
      return invalid("usage: expected cpu_ms, wall_ms, peak_rss_bytes, output_bytes");
    }
  }
  return usage;
}

std::string write_execute_request(const ExecuteRequest& request) {
  std::string out;
  out.reserve(320 + request.tool.size() + request.arguments.size() + request.user.size());
  json::Writer writer(out);
  writer.begin_object().field("tool", request.tool).raw_field("arguments", request.arguments);
  if (request.kind != ItemKind::kTool) {
    writer.field("kind", to_string(request.kind));
  }
  writer.key("call").begin_object().field("id", request.call_id).field("user", request.user);
  writer.field("iss", request.issuer).field("sub", request.subject);
  writer.field("deadline_ms", request.deadline.count());
  writer.field("tool_sha256", request.tool_sha256);
  if (!request.traceparent.empty()) {
    writer.field("traceparent", request.traceparent);
  }
  if (!request.parent.empty()) {
    writer.field("parent", request.parent);
  }
  if (request.ttl.count() > 0) {
    writer.field("detach", true).field("ttl_ms", request.ttl.count());
  }
  writer.end_object().end_object();
  return out;
}

Expected<ExecuteRequest> parse_execute_request(std::string_view body, json::Parser& parser) {
  const json::Element root = TRY(parser.parse(body));
  const auto object = json::as_object(root);
  if (!object || json::duplicate_key(*object)) {
    return invalid("expected an object without duplicate keys");
  }
  ExecuteRequest request;
  bool has_arguments = false;
  bool has_call = false;
  for (const json::Member& member : json::Members(*object, body)) {
    if (member.key == "tool") {
      request.tool = json::as_string(member.value).value_or("");
    } else if (member.key == "arguments") {
      has_arguments = json::as_object(member.value).has_value();
      request.arguments = member.raw;
    } else if (member.key == "call") {
      const auto call = json::as_object(member.value);
      if (!call) {
        return invalid("call: expected an object");
      }
      TRY_VOID(read_call(*call, request));
      has_call = true;
    } else if (member.key == "kind") {
      const auto kind = parse_item_kind(json::as_string(member.value).value_or(""));
      if (!kind) {
        return invalid("kind: want tool, resource or prompt");
      }
      request.kind = *kind;
    } else {
      return invalid("unknown member: want tool, kind, arguments, call");
    }
  }
  if (!is_tool_name(request.tool)) {
    return invalid("tool: want a tool's name");
  }
  if (!has_arguments) {
    return invalid("arguments: expected an object");
  }
  if (!has_call) {
    return invalid("call: missing");
  }
  return request;
}

std::string write_detached_state(const DetachedState& state) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("ttl_ms", state.ttl.count()).field("idle_ms", state.idle.count());
  writer.field("events", state.events).field("asking", state.is_asking);
  writer.field("ended", state.has_ended).field("cancelled", state.is_cancelled).end_object();
  return out;
}

Expected<DetachedState> parse_detached_state(std::string_view body, json::Parser& parser) {
  const json::Element root = TRY(parser.parse(body));
  const auto object = json::as_object(root);
  DetachedState state;
  std::uint64_t ttl_ms = 0;
  std::uint64_t idle_ms = 0;
  if (!object || json::duplicate_key(*object)) {
    return not_an_answer({ErrorCode::kInvalidArgument, "not the state of a call"});
  }
  const bool whole = object->size() == 6 && (*object)["ttl_ms"].get(ttl_ms) == simdjson::SUCCESS &&
                     (*object)["idle_ms"].get(idle_ms) == simdjson::SUCCESS &&
                     (*object)["events"].get(state.events) == simdjson::SUCCESS &&
                     (*object)["asking"].get(state.is_asking) == simdjson::SUCCESS &&
                     (*object)["ended"].get(state.has_ended) == simdjson::SUCCESS &&
                     (*object)["cancelled"].get(state.is_cancelled) == simdjson::SUCCESS;
  constexpr auto kMsMax = static_cast<std::uint64_t>(kTtlMax.count());
  if (!whole || ttl_ms > kMsMax || idle_ms > kMsMax) {
    return not_an_answer({ErrorCode::kInvalidArgument, "not the state of a call"});
  }
  state.ttl = std::chrono::milliseconds{ttl_ms};
  state.idle = std::chrono::milliseconds{idle_ms};
  return state;
}

std::string write_answer(AnswerForm form, std::string_view call_tool_result, const Usage& usage,
                         std::string_view profile) {
  std::string out;
  out.reserve(192 + call_tool_result.size());
  json::Writer writer(out);
  writer.begin_object();
  if (form == AnswerForm::kEvent) {
    writer.field("event", "result");
  }
  write_usage(writer.raw_field("result", call_tool_result).key("usage"), usage);
  writer.field("profile", profile).end_object();
  if (form == AnswerForm::kEvent) {
    join_lines(out.data(), out.size());
    out.push_back('\n');
  }
  return out;
}

Expected<Result> parse_answer(std::string body, json::Parser& parser) {
  const auto parts = read_parts(body, parser);
  if (!parts) {
    return not_an_answer(parts.error());
  }
  if (parts->event) {
    return not_an_answer({ErrorCode::kInvalidArgument, "unknown member"});
  }
  auto result = result_from(*parts, std::move(body));
  if (!result) {
    return not_an_answer(result.error());
  }
  return result;
}

std::string write_progress_event(std::string_view params) {
  return write_event("progress", params);
}

std::string write_log_event(std::string_view params) {
  return write_event("log", params);
}

std::string write_question_event(std::uint64_t number, Question::Kind kind,
                                 std::string_view params) {
  std::string out;
  out.reserve(64 + params.size());
  json::Writer writer(out);
  writer.begin_object().field("event", "request").field("id", number);
  writer.field("method", method_of(kind)).raw_field("params", params).end_object();
  join_lines(out.data(), out.size());
  out.push_back('\n');
  return out;
}

Expected<Event> parse_event(std::string line, json::Parser& parser) {
  const auto parts = read_parts(line, parser);
  if (!parts) {
    return not_an_answer(parts.error());
  }
  if (parts->event == "result") {
    auto result = result_from(*parts, std::move(line));
    if (!result) {
      return not_an_answer(result.error());
    }
    return *std::move(result);
  }
  auto event = spoken_event(*parts);
  if (!event) {
    return not_an_answer(event.error());
  }
  return event;
}

Expected<void> check_progress_params(json::Element params) {
  const auto object = json::as_object(params);
  if (!object || json::duplicate_key(*object)) {
    return invalid("progress: expected an object");
  }
  bool has_progress = false;
  for (const auto& [key, value] : *object) {
    if (key == "progress" || key == "total") {
      if (!value.is_number()) {
        return invalid("progress: progress and total are numbers");
      }
      has_progress = has_progress || key == "progress";
    } else if (key != "message" || !value.is_string()) {
      return invalid("progress: want progress, total, message");
    }
  }
  if (!has_progress) {
    return invalid("progress: the number is missing");
  }
  return {};
}

Expected<void> check_log_params(json::Element params) {
  const auto object = json::as_object(params);
  if (!object || json::duplicate_key(*object)) {
    return invalid("log: expected an object");
  }
  bool has_level = false;
  bool has_data = false;
  for (const auto& [key, value] : *object) {
    if (key == "level") {
      const auto level = json::as_string(value);
      has_level = level && std::ranges::find(kLogLevels, *level) != kLogLevels.end();
    } else if (key == "data") {
      has_data = true;
    } else if (key != "logger" || !value.is_string()) {
      return invalid("log: want level, data, logger");
    }
  }
  if (!has_level || !has_data) {
    return invalid("log: want one of the eight levels, and data");
  }
  return {};
}

Expected<void> check_question_params(Question::Kind kind, json::Element params,
                                     std::string_view text) {
  const auto object = json::as_object(params);
  if (!object || json::duplicate_key(*object)) {
    return invalid("request: expected an object as params");
  }
  switch (kind) {
    case Question::Kind::kCallTool: {
      const auto arguments = json::find(*object, "arguments");
      if (!json::string_at(*object, "name") || (arguments && !json::as_object(*arguments))) {
        return invalid("tools/call: want name, and an object as arguments");
      }
      break;
    }
    case Question::Kind::kCloseStream:
      if (object->size() != 0) {
        return invalid("stream/close: want no params");
      }
      break;
    case Question::Kind::kAskClient: {
      const auto requests = json::find_member(*object, text, "inputRequests");
      if (!requests || object->size() != 1) {
        return invalid("input_required: want inputRequests alone");
      }
      if (auto read = mcp::read_input_requests(requests->value, requests->raw); !read) {
        return std::unexpected(std::move(read.error()));
      }
      break;
    }
  }
  return {};
}

std::string_view method_of(Question::Kind kind) {
  return kQuestionMethods[static_cast<std::size_t>(kind)];
}

std::optional<Question::Kind> parse_question_method(std::string_view method) {
  const auto* const found = std::ranges::find(kQuestionMethods, method);
  if (found == kQuestionMethods.end()) {
    return std::nullopt;
  }
  return static_cast<Question::Kind>(found - kQuestionMethods.begin());
}

std::string write_reply(const Reply& reply) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("id", reply.number);
  if (reply.result.empty()) {
    writer.key("error").begin_object().field("message", reply.error).end_object();
  } else {
    writer.raw_field("result", reply.result);
  }
  writer.end_object();
  return out;
}

Expected<Reply> parse_reply(std::string_view body, json::Parser& parser) {
  const json::Element root = TRY(parser.parse(body));
  const auto object = json::as_object(root);
  if (!object || json::duplicate_key(*object)) {
    return invalid("expected an object without duplicate keys");
  }
  Reply reply;
  bool has_error = false;
  for (const json::Member& member : json::Members(*object, body)) {
    if (member.key == "id" && member.value.get(reply.number) == simdjson::SUCCESS) {
      continue;
    }
    if (member.key == "result" && json::as_object(member.value)) {
      reply.result = member.raw;
      continue;
    }
    const auto error = member.key == "error" ? json::as_object(member.value) : std::nullopt;
    const auto message = error ? json::string_at(*error, "message") : std::nullopt;
    if (!message || json::duplicate_key(*error)) {
      return invalid("want id, and result or error with its message");
    }
    has_error = true;
    reply.error = *message;
  }
  if (reply.number == 0 || reply.result.empty() != has_error) {
    return invalid("want id, and result or error with its message");
  }
  return reply;
}

void join_lines(char* json, std::size_t bytes) {
  char* const end = json + bytes;
  for (const char line_end : {'\n', '\r'}) {
    char* c = json;
    while ((c = static_cast<char*>(std::memchr(c, line_end, static_cast<std::size_t>(end - c)))) !=
           nullptr) {
      *c++ = ' ';
    }
  }
}

}  // namespace mcpgate::sandbox
