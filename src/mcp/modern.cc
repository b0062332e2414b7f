#include "mcp/modern.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "json/raw.h"
#include "json/write.h"
#include "mcp/header_value.h"
#include "mcp/params.h"
#include "mcp/server_info.h"
#include "mcp/task.h"

namespace mcpgate::mcp::modern {

namespace {

constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view kCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
constexpr std::string_view kLogLevelKey = "io.modelcontextprotocol/logLevel";
constexpr std::string_view kServerInfoKey = "io.modelcontextprotocol/serverInfo";

/// How long a client that does not listen may keep a list: tools change by an edit of a file.
constexpr int kListTtlMs = 5000;
/// What discover says changes with the gateway's version only.
constexpr int kDiscoverTtlMs = 3'600'000;

std::unexpected<RpcError> mismatch(std::string message) {
  return rpc_fail(RpcCode::kHeaderMismatch, std::move(message), 400);
}

std::unexpected<RpcError> unsupported(std::string_view requested) {
  RpcError error{.code = RpcCode::kUnsupportedProtocolVersion,
                 .message = "Unsupported protocol version",
                 .http_status = 400};
  json::Writer(error.data)
      .begin_object()
      .key("supported")
      .begin_array()
      .value(to_string(kNewest))
      .end_array()
      .field("requested", requested)
      .end_object();
  return std::unexpected(std::move(error));
}

/// Steps 1 to 4 of the specification's order: the envelope itself, then the headers against it.
RpcExpected<Revision> check_version(std::optional<json::Object> meta, const Headers& headers) {
  const auto version = meta ? json::string_at(*meta, kVersionKey) : std::nullopt;
  if (!version || !json::object_at(*meta, kCapabilitiesKey)) {
    return rpc_fail(RpcCode::kInvalidParams,
                    fmt::format("params._meta: {} (string) and {} (object) are required",
                                kVersionKey, kCapabilitiesKey),
                    400);
  }
  if (headers.protocol_version && *headers.protocol_version != *version) {
    return mismatch("MCP-Protocol-Version does not agree with params._meta");
  }
  const auto revision = parse_revision(*version);
  if (!revision || era_of(*revision) != Era::kModern) {
    return unsupported(*version);
  }
  if (!headers.protocol_version) {
    return mismatch("MCP-Protocol-Version is missing");
  }
  return *revision;
}

RpcExpected<void> check_method_header(std::string_view method, const Headers& headers) {
  if (headers.method != method) {
    return mismatch(headers.method ? "Mcp-Method does not agree with the body's method"
                                   : "Mcp-Method is missing");
  }
  return {};
}

/// What `Mcp-Name` repeats of a request; nothing where it repeats nothing.
struct NamedBy {
  std::string_view field;
  std::string_view value;
};
std::optional<NamedBy> named_by(const Operation& operation) {
  if (const auto* call = std::get_if<CallTool>(&operation)) {
    return NamedBy{"params.name", call->name};
  }
  if (const auto* get = std::get_if<GetPrompt>(&operation)) {
    return NamedBy{"params.name", get->name};
  }
  if (const auto* read = std::get_if<ReadResource>(&operation)) {
    return NamedBy{"params.uri", read->uri};
  }
  if (const auto* ask = std::get_if<AskTask>(&operation)) {
    return NamedBy{"params.taskId", ask->id};
  }
  return std::nullopt;
}

RpcExpected<void> check_name_header(const NamedBy& named, const Headers& headers) {
  if (!headers.name) {
    return mismatch("Mcp-Name is missing");
  }
  const auto decoded = decode_header_value(*headers.name);
  if (!decoded) {
    return mismatch("Mcp-Name is not valid base64");
  }
  if (*decoded != named.value) {
    return mismatch(fmt::format("Mcp-Name does not agree with {}", named.field));
  }
  return {};
}

/// One `…ListChanged` of a filter; a key that is missing wants nothing.
RpcExpected<bool> read_wish(json::Object filter, std::string_view key) {
  const auto wish = json::find(filter, key);
  bool wanted = false;
  if (wish && wish->get_bool().get(wanted) != simdjson::SUCCESS) {
    return rpc_fail(RpcCode::kInvalidParams,
                    fmt::format("params.notifications.{}: must be true or false", key));
  }
  return wanted;
}

RpcExpected<Operation> read_listen(std::optional<json::Object> params) {
  const auto filter = params ? json::object_at(*params, "notifications") : std::nullopt;
  if (!filter) {
    return rpc_fail(RpcCode::kInvalidParams,
                    "params.notifications: an object that says what to tell is missing");
  }
  Listen listen;
  for (const auto& [key, wish] : {std::pair{"toolsListChanged", &listen.tools},
                                  std::pair{"promptsListChanged", &listen.prompts},
                                  std::pair{"resourcesListChanged", &listen.resources}}) {
    const auto wanted = read_wish(*filter, key);
    if (!wanted) {
      return std::unexpected(wanted.error());
    }
    *wish = *wanted;
  }
  if (const auto uris = json::find(*filter, "resourceSubscriptions")) {
    listen.uris = json::as_array(*uris);
    if (!listen.uris || !std::ranges::all_of(*listen.uris, &json::Element::is_string)) {
      return rpc_fail(RpcCode::kInvalidParams,
                      "params.notifications.resourceSubscriptions: must be a list of URIs");
    }
  }
  return listen;
}

RpcExpected<Operation> read_operation(std::string_view method, std::optional<json::Object> params,
                                      std::string_view params_json, const Headers& headers) {
  auto shared = read_shared_operation(method, params, params_json);
  if (!shared) {
    shared = read_ask_task(method, params);
  }
  if (shared) {
    const auto named = *shared ? named_by(**shared) : std::nullopt;
    if (named) {
      if (auto agreed = check_name_header(*named, headers); !agreed) {
        return std::unexpected(std::move(agreed.error()));
      }
    }
    return *std::move(shared);
  }
  if (method == "server/discover") {
    return Discover{};
  }
  if (method == "subscriptions/listen") {
    return read_listen(params);
  }
  return rpc_fail(RpcCode::kMethodNotFound, "Method not found", 404);
}

RpcExpected<void> read_log_level(std::optional<json::Object> meta, Message& message) {
  const auto level = meta ? json::find(*meta, kLogLevelKey) : std::nullopt;
  if (!level) {
    return {};
  }
  message.log_level = parse_log_level(json::as_string(*level).value_or(""));
  if (!message.log_level) {
    return rpc_fail(RpcCode::kInvalidParams,
                    fmt::format("params._meta.{}: not a log level", kLogLevelKey));
  }
  return {};
}

/// What the client was asked for by the answer to an earlier request.
RpcExpected<void> read_input(json::Object params, std::string_view params_json, Message& message) {
  if (!json::find(params, "inputResponses") && !json::find(params, "requestState")) {
    return {};  // Known without another pass over the bytes.
  }
  const auto responses = json::find_member(params, params_json, "inputResponses");
  const auto state = json::find_member(params, params_json, "requestState");
  if (responses && !responses->value.is_object()) {
    return rpc_fail(RpcCode::kInvalidParams, "params.inputResponses: must be an object");
  }
  if (state && !state->value.is_string()) {
    return rpc_fail(RpcCode::kInvalidParams, "params.requestState: must be a string");
  }
  message.input_responses = responses ? responses->raw : std::string_view();
  message.request_state = state ? state->raw : std::string_view();
  return {};
}

/// Opens a result of this era; its members follow.
json::Writer& begin_result(json::Writer& writer, std::string_view type = "complete") {
  return writer.begin_object().field("resultType", type);
}

json::Writer& server_info_meta(json::Writer& writer) {
  return writer.key("_meta").begin_object().raw_field(kServerInfoKey, kServerInfo).end_object();
}

}  // namespace

bool has_envelope(std::optional<json::Object> params) {
  const auto meta = params ? json::object_at(*params, "_meta") : std::nullopt;
  return meta && json::find(*meta, kVersionKey).has_value();
}

bool claimed_by(const Headers& headers) {
  const auto revision = parse_revision(headers.protocol_version.value_or(""));
  return revision && era_of(*revision) == Era::kModern;
}

RpcExpected<Message> read(std::string_view method, bool is_notification,
                          std::optional<json::Object> params, std::string_view params_json,
                          const Headers& headers) {
  Message message{.revision = kNewest, .operation = Noted{}};
  if (is_notification) {
    return message;  // This revision gives a client no notification to send over HTTP.
  }
  if (method == "initialize" && !has_envelope(params)) {
    return mismatch("initialize does not exist in the version that MCP-Protocol-Version names");
  }
  const auto meta = params ? json::object_at(*params, "_meta") : std::nullopt;
  const auto revision = check_version(meta, headers);
  if (!revision) {
    return std::unexpected(revision.error());
  }
  message.revision = *revision;
  if (auto agreed = check_method_header(method, headers); !agreed) {
    return std::unexpected(std::move(agreed.error()));
  }
  auto operation = read_operation(method, params, params_json, headers);
  if (!operation) {
    return std::unexpected(std::move(operation.error()));
  }
  message.operation = *operation;
  const auto capabilities = meta ? json::object_at(*meta, kCapabilitiesKey) : std::nullopt;
  MCPGATE_ASSERT(params && capabilities);  // check_version() wants them.
  message.takes_tasks = declares_tasks(*capabilities);
  if (std::holds_alternative<AskTask>(message.operation) && !message.takes_tasks) {
    return std::unexpected(tasks_not_declared(message.revision));
  }
  if (auto read = read_meta(params, params_json, message); !read) {
    return std::unexpected(std::move(read.error()));
  }
  if (auto read = read_log_level(meta, message); !read) {
    return std::unexpected(std::move(read.error()));
  }
  if (auto read = read_input(*params, params_json, message); !read) {
    return std::unexpected(std::move(read.error()));
  }
  message.client = ClientCapabilities::read(*capabilities);
  return message;
}

std::string discover_result() {
  std::string out;
  json::Writer writer(out);
  begin_result(writer)
      .key("supportedVersions")
      .begin_array()
      .value(to_string(kNewest))
      .end_array()
      .raw_field(
          "capabilities",
          R"({"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},)"
          R"("prompts":{"listChanged":true},"completions":{},"logging":{},)"
          R"("extensions":{"io.modelcontextprotocol/tasks":{}}})")
      .field("ttlMs", kDiscoverTtlMs)
      .field("cacheScope", "public");
  server_info_meta(writer).end_object();
  return out;
}

