#include "mcp/server_message.h"

#include <algorithm>
#include <array>
#include <optional>

#include "json/raw.h"
#include "json/write.h"
#include "mcp/params.h"
#include "mcp/revision.h"
#include "mcp/rpc.h"
#include "mcp/server_info.h"

namespace mcpgate::mcp {

namespace {

/// What is quoted of a server's own words.
constexpr std::size_t kErrorBytesMax = 2000;
/// Of a server's own requests; they are repeated in the answers.
constexpr std::size_t kIdBytesMax = 256;
/// The first revision, which is spoken in no other place here: as 2025-03-26 for this purpose.
constexpr std::string_view kFirstRevision = "2024-11-05";
constexpr std::string_view kMetaPrefix = "io.modelcontextprotocol/";

std::unexpected<Error> invalid(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{}", what);
}

/// A whole document that is an object without duplicate keys.
Expected<json::Object> read_object(std::string_view text, json::Parser& parser) {
  const json::Element document = TRY(parser.parse(text));
  const auto object = json::as_object(document);
  if (!object || json::duplicate_key(*object)) {
    return invalid("expected an object without duplicate keys");
  }
  return *object;
}

/// Cut between characters.
std::string_view cut(std::string_view text) {
  std::size_t size = std::min(text.size(), kErrorBytesMax);
  while (size < text.size() && size > 0 &&
         (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) {
    --size;
  }
  return text.substr(0, size);
}

Expected<ServerMessage> read_response(json::Object object, json::Element id,
                                      std::string_view line) {
  ServerResponse response;
  if (id.get(response.id) != simdjson::SUCCESS) {
    return invalid("a response to no request of ours");
  }
  const auto result = json::find_member(object, line, "result");
  const auto error = json::object_at(object, "error");
  if (result.has_value() == error.has_value()) {
    return invalid("a response wants either a result or an error");
  }
  if (result) {
    response.result = result->raw;
  } else {
    const auto code = json::int_at(*error, "code");
    response.error_code = code;
    response.error =
        fmt::format("{} (JSON-RPC error {})",
                    cut(json::string_at(*error, "message").value_or("an error without a message")),
                    code ? fmt::format("{}", *code) : "without a code");
  }
  return response;
}

/// `"key":raw` for a member that is there.
void copy_member(json::Object object, std::string_view text, std::string_view from,
                 std::string_view to, json::Writer& writer) {
  if (const auto member = json::find_member(object, text, from)) {
    writer.raw_field(to, member->raw);
  }
}

/// What `capabilities` declare.
Expected<ServerOffer> read_capabilities(json::Object result, ServerOffer offer) {
  const auto capabilities = json::object_at(result, "capabilities");
  if (!capabilities) {
    return fail(ErrorCode::kFailedPrecondition, "it names no capabilities");
  }
  offer.has_tools = json::find(*capabilities, "tools").has_value();
  offer.has_resources = json::find(*capabilities, "resources").has_value();
  offer.has_prompts = json::find(*capabilities, "prompts").has_value();
  offer.has_completions = json::find(*capabilities, "completions").has_value();
  for (const std::string_view list : {"tools", "resources", "prompts"}) {
    const auto of_list = json::object_at(*capabilities, list);
    offer.tells_changes =
        offer.tells_changes || (of_list && json::bool_at(*of_list, "listChanged").value_or(false));
  }
  return offer;
}

}  // namespace

Expected<ServerMessage> read_server_message(std::string_view line, json::Parser& parser) {
  const json::Object object = TRY(read_object(line, parser));
  if (json::string_at(object, "jsonrpc") != "2.0") {
    return invalid("no JSON-RPC 2.0");
  }
  const auto id = json::find_member(object, line, "id");
  if (id && (!is_id(id->value) || id->raw.size() > kIdBytesMax)) {
    return invalid("an id that is neither a short string nor a whole number");
  }
  const auto method = json::find(object, "method");
  if (!method) {
    return id ? read_response(object, id->value, line) : invalid("neither method nor id");
  }
  const auto name = json::as_string(*method);
  const auto params = json::find_member(object, line, "params");
  if (!name || (params && !json::as_object(params->value))) {
    return invalid("a method that is no string, or params that are no object");
  }
  if (id) {
    return ServerRequest{.id = id->raw, .method = *name};
  }
  return ServerNotification{.method = *name, .params = params ? params->raw : std::string_view()};
}

std::string write_server_request(std::uint64_t id, std::string_view method,
                                 std::string_view params) {
  return write_request(fmt::format("{}", id), method, params) + '\n';
}

std::string write_server_notification(std::string_view method, std::string_view params) {
  return write_notification(method, params) + '\n';
}

std::string answer_server_request(const ServerRequest& request) {
  if (request.method == "ping") {
    return write_result(request.id, "{}") + '\n';
  }
  return write_error(request.id,
                     {.code = RpcCode::kMethodNotFound,
                      .message = "this client declared no capability, and offers neither "
                                 "roots, sampling nor elicitation"}) +
         '\n';
}

std::string initialize_params() {
  std::string params;
  json::Writer(params)
      .begin_object()
      .field("protocolVersion", to_string(kNewestLegacy))
      .key("capabilities")
      .begin_object()
      .end_object()
      .raw_field("clientInfo", kServerInfo)
      .end_object();
  return params;
}

Expected<ServerOffer> read_initialize_result(std::string_view result) {
  json::Parser parser(result.size());
  const auto object = read_object(result, parser);
  const auto version = object ? json::string_at(*object, "protocolVersion") : std::nullopt;
  if (!version) {
    return fail(ErrorCode::kFailedPrecondition, "its answer to initialize has no protocolVersion");
  }
  const auto revision = parse_revision(*version);
  if (*version != kFirstRevision && (!revision || era_of(*revision) != Era::kLegacy)) {
    return fail(ErrorCode::kFailedPrecondition,
                "it speaks a revision of MCP that is not spoken here");
  }
  return read_capabilities(*object, {.era = Era::kLegacy, .version = std::string(*version)});
}

Expected<ServerOffer> read_discover_result(std::string_view result) {
  json::Parser parser(result.size());
  const auto object = read_object(result, parser);
  const auto versions = object ? json::array_at(*object, "supportedVersions") : std::nullopt;
  if (!versions || std::ranges::none_of(*versions, [](json::Element version) {
        return json::as_string(version) == to_string(kNewest);
      })) {
    return fail(ErrorCode::kFailedPrecondition, "it does not serve MCP {}", to_string(kNewest));
  }
  return read_capabilities(*object,
                           {.era = Era::kModern, .version = std::string(to_string(kNewest))});
}

std::string request_params(Era era, std::string_view members, const RequestMeta& meta) {
  std::string params = "{";
  params += members;
  const bool modern = era == Era::kModern;
  if (!modern && !meta.progress_token && meta.traceparent.empty()) {
    return params += '}';
  }
  params += members.empty() ? R"("_meta":)" : R"(,"_meta":)";
  json::Writer writer(params);
  const auto name = [](std::string_view key) { return std::string(kMetaPrefix).append(key); };
  writer.begin_object();
  if (modern) {
    writer.field(name("protocolVersion"), to_string(kNewest));
    writer.key(name("clientCapabilities")).begin_object().end_object();
    writer.raw_field(name("clientInfo"), kServerInfo);
    if (!meta.log_level.empty()) {
      writer.field(name("logLevel"), meta.log_level);
    }
  }
  if (meta.progress_token) {
    writer.field("progressToken", *meta.progress_token);
  }
  if (!meta.traceparent.empty()) {
    writer.field("traceparent", meta.traceparent);
  }
  writer.end_object();
  return params += '}';
}

std::string call_members(std::string_view name, std::string_view arguments) {
  std::string members = R"("name":)";
  json::append_string(members, name);
  return members.append(R"(,"arguments":)").append(arguments);
}

std::string progress_of(std::string_view params, std::uint64_t id, json::Parser& parser) {
  const auto object = read_object(params, parser);
  const auto token = object ? json::int_at(*object, "progressToken") : std::nullopt;
  if (!token || static_cast<std::uint64_t>(*token) != id) {
    return "";
  }
  std::string json;
  json::Writer writer(json);
  writer.begin_object();
  for (const std::string_view key : {"progress", "total", "message"}) {
    copy_member(*object, params, key, key, writer);
  }
  writer.end_object();
  return json;
}

std::string log_of(std::string_view params, json::Parser& parser) {
  const auto element = parser.parse(params);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto level = object ? json::find_member(*object, params, "level") : std::nullopt;
  const auto data = object ? json::find_member(*object, params, "data") : std::nullopt;
  if (!level || !data) {
    return "";
  }
  std::string json;
  json::Writer(json)
      .begin_object()
      .raw_field("level", level->raw)
      .raw_field("message", data->raw)
      .end_object();
  return json;
}

std::string error_result(std::string_view error) {
  std::string result;
  json::Writer writer(result);
  writer.begin_object().key("content").begin_array();
  writer.begin_object().field("type", "text").field("text", error).end_object();
  writer.end_array().field("isError", true).end_object();
  return result;
}

std::string ListReader::next_members() const {
  std::string members;
  if (!cursor_.empty()) {
    members = R"("cursor":)";
    json::append_string(members, cursor_);
  }
  return members;
}

Expected<void> ListReader::take(std::string_view result) {
  json::Parser parser(result.size());
  const json::Object object = TRY(read_object(result, parser));
  const auto listed = json::find_member(object, result, key_);
  const auto list = listed ? json::as_array(listed->value) : std::nullopt;
  if (!list) {
    return fail(ErrorCode::kFailedPrecondition, "its answer has no list of {}", key_);
  }
  for (const json::Item& item : json::Items(*list, listed->raw)) {
    items.emplace_back(item.raw);
  }
  cursor_ = json::string_at(object, "nextCursor").value_or("");
  if (items.size() > items_max_ || cursors_.size() > items_max_ ||
      (!cursor_.empty() && !cursors_.insert(cursor_).second)) {
    return fail(ErrorCode::kFailedPrecondition, "more than {} {}, or a page that comes again",
                items_max_, key_);
  }
  return {};
}

}  // namespace mcpgate::mcp
