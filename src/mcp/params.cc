#include "mcp/params.h"

#include "json/raw.h"

namespace mcpgate::mcp {

bool is_id(json::Element element) {
  return element.is_string() || element.is_int64() || element.is_uint64();
}

RpcExpected<CallTool> read_call_tool(std::optional<json::Object> params,
                                     std::string_view params_json) {
  const auto name = params ? json::string_at(*params, "name") : std::nullopt;
  if (!name) {
    return rpc_fail(RpcCode::kInvalidParams, "params.name: the tool's name is missing");
  }
  CallTool call{.name = *name};
  if (const auto member = json::find_member(*params, params_json, "arguments")) {
    if (!member->value.is_object()) {
      return rpc_fail(RpcCode::kInvalidParams, "params.arguments: must be an object");
    }
    call.arguments = member->value;
    call.arguments_json = member->raw;
  }
  return call;
}

RpcExpected<ListTools> read_list_tools(std::optional<json::Object> params) {
  const auto cursor = params ? json::find(*params, "cursor") : std::nullopt;
  if (cursor && json::as_string(*cursor) != "") {
    return rpc_fail(RpcCode::kInvalidParams, "params.cursor: not a cursor of this server");
  }
  return ListTools{};
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