std::string list_result(List::Kind kind, const std::vector<std::string_view>& definitions,
                        std::string_view next_cursor) {
  std::string out;
  json::Writer writer(out);
  begin_result(writer);
  write_list(writer, kind, definitions, next_cursor);
  writer.field("ttlMs", kListTtlMs).field("cacheScope", "private");
  server_info_meta(writer).end_object();
  return out;
}

std::string item_result(std::string_view members, Caching caching) {
  std::string out;
  json::Writer writer(out);
  begin_result(writer);
  if (caching == Caching::kNotKept) {
    writer.field("ttlMs", 0).field("cacheScope", "private");
  }
  server_info_meta(writer);
  // `members` is an object with at least one.
  out.append(",").append(members.substr(members.find('{') + 1));
  return out;
}

std::string input_required_result(std::string_view requests, std::string_view state) {
  std::string out;
  json::Writer writer(out);
  begin_result(writer, "input_required")
      .raw_field("inputRequests", requests)
      .field("requestState", state);
  server_info_meta(writer).end_object();
  return out;
}

RpcError missing_capability(const ClientCapabilities& needed) {
  RpcError error{.code = RpcCode::kMissingClientCapability,
                 .message = "This needs a capability that the client did not declare.",
                 .http_status = 400};
  json::Writer(error.data)
      .begin_object()
      .raw_field("requiredCapabilities", needed.to_json())
      .end_object();
  return error;
}

