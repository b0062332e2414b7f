#include "mcp/legacy.h"

#include <algorithm>

#include "json/raw.h"
#include "json/write.h"
#include "mcp/params.h"
#include "mcp/server_info.h"

namespace mcpgate::mcp::legacy {

namespace {

/// What there are methods for. Which tools, resources and prompts there are is for the lists.
constexpr std::string_view kCapabilities =
    R"({"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},)"
    R"("prompts":{"listChanged":true},"completions":{},"logging":{}})";

RpcExpected<Operation> read_operation(std::string_view method, std::optional<json::Object> params,
                                      std::string_view params_json) {
  if (auto shared = read_shared_operation(method, params, params_json)) {
    return *std::move(shared);
  }
  if (method == "ping") {
    return Ping{};
  }
  if (method == "initialize") {
    const auto version = params ? json::string_at(*params, "protocolVersion") : std::nullopt;
    if (!version) {
      return rpc_fail(RpcCode::kInvalidParams, "params.protocolVersion: missing");
    }
    const auto capabilities = json::object_at(*params, "capabilities");
    return Initialize{
        *version, capabilities ? ClientCapabilities::read(*capabilities) : ClientCapabilities{}};
  }
  if (method == "logging/setLevel") {
    const auto level =
        parse_log_level(params ? json::string_at(*params, "level").value_or("") : "");
    if (!level) {
      return rpc_fail(RpcCode::kInvalidParams, "params.level: not a log level");
    }
    return SetLogLevel{*level};
  }
  if (method == "resources/subscribe" || method == "resources/unsubscribe") {
    const auto uri = params ? json::string_at(*params, "uri") : std::nullopt;
    if (!uri) {
      return rpc_fail(RpcCode::kInvalidParams, "params.uri: the resource's URI is missing");
    }
    return Subscribe{.uri = *uri, .wanted = method == "resources/subscribe"};
  }
  return rpc_fail(RpcCode::kMethodNotFound, "Method not found");
}

/// A `resource_link`, which 2025-03-26 does not know, as the text that a model can use.
std::string link_as_text(json::Object link) {
  std::string text(
      json::string_at(link, "title").value_or(json::string_at(link, "name").value_or("")));
  text.append(text.empty() ? "" : ": ").append(json::string_at(link, "uri").value_or(""));
  std::string block;
  json::Writer(block).begin_object().field("type", "text").field("text", text).end_object();
  return block;
}

std::optional<json::Object> as_link(json::Element block) {
  const auto object = json::as_object(block);
  return object && json::string_at(*object, "type") == "resource_link" ? object : std::nullopt;
}

std::string content_without_links(json::Array content, std::string_view text) {
  std::string out;
  json::Writer writer(out);
  writer.begin_array();
  for (const json::Item& block : json::Items(content, text)) {
    if (const auto link = as_link(block.value)) {
      writer.raw(link_as_text(*link));
    } else {
      writer.raw(block.raw);
    }
  }
  writer.end_array();
  return out;
}

/// The messages of a prompt, each `{"role":…,"content":block}`.
std::string messages_without_links(json::Array messages, std::string_view text) {
  std::string out;
  json::Writer writer(out);
  writer.begin_array();
  for (const json::Item& message : json::Items(messages, text)) {
    const auto object = json::as_object(message.value);
    const auto content = object ? json::find(*object, "content") : std::nullopt;
    const auto link = content ? as_link(*content) : std::nullopt;
    if (!link) {
      writer.raw(message.raw);
      continue;
    }
    writer.begin_object().field("role", json::string_at(*object, "role").value_or(""));
    writer.raw_field("content", link_as_text(*link)).end_object();
  }
  writer.end_array();
  return out;
}

/// The members of an object without one of them.
std::string without(json::Object object, std::string_view text, std::string_view key) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  for (const json::Member& member : json::Members(object, text)) {
    if (member.key != key) {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.end_object();
  return out;
}

}  // namespace

