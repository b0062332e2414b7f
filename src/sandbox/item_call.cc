#include "sandbox/item_call.h"

#include <algorithm>
#include <initializer_list>

#include "json/write.h"
#include "sandbox/call_tool_result.h"

namespace mcpgate::sandbox {

namespace {

/// An object with no key twice and no other keys than these.
Expected<json::Object> object_with(json::Element element,
                                   std::initializer_list<std::string_view> keys) {
  const auto object = json::as_object(element);
  if (!object || json::duplicate_key(*object)) {
    return fail(ErrorCode::kInvalidArgument, "want an object without duplicate keys");
  }
  for (const auto& [key, value] : *object) {
    if (std::ranges::find(keys, key) == keys.end()) {
      return fail(ErrorCode::kInvalidArgument, "it has a member that does not belong there");
    }
  }
  return *object;
}

Expected<json::Array> array_at(json::Object object, std::string_view key) {
  const auto array = json::array_at(object, key);
  if (!array) {
    return fail(ErrorCode::kInvalidArgument, "{}: want an array", key);
  }
  return *array;
}

bool is_message(json::Element element) {
  const auto message = json::as_object(element);
  if (!message || json::duplicate_key(*message) || message->size() != 2) {
    return false;
  }
  const auto role = json::string_at(*message, "role");
  const auto content = json::find(*message, "content");
  return (role == "user" || role == "assistant") && content && is_content_block(*content);
}

bool is_text(json::Element element) {
  return element.is_string();
}

}  // namespace

std::string write_read_order(std::string_view uri, const UriTemplate::Values& variables) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("read").begin_object().field("uri", uri);
  writer.key("variables").begin_object();
  for (const auto& [name, value] : variables) {
    writer.field(name, value);
  }
  writer.end_object().end_object().end_object();
  return out;
}

std::string write_get_order(std::string_view arguments) {
  std::string out;
  json::Writer(out).begin_object().raw_field("get", arguments).end_object();
  return out;
}

std::string write_complete_order(std::string_view argument, std::string_view value,
                                 std::string_view arguments) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("complete").begin_object().field("argument", argument);
  writer.field("value", value).raw_field("arguments", arguments).end_object().end_object();
  return out;
}

Expected<void> check_read_result(json::Element result) {
  const json::Object object = TRY(object_with(result, {"contents"}));
  const json::Array contents = TRY(array_at(object, "contents"));
  if (!std::all_of(contents.begin(), contents.end(), is_resource_contents)) {
    return fail(ErrorCode::kInvalidArgument, "contents: want uri, and text or blob, in each");
  }
  return {};
}

Expected<void> check_get_result(json::Element result) {
  const json::Object object = TRY(object_with(result, {"description", "messages"}));
  const json::Array messages = TRY(array_at(object, "messages"));
  if (!std::all_of(messages.begin(), messages.end(), is_message)) {
    return fail(ErrorCode::kInvalidArgument, "messages: want role and a content block in each");
  }
  if (json::find(object, "description") && !json::string_at(object, "description")) {
    return fail(ErrorCode::kInvalidArgument, "description: want a string");
  }
  return {};
}

Expected<void> check_complete_result(json::Element result) {
  const json::Object object = TRY(object_with(result, {"values", "total", "hasMore"}));
  const json::Array values = TRY(array_at(object, "values"));
  if (values.size() > kCompletionValuesMax || !std::all_of(values.begin(), values.end(), is_text)) {
    return fail(ErrorCode::kInvalidArgument, "values: want at most {} strings",
                kCompletionValuesMax);
  }
  if (json::find(object, "total") && json::int_at(object, "total").value_or(-1) < 0) {
    return fail(ErrorCode::kInvalidArgument, "total: want a whole number");
  }
  if (json::find(object, "hasMore") && !json::bool_at(object, "hasMore")) {
    return fail(ErrorCode::kInvalidArgument, "hasMore: want a boolean");
  }
  return {};
}

}  // namespace mcpgate::sandbox
