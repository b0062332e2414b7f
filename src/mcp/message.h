#pragma once

// One POST body as messages, and each message as the operation it asks for.
//
// Here is what both eras share: JSON-RPC, and the choice of the era. What an era demands of a
// request and how its answers look is in legacy.* and modern.*; neither knows the other.

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "json/parse.h"
#include "mcp/input.h"
#include "mcp/revision.h"
#include "mcp/rpc.h"

namespace mcpgate::mcp {

/// The headers that MCP defines, where the request has them, trimmed.
struct Headers {
  std::optional<std::string_view> protocol_version;  ///< MCP-Protocol-Version
  std::optional<std::string_view> method;            ///< Mcp-Method
  std::optional<std::string_view> name;              ///< Mcp-Name
};

/// The `logLevel` of a modern request, in the order of RFC 5424.
enum class LogLevel { kDebug, kInfo, kNotice, kWarning, kError, kCritical, kAlert, kEmergency };
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view text);

// What can be asked for. Views are into the body or the parser's document.

/// The requests and notifications that are served, one type each.
struct Initialize {
  std::string_view requested_version;
  ClientCapabilities client = {};
};
struct Ping {};
struct Discover {};
/// One page of one of the lists.
struct List {
  enum class Kind { kTools, kResources, kResourceTemplates, kPrompts };
  Kind kind = Kind::kTools;
  /// The cursor of the page; nothing, or an empty one: the first.
  std::string_view cursor = {};
};
/// `tools/call`, as the client sent it.
struct CallTool {
  std::string_view name;
  /// An object; absent arguments are `{}`.
  std::optional<json::Element> arguments;
  std::string_view arguments_json = "{}";
};
/// `resources/read`.
struct ReadResource {
  std::string_view uri;
};
/// `prompts/get`.
struct GetPrompt {
  std::string_view name;
  /// An object of strings; absent arguments are `{}`.
  std::optional<json::Object> arguments;
  std::string_view arguments_json = "{}";
};
/// `completion/complete`: of an argument of a prompt, or of a variable of a resource template.
struct Complete {
  enum class Of { kPrompt, kResource };
  Of of = Of::kPrompt;
  /// The prompt's name, or the template.
  std::string_view ref;
  std::string_view argument;
  std::string_view value;
  /// Those that are known already: an object of strings.
  std::string_view arguments_json = "{}";
};
/// `tasks/get`, `tasks/update` and `tasks/cancel` of the tasks extension; see task.h.
struct AskTask {
  enum class What { kGet, kUpdate, kCancel };
  What what = What::kGet;
  std::string_view id;
};
/// `logging/setLevel` of the legacy revisions.
struct SetLogLevel {
  LogLevel level = LogLevel::kInfo;
};
/// The response to a request that this server sent on the stream of a call (legacy revisions).
struct Respond {
  /// The request's id as JSON bytes.
  std::string_view request_id;
  /// JSON bytes; empty where there is an error.
  std::string_view result = {};
  /// The error's message.
  std::string_view error = {};
};
/// `resources/subscribe` and `resources/unsubscribe` of the legacy revisions.
struct Subscribe {
  std::string_view uri;
  /// False: not any more.
  bool wanted = true;
};
/// `subscriptions/listen` of 2026-07-28: what the client wants to be told. Types that this server
/// does not know are not among it.
struct Listen {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  /// Strings: the URIs of resources whose contents it follows.
  std::optional<json::Array> uris;
};
/// A notification that some request need not be answered any more.
struct Cancel {
  /// The request's id as JSON bytes.
  std::string_view request_id;
};
/// A notification that asks for nothing: `initialized`, or one that this server has no use for.
struct Noted {};

using Operation =
    std::variant<Initialize, Ping, Discover, List, CallTool, ReadResource, GetPrompt, Complete,
                 AskTask, SetLogLevel, Subscribe, Listen, Respond, Cancel, Noted>;

/// One message that may be served.
struct Message {
  Revision revision = kNewestLegacy;
  Operation operation;
  /// JSON bytes; empty where the client wants no progress.
  std::string_view progress_token;
  /// Modern only: the least level of log messages that the client wants.
  std::optional<LogLevel> log_level;
  /// Modern only: what the client says it can be asked.
  ClientCapabilities client = {};
  /// Modern only, of a request that an earlier one asked for: `inputResponses`, an object, and
  /// `requestState`, a string, both as JSON bytes; empty where they are missing.
  std::string_view input_responses = {};
  std::string_view request_state = {};
  /// Modern only: whether the client takes a task for a result.
  bool takes_tasks = false;
  /// W3C trace context of `_meta`, unchecked.
  std::string_view traceparent;

  [[nodiscard]] Era era() const { return era_of(revision); }
};

/// One element of a body: what it is called by, and what it asks for or why it cannot.
struct Incoming {
  /// JSON bytes; kNullId where it could not be read. For a notification it is empty.
  std::string_view id = kNullId;
  /// As far as it could be read, for the record.
  std::string_view method;
  /// Known also of what cannot be served.
  Era era = Era::kLegacy;
  RpcExpected<Message> message = rpc_fail(RpcCode::kInvalidRequest, "");

  [[nodiscard]] bool is_notification() const { return id.empty(); }
};

/// A whole body.
struct Body {
  bool batch = false;
  std::vector<Incoming> incoming;
};

/// The most messages of a batch (2025-03-26): a client gains nothing by more.
inline constexpr std::size_t kBatchMessagesMax = 50;

/// Reads a body. What is wrong with the whole of it is the error; what is wrong with one message is
/// in its Incoming. The views live until `parser` is used again, and as long as `bytes`.
[[nodiscard]] RpcExpected<Body> read_body(json::Parser& parser, std::string_view bytes,
                                          const Headers& headers);

}  // namespace mcpgate::mcp
