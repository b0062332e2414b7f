#include "mcp/params.h"

#include <algorithm>
#include <array>
#include <utility>

#include "json/raw.h"

namespace mcpgate::mcp {

namespace {

constexpr std::array<std::pair<std::string_view, List::Kind>, 4> kLists{
    {{"tools/list", List::Kind::kTools},
     {"resources/list", List::Kind::kResources},
     {"resources/templates/list", List::Kind::kResourceTemplates},
     {"prompts/list", List::Kind::kPrompts}}};

std::unexpected<RpcError> invalid(std::string message) {
  return rpc_fail(RpcCode::kInvalidParams, std::move(message));
}

RpcExpected<Operation> read_call_tool(std::optional<json::Object> params,
                                      std::string_view params_json) {
  const auto name = params ? json::string_at(*params, "name") : std::nullopt;
  if (!name) {
    return invalid("params.name: the tool's name is missing");
  }
  CallTool call{.name = *name};
  if (const auto member = json::find_member(*params, params_json, "arguments")) {
    if (!member->value.is_object()) {
      return invalid("params.arguments: must be an object");
    }
    call.arguments = member->value;
    call.arguments_json = member->raw;
  }
  return call;
}

RpcExpected<Operation> read_list(List::Kind kind, std::optional<json::Object> params) {
  const auto cursor = params ? json::find(*params, "cursor") : std::nullopt;
  const auto text = cursor ? json::as_string(*cursor) : std::string_view();
  if (!text) {
    return invalid("params.cursor: must be a string");
  }
  return List{.kind = kind, .cursor = *text};
}

RpcExpected<Operation> read_read_resource(std::optional<json::Object> params) {
  const auto uri = params ? json::string_at(*params, "uri") : std::nullopt;
  if (!uri) {
    return invalid("params.uri: the resource's URI is missing");
  }
  return ReadResource{*uri};
}

bool is_object_of_texts(json::Element element) {
  const auto object = json::as_object(element);
  return object && !json::duplicate_key(*object) &&
         std::all_of(object->begin(), object->end(),
                     [](const auto& field) { return field.value.is_string(); });
}

RpcExpected<Operation> read_get_prompt(std::optional<json::Object> params,
                                       std::string_view params_json) {
  const auto name = params ? json::string_at(*params, "name") : std::nullopt;
  if (!name) {
    return invalid("params.name: the prompt's name is missing");
  }
  GetPrompt get{.name = *name, .arguments = {}};
  if (const auto member = json::find_member(*params, params_json, "arguments")) {
    if (!is_object_of_texts(member->value)) {
      return invalid("params.arguments: must be an object of strings");
    }
    get.arguments = json::as_object(member->value);
    get.arguments_json = member->raw;
  }
  return get;
}

/// `{"type":"ref/prompt","name":…}` or `{"type":"ref/resource","uri":…}`.
bool read_ref(json::Object params, Complete& complete) {
  const auto ref = json::object_at(params, "ref");
  const auto type = ref ? json::string_at(*ref, "type") : std::nullopt;
  if (type != "ref/prompt" && type != "ref/resource") {
    return false;
  }
  complete.of = type == "ref/prompt" ? Complete::Of::kPrompt : Complete::Of::kResource;
  const auto name = json::string_at(*ref, type == "ref/prompt" ? "name" : "uri");
  complete.ref = name.value_or("");
  return name.has_value();
}

RpcExpected<Operation> read_complete(std::optional<json::Object> params,
                                     std::string_view params_json) {
  Complete complete;
  if (!params || !read_ref(*params, complete)) {
    return invalid("params.ref: want ref/prompt with a name, or ref/resource with a uri");
  }
  const auto argument = json::object_at(*params, "argument");
  const auto name = argument ? json::string_at(*argument, "name") : std::nullopt;
  const auto value = argument ? json::string_at(*argument, "value") : std::nullopt;
  if (!name || !value) {
    return invalid("params.argument: want name and value, two strings");
  }
  complete.argument = *name;
  complete.value = *value;
  const auto context = json::find_member(*params, params_json, "context");
  const auto inside = context ? json::as_object(context->value) : std::nullopt;
  const auto known = inside ? json::find_member(*inside, context->raw, "arguments") : std::nullopt;
  if (known && !is_object_of_texts(known->value)) {
    return invalid("params.context.arguments: must be an object of strings");
  }
  complete.arguments_json = known ? known->raw : "{}";
  return complete;
}

}  // namespace

bool is_id(json::Element element) {
  return element.is_string() || element.is_int64() || element.is_uint64();
}

std::optional<RpcExpected<Operation>> read_shared_operation(std::string_view method,
                                                            std::optional<json::Object> params,
                                                            std::string_view params_json) {
  if (method == "tools/call") {
    return read_call_tool(params, params_json);
  }
  for (const auto& [name, kind] : kLists) {
    if (method == name) {
      return read_list(kind, params);
    }
  }
  if (method == "resources/read") {
    return read_read_resource(params);
  }
  if (method == "prompts/get") {
    return read_get_prompt(params, params_json);
  }
  if (method == "completion/complete") {
    return read_complete(params, params_json);
  }
  return std::nullopt;
}

void write_list(json::Writer& writer, List::Kind kind,
                const std::vector<std::string_view>& definitions, std::string_view next_cursor) {
  constexpr std::array<std::string_view, 4> kKeys{"tools", "resources", "resourceTemplates",
                                                  "prompts"};
  writer.key(kKeys.at(static_cast<std::size_t>(kind))).begin_array();
  for (const std::string_view definition : definitions) {
    writer.raw(definition);
  }
  writer.end_array();
  if (!next_cursor.empty()) {
    writer.field("nextCursor", next_cursor);
  }
}

RpcExpected<void> read_meta(std::optional<json::Object> params, std::string_view params_json,
                            Message& message) {
  if (!params || !json::find(*params, "_meta")) {
    return {};  // Known without another pass over the bytes.
  }
  const auto meta = json::find_member(*params, params_json, "_meta");
  if (!meta) {
    return {};
  }
  const auto object = json::as_object(meta->value);
  if (!object) {
    return rpc_fail(RpcCode::kInvalidParams, "params._meta: must be an object");
  }
  if (const auto token = json::find_member(*object, meta->raw, "progressToken")) {
    if (!is_id(token->value)) {
      return rpc_fail(RpcCode::kInvalidParams,
                      "params._meta.progressToken: must be a string or a whole number");
    }
    message.progress_token = token->raw;
  }
  message.traceparent = json::string_at(*object, "traceparent").value_or("");
  return {};
}

std::string_view read_cancelled_id(std::optional<json::Object> params,
                                   std::string_view params_json) {
  const auto id = params ? json::find_member(*params, params_json, "requestId") : std::nullopt;
  return id && is_id(id->value) ? id->raw : std::string_view{};
}

}  // namespace mcpgate::mcp