std::string typed_result(std::string_view result_type, std::string_view members) {
  std::string out;
  json::Writer writer(out);
  server_info_meta(begin_result(writer, result_type));
  const std::string_view inside = members.substr(members.find('{') + 1);
  out.append(inside.starts_with('}') ? "" : ",").append(inside);
  return out;
}

RpcError resource_not_found(std::string_view uri) {
  RpcError error{.code = RpcCode::kInvalidParams, .message = "Resource not found"};
  json::Writer(error.data).begin_object().field("uri", uri).end_object();
  return error;
}

std::string call_tool_result(json::Object result, std::string_view text) {
  std::string out;
  out.reserve(text.size() + 160);
  json::Writer writer(out);
  begin_result(writer);
  std::optional<json::Member> meta;
  for (const json::Member& member : json::Members(result, text)) {
    if (member.key == "_meta") {
      meta = member;
    } else {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.key("_meta").begin_object();
  if (const auto given = meta ? json::as_object(meta->value) : std::nullopt) {
    for (const json::Member& member : json::Members(*given, meta->raw)) {
      if (member.key != kServerInfoKey) {  // A tool does not speak for this server.
        writer.raw_field(member.key, member.raw);
      }
    }
  }
  writer.raw_field(kServerInfoKey, kServerInfo).end_object().end_object();
  return out;
}

}  // namespace mcpgate::mcp::modern