RpcExpected<Revision> revision_of(const Headers& headers) {
  if (!headers.protocol_version) {
    return Revision::k20250326;
  }
  const auto revision = parse_revision(*headers.protocol_version);
  if (!revision) {
    return rpc_fail(RpcCode::kInvalidRequest, "MCP-Protocol-Version: not a version of this server",
                    400);
  }
  return *revision;
}

RpcExpected<Message> read(std::string_view method, bool is_notification,
                          std::optional<json::Object> params, std::string_view params_json,
                          const Headers& headers) {
  // `initialize` negotiates the version; whatever its header says is no news.
  const auto revision = method == "initialize" ? kNewestLegacy : revision_of(headers);
  if (!revision) {
    return std::unexpected(revision.error());
  }
  Message message{.revision = *revision, .operation = Noted{}};
  if (is_notification) {
    if (method == "notifications/cancelled") {
      message.operation = Cancel{read_cancelled_id(params, params_json)};
    }
    return message;
  }
  auto operation = read_operation(method, params, params_json);
  if (!operation) {
    return std::unexpected(std::move(operation.error()));
  }
  message.operation = *operation;
  if (auto meta = read_meta(params, params_json, message); !meta) {
    return std::unexpected(std::move(meta.error()));
  }
  return message;
}

std::string initialize_result(std::string_view requested_version) {
  const auto requested = parse_revision(requested_version);
  const Revision revision =
      requested && era_of(*requested) == Era::kLegacy ? *requested : kNewestLegacy;
  std::string out;
  json::Writer(out)
      .begin_object()
      .field("protocolVersion", to_string(revision))
      .raw_field("capabilities", kCapabilities)
      .raw_field("serverInfo", kServerInfo)
      .end_object();
  return out;
}

std::string list_result(List::Kind kind, const std::vector<std::string_view>& definitions,
                        std::string_view next_cursor) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  write_list(writer, kind, definitions, next_cursor);
  writer.end_object();
  return out;
}

std::string tool_definition(std::string_view definition, json::Parser& parser) {
  const auto element = parser.parse(definition);
  const auto tool = element ? json::as_object(*element) : std::nullopt;
  if (!tool) {
    return std::string(definition);
  }
  const auto output = json::object_at(*tool, "outputSchema");
  if (!output || json::string_at(*output, "type") == "object") {
    return std::string(definition);
  }
  return without(*tool, definition, "outputSchema");
}

std::string call_tool_result(json::Object result, std::string_view text, Revision revision) {
  const auto structured = json::find(result, "structuredContent");
  const bool drop_structured = structured && !structured->is_object();
  const auto content = json::array_at(result, "content");
  const auto is_link = [](json::Element block) { return as_link(block).has_value(); };
  const bool has_links =
      revision == Revision::k20250326 && content && std::ranges::any_of(*content, is_link);
  if (!drop_structured && !has_links) {
    return std::string(text);
  }
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  for (const json::Member& member : json::Members(result, text)) {
    if (member.key == "content" && has_links) {
      writer.raw_field("content", content_without_links(*content, member.raw));
    } else if (member.key != "structuredContent" || !drop_structured) {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.end_object();
  return out;
}

std::string get_prompt_result(json::Object result, std::string_view text, Revision revision) {
  if (revision != Revision::k20250326) {
    return std::string(text);
  }
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  for (const json::Member& member : json::Members(result, text)) {
    const auto messages = json::as_array(member.value);
    if (member.key == "messages" && messages) {
      writer.raw_field("messages", messages_without_links(*messages, member.raw));
    } else {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.end_object();
  return out;
}

RpcError resource_not_found(std::string_view uri) {
  RpcError error{.code = RpcCode::kLegacyResourceNotFound, .message = "Resource not found"};
  json::Writer(error.data).begin_object().field("uri", uri).end_object();
  return error;
}

}  // namespace mcpgate::mcp::legacy
