#include "sandboxd/server_message.h"

#include <algorithm>
#include <array>
#include <optional>

#include "json/raw.h"
#include "json/write.h"
#include "mcp/params.h"
#include "mcp/revision.h"
#include "mcp/rpc.h"
#include "mcp/server_info.h"

namespace mcpgate::sandboxd {

namespace {

/// What is quoted of a server's own words.
constexpr std::size_t kErrorBytesMax = 2000;
/// Of a server's own requests; they are repeated in the answers.
constexpr std::size_t kIdBytesMax = 256;
/// The first revision, which is spoken in no other place here: as 2025-03-26 for this purpose.
constexpr std::string_view kFirstRevision = "2024-11-05";

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

}  // namespace

Expected<ServerMessage> read_server_message(std::string_view line, json::Parser& parser) {
  const json::Object object = TRY(read_object(line, parser));
  if (json::string_at(object, "jsonrpc") != "2.0") {
    return invalid("no JSON-RPC 2.0");
  }
  const auto id = json::find_member(object, line, "id");
  if (id && (!mcp::is_id(id->value) || id->raw.size() > kIdBytesMax)) {
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
  return mcp::write_request(fmt::format("{}", id), method, params) + '\n';
}

std::string write_server_notification(std::string_view method, std::string_view params) {
  return mcp::write_notification(method, params) + '\n';
}

std::string answer_server_request(const ServerRequest& request) {
  if (request.method == "ping") {
    return mcp::write_result(request.id, "{}") + '\n';
  }
  return mcp::write_error(request.id,
                          {.code = mcp::RpcCode::kMethodNotFound,
                           .message = "this client declared no capability, and offers neither "
                                      "roots, sampling nor elicitation"}) +
         '\n';
}

std::string initialize_params() {
  std::string params;
  json::Writer(params)
      .begin_object()
      .field("protocolVersion", mcp::to_string(mcp::kNewestLegacy))
      .key("capabilities")
      .begin_object()
      .end_object()
      .raw_field("clientInfo", mcp::kServerInfo)
      .end_object();
  return params;
}

Expected<void> check_initialize_result(std::string_view result) {
  json::Parser parser(result.size());
  const auto object = read_object(result, parser);
  const auto version = object ? json::string_at(*object, "protocolVersion") : std::nullopt;
  const auto capabilities = object ? json::object_at(*object, "capabilities") : std::nullopt;
  if (!version || !capabilities) {
    return fail(ErrorCode::kFailedPrecondition,
                "its answer to initialize has no protocolVersion or no capabilities");
  }
  const auto revision = mcp::parse_revision(*version);
  if (*version != kFirstRevision && (!revision || mcp::era_of(*revision) != mcp::Era::kLegacy)) {
    return fail(ErrorCode::kFailedPrecondition,
                "it speaks a revision of MCP that is not spoken here");
  }
  if (!json::find(*capabilities, "tools")) {
    return fail(ErrorCode::kFailedPrecondition, "it has no tools");
  }
  return {};
}

std::string call_params(std::string_view tool, std::string_view arguments, std::uint64_t id,
                        bool progress_wanted) {
  std::string params;
  json::Writer writer(params);
  writer.begin_object().field("name", tool).raw_field("arguments", arguments);
  if (progress_wanted) {
    writer.key("_meta").begin_object().field("progressToken", id).end_object();
  }
  writer.end_object();
  return params;
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
  const auto object = read_object(params, parser);
  if (!object) {
    return "";
  }
  std::string json;
  json::Writer writer(json);
  writer.begin_object();
  copy_member(*object, params, "level", "level", writer);
  copy_member(*object, params, "data", "message", writer);
  writer.end_object();
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

Expected<ToolsPage> read_tools_page(std::string_view result) {
  json::Parser parser(result.size());
  const json::Object object = TRY(read_object(result, parser));
  const auto tools = json::find_member(object, result, "tools");
  const auto list = tools ? json::as_array(tools->value) : std::nullopt;
  if (!list) {
    return invalid("its answer to tools/list has no list of tools");
  }
  ToolsPage page;
  for (const json::Item& item : json::Items(*list, tools->raw)) {
    page.tools.emplace_back(item.raw);
  }
  page.next_cursor = json::string_at(object, "nextCursor").value_or("");
  return page;
}

}  // namespace mcpgate::sandboxd
