#include "sandboxd/event_lines.h"

#include "json/raw.h"
#include "json/write.h"
#include "sandbox/execute.h"

namespace mcpgate::sandboxd {

namespace {

/// Nothing where it is no such event.
std::optional<std::string> progress_line(std::string_view json, json::Parser& parser) {
  const auto params = parser.parse(json);
  if (!params || !sandbox::check_progress_params(*params)) {
    return std::nullopt;
  }
  return sandbox::write_progress_event(json);
}

std::optional<std::string> log_line(std::string_view json, json::Parser& parser) {
  const auto document = parser.parse(json);
  const auto object = document ? json::as_object(*document) : std::nullopt;
  const auto level = object ? json::string_at(*object, "level") : std::nullopt;
  const auto message = object ? json::find(*object, "message") : std::nullopt;
  if (!level || !message) {
    return std::nullopt;
  }
  // The child says `message`, MCP's notifications/message says `data`.
  std::string params;
  json::Writer(params).begin_object().field("level", *level).field("data", *message).end_object();
  const auto checked = parser.parse(params);
  if (!checked || !sandbox::check_log_params(*checked)) {
    return std::nullopt;
  }
  return sandbox::write_log_event(params);
}

/// The error is for the child.
Expected<std::string> question_line(std::uint64_t number, std::string_view json,
                                    json::Parser& parser) {
  const json::Element document = TRY(parser.parse(json));
  const auto object = json::as_object(document);
  if (!object || json::duplicate_key(*object)) {
    return fail(ErrorCode::kInvalidArgument, "a question is an object without duplicate keys");
  }
  const auto kind = sandbox::parse_question_method(json::string_at(*object, "method").value_or(""));
  const auto params = json::find_member(*object, json, "params");
  if (!kind || !params) {
    return fail(ErrorCode::kInvalidArgument,
                "a question has params, and one of the methods "
                "tools/call, input_required, stream/close");
  }
  TRY_VOID(sandbox::check_question_params(*kind, params->value, params->raw));
  return sandbox::write_question_event(number, *kind, params->raw);
}

}  // namespace

void EventLines::on_progress(std::string_view json) {
  if (events_wanted_) {
    offer(progress_line(json, parser_));
  }
}

void EventLines::on_log(std::string_view json) {
  if (events_wanted_) {
    offer(log_line(json, parser_));
  }
}

void EventLines::offer(const std::optional<std::string>& line) {
  if (!line || !take_event(*line)) {
    count_dropped();
  }
}

std::optional<std::string> EventLines::on_question(std::uint64_t number, std::string_view json) {
  if (!may_ask_) {
    return NoEvents().on_question(number, json);
  }
  const auto line = question_line(number, json, parser_);
  if (!line) {
    return sandbox::write_reply({.number = number, .error = line.error().message});
  }
  take_question(*line);
  return std::nullopt;
}

}  // namespace mcpgate::sandboxd
