#include "mcp/message.h"

#include <algorithm>
#include <array>

#include "json/raw.h"
#include "mcp/legacy.h"
#include "mcp/modern.h"
#include "mcp/params.h"

namespace mcpgate::mcp {

namespace {

/// An id is echoed and kept while its call runs; no client's is longer than a UUID or two.
constexpr std::size_t kIdBytesMax = 256;

/// The members of a JSON-RPC message, as they were found.
struct Envelope {
  std::string_view id_json;  // Empty: a notification.
  std::string_view method;
  std::optional<json::Object> params;
  std::string_view params_json;
};

/// A key that stands twice in `object`, at any depth but inside its member `except`.
bool has_duplicate_key(json::Object object, std::string_view except) {
  return json::duplicate_key(object) ||
         std::ranges::any_of(object, [except](const simdjson::dom::key_value_pair& member) {
           return member.key != except && json::find_duplicate_key(member.value).has_value();
         });
}

/// A response names a request of ours: whoever reads its id in an answer takes it for its own.
bool is_response(json::Object object) {
  return !json::find(object, "method") &&
         (json::find(object, "result") || json::find(object, "error"));
}

std::string_view readable_id(json::Object object, std::string_view text) {
  if (is_response(object)) {
    return kNullId;
  }
  const auto id = json::find_member(object, text, "id");
  return id && is_id(id->value) && id->raw.size() <= kIdBytesMax ? id->raw : kNullId;
}

RpcExpected<Envelope> read_envelope(json::Object object, std::string_view text) {
  const auto invalid = [](std::string message) {
    return rpc_fail(RpcCode::kInvalidRequest, std::move(message), 400);
  };
  // Not inside `arguments`: there the tool's schema check finds it.
  const auto fields = json::object_at(object, "params");
  if (has_duplicate_key(object, "params") || (fields && has_duplicate_key(*fields, "arguments"))) {
    return invalid("a key stands twice");
  }
  if (json::string_at(object, "jsonrpc") != "2.0") {
    return invalid(R"(jsonrpc: must be "2.0")");
  }
  Envelope envelope;
  std::optional<std::string_view> method;
  std::optional<json::Member> params;
  for (const json::Member& member : json::Members(object, text)) {
    if (member.key == "id") {
      if (!is_id(member.value) || member.raw.size() > kIdBytesMax) {
        return invalid("id: must be a short string or a whole number");
      }
      envelope.id_json = member.raw;
    } else if (member.key == "method") {
      method = json::as_string(member.value);
    } else if (member.key == "params") {
      params = member;
    }
  }
  if (!method) {
    return invalid(is_response(object) ? "a response to no request of this server"
                                       : "method: must be a string");
  }
  envelope.method = *method;
  if (params) {
    envelope.params = json::as_object(params->value);
    envelope.params_json = params->raw;
    if (!envelope.params) {
      return invalid("params: must be an object");
    }
  }
  return envelope;
}

/// A response of the legacy era; nothing where it is none that could be one.
std::optional<Respond> read_response(json::Object object, std::string_view text) {
  const auto id = json::find_member(object, text, "id");
  const auto result = json::find_member(object, text, "result");
  const auto error = json::object_at(object, "error");
  const auto message = error ? json::string_at(*error, "message") : std::nullopt;
  const bool has_one = result ? result->value.is_object() && !error : message.has_value();
  if (json::string_at(object, "jsonrpc") != "2.0" || !id || !is_id(id->value) ||
      id->raw.size() > kIdBytesMax || !has_one || has_duplicate_key(object, "")) {
    return std::nullopt;
  }
  return Respond{.request_id = id->raw,
                 .result = result ? result->raw : std::string_view(),
                 .error = message.value_or("")};
}

Incoming read_one(json::Element element, std::string_view text, const Headers& headers) {
  Incoming incoming;
  incoming.era = modern::claimed_by(headers) ? Era::kModern : Era::kLegacy;
  const auto object = json::as_object(element);
  if (!object) {
    incoming.message =
        rpc_fail(RpcCode::kInvalidRequest, "a JSON-RPC message must be an object", 400);
    return incoming;
  }
  const bool may_respond = incoming.era == Era::kLegacy && is_response(*object);
  if (const auto response = may_respond ? read_response(*object, text) : std::nullopt) {
    const auto revision = legacy::revision_of(headers);
    incoming.id = {};  // Nothing answers a response.
    incoming.message =
        revision ? RpcExpected<Message>(Message{.revision = *revision, .operation = *response})
                 : std::unexpected(revision.error());
    return incoming;
  }
  const auto envelope = read_envelope(*object, text);
  if (!envelope) {
    incoming.id = readable_id(*object, text);
    incoming.message = std::unexpected(envelope.error());
    return incoming;
  }
  incoming.id = envelope->id_json;
  incoming.method = envelope->method;
  if (modern::has_envelope(envelope->params)) {
    incoming.era = Era::kModern;
  }
  const auto read = incoming.era == Era::kModern ? &modern::read : &legacy::read;
  incoming.message = read(incoming.method, incoming.is_notification(), envelope->params,
                          envelope->params_json, headers);
  return incoming;
}

RpcExpected<Body> read_batch(json::Array array, std::string_view text, const Headers& headers) {
  const auto invalid = [](std::string message) {
    return rpc_fail(RpcCode::kInvalidRequest, std::move(message), 400);
  };
  if (legacy::revision_of(headers) != Revision::k20250326) {
    return invalid("batches exist in revision 2025-03-26 only");
  }
  if (array.size() == 0 || array.size() > kBatchMessagesMax) {
    return invalid("a batch holds 1 to 50 messages");
  }
  Body body{.batch = true, .incoming = {}};
  for (const json::Item& item : json::Items(array, text)) {
    Incoming incoming = read_one(item.value, item.raw, headers);
    if (incoming.era == Era::kModern) {
      return invalid("batches exist in revision 2025-03-26 only");
    }
    if (incoming.method == "initialize") {
      incoming.message =
          rpc_fail(RpcCode::kInvalidRequest, "initialize must not be part of a batch", 400);
    }
    body.incoming.push_back(std::move(incoming));
  }
  return body;
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
  static constexpr std::array<std::string_view, 8> kNames{
      "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};
  const auto* const found = std::ranges::find(kNames, text);
  if (found == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<LogLevel>(found - kNames.begin());
}

RpcExpected<Body> read_body(json::Parser& parser, std::string_view bytes, const Headers& headers) {
  const auto element = parser.parse(bytes);
  if (!element) {
    const bool is_json = element.error().code == ErrorCode::kOutOfRange;
    return rpc_fail(is_json ? RpcCode::kInvalidRequest : RpcCode::kParseError,
                    element.error().message, 400);
  }
  if (const auto array = json::as_array(*element)) {
    return read_batch(*array, bytes, headers);
  }
  Body body;
  body.incoming.push_back(read_one(*element, bytes, headers));
  return body;
}

}  // namespace mcpgate::mcp
