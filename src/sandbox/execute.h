#pragma once

// POST /execute: the request, the plain answer (application/json) and the events of a streamed one
// (application/x-ndjson, one object a line, the result last). Both sides build and parse here.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "json/parse.h"
#include "json/write.h"
#include "sandbox/declared.h"

namespace mcpgate::sandbox {

/// Why a call ended badly through no word of the tool's: `result._meta["io.mcpgate/reason"]`.
enum class Reason { kTimeout, kMemory, kCpu, kOutput, kKilled, kCrashed, kSandboxUnavailable };
inline constexpr std::size_t kReasons = 7;

/// `timeout memory cpu output killed crashed sandbox_unavailable`.
[[nodiscard]] std::string_view to_string(Reason reason);
[[nodiscard]] std::optional<Reason> parse_reason(std::string_view text);

/// The bounds of a call's own members; `arguments` is bounded by the body.
inline constexpr std::size_t kCallIdBytesMax = 128;
inline constexpr std::size_t kUserBytesMax = 512;
/// Of issuer and of subject.
inline constexpr std::size_t kIdentityBytesMax = 2048;
inline constexpr std::chrono::milliseconds kDeadlineMax{std::chrono::hours{24}};
/// The longest that may be asked for; a set's `detached.ttl` may be less.
inline constexpr std::chrono::milliseconds kTtlMax{std::chrono::hours{24}};

/// One call. Views borrow: from the caller when written, from body and parser when parsed.
struct ExecuteRequest {
  /// The name of a tool, or of a resource or prompt.
  std::string_view tool;
  /// A JSON object as bytes; spliced as it is, so it must be valid. Of a resource or prompt it is
  /// an order: see sandbox/item_call.h.
  std::string_view arguments = "{}";
  ItemKind kind = ItemKind::kTool;
  /// Chosen by the gateway, unguessable: A-Z a-z 0-9 _ - only.
  std::string_view call_id;
  /// The readable name, for the tool and the log; not an identity.
  std::string_view user;
  /// Whom it is for: issuer and subject of the principal. What must not be shared between users
  /// goes by both.
  std::string_view issuer = {};
  std::string_view subject = {};
  /// Time left.
  std::chrono::milliseconds deadline{30'000};
  /// The digest of the tool that was decided on.
  std::string_view tool_sha256;
  /// W3C trace context, or empty.
  std::string_view traceparent;
  /// The call at the same daemon that waits for this one and lends its place, or empty.
  std::string_view parent = {};
  /// More than zero: the call is detached. It outlives its connection, and the daemon keeps what it
  /// says and how it ends for so long, from its acceptance on.
  std::chrono::milliseconds ttl{0};
};

[[nodiscard]] std::string write_execute_request(const ExecuteRequest& request);
/// kInvalidArgument names the member that is wrong. The views live until `parser` is used again,
/// and as long as `body`.
[[nodiscard]] Expected<ExecuteRequest> parse_execute_request(std::string_view body,
                                                             json::Parser& parser);

/// A detached call at one moment: what its acceptance (202) and GET /execute/{id} tell.
struct DetachedState {
  /// How long it is kept from now on.
  std::chrono::milliseconds ttl{0};
  /// How long ago it was accepted, asked, was answered or ended: whichever was last.
  std::chrono::milliseconds idle{0};
  /// How many events it has said, its result not counted; the next one has this number.
  std::uint64_t events = 0;
  /// Whether it waits for the answer to the latest question among them.
  bool is_asking = false;
  /// Whether it has its result, which follows the events.
  bool has_ended = false;
  /// Whether its end was asked for while it ran. It may have given its own result all the same.
  bool is_cancelled = false;

  friend bool operator==(const DetachedState&, const DetachedState&) = default;
};

/// {"ttl_ms":…,"idle_ms":…,"events":…,"asking":…,"ended":…,"cancelled":…}
[[nodiscard]] std::string write_detached_state(const DetachedState& state);
/// kInvalidArgument for anything but that: hostile input.
[[nodiscard]] Expected<DetachedState> parse_detached_state(std::string_view body,
                                                           json::Parser& parser);

/// What a call cost.
struct Usage {
  std::int64_t cpu_ms = 0;
  std::int64_t wall_ms = 0;
  std::int64_t peak_rss_bytes = 0;
  std::int64_t output_bytes = 0;

  friend bool operator==(const Usage&, const Usage&) = default;
};

/// `{"cpu_ms":…,"wall_ms":…,"peak_rss_bytes":…,"output_bytes":…}`.
void write_usage(json::Writer& writer, const Usage& usage);
/// kInvalidArgument for anything but those, as non-negative integers.
[[nodiscard]] Expected<Usage> parse_usage(json::Element element);

/// The progress of a call: the params of `notifications/progress` as JSON bytes, without
/// progressToken: {"progress":1,"total":4,"message":"…"}.
struct Progress {
  std::string params;
};

/// A log message of a tool: the params of `notifications/message` as JSON bytes:
/// {"level":"info","data":…} and perhaps "logger".
struct Log {
  std::string params;
};

/// What a call asks while it runs, and waits for.
struct Question {
  enum class Kind { kCallTool, kAskClient, kCloseStream };

  /// Counts the questions of one call from 1; names it in the Reply.
  std::uint64_t number = 0;
  Kind kind = Kind::kCallTool;
  /// JSON bytes, checked as far as check_question_params() says: of kCallTool the params of MCP's
  /// request; of kAskClient `{"inputRequests":{…}}`, which `{"inputResponses":{…}}` answers; of
  /// kCloseStream `{}`, which `{"closed":true}` answers, or false where it makes no sense.
  std::string params;
};

/// `tools/call`, a request of MCP, `input_required`, which MCP says in a result, or
/// `stream/close`, by which a call lets its client's connection go while it runs on.
[[nodiscard]] std::string_view method_of(Question::Kind kind);
[[nodiscard]] std::optional<Question::Kind> parse_question_method(std::string_view method);

/// As much as a frame to a child takes.
inline constexpr std::size_t kReplyBytesMax = std::size_t{16} << 20;

/// The answer to a Question, as POST /execute/{id}/reply has it and as the child gets it:
/// {"id":1,"result":{…}} or {"id":1,"error":{"message":"…"}}. At most kReplyBytesMax.
struct Reply {
  std::uint64_t number = 0;
  /// A JSON object as bytes; empty where there is an error.
  std::string_view result = {};
  std::string_view error = {};
};
[[nodiscard]] std::string write_reply(const Reply& reply);
/// kInvalidArgument says what is wrong. The views live as those of parse_execute_request().
[[nodiscard]] Expected<Reply> parse_reply(std::string_view body, json::Parser& parser);

/// How a call ended.
class Result {
 public:
  /// The CallToolResult as JSON bytes, checked: fit to be spliced.
  [[nodiscard]] std::string_view call_tool_result() const {
    return std::string_view(body).substr(result_offset, result_bytes);
  }

  std::string body;
  std::size_t result_offset = 0;
  std::size_t result_bytes = 0;
  bool is_error = false;
  /// ResultFacts::is_plain.
  bool is_plain = false;
  Usage usage;
  std::string profile;
  /// Set where the sandbox, not the tool, ended the call.
  std::optional<Reason> reason;
};

using Event = std::variant<Progress, Log, Question, Result>;

/// The plain answer; with `event` first, the last line of a streamed one (LF included).
enum class AnswerForm { kPlain, kEvent };
[[nodiscard]] std::string write_answer(AnswerForm form, std::string_view call_tool_result,
                                       const Usage& usage, std::string_view profile);
/// The plain answer of a daemon: hostile input. Takes the bytes, which the Result keeps.
[[nodiscard]] Expected<Result> parse_answer(std::string body, json::Parser& parser);

/// A line of a streamed answer, LF included.
[[nodiscard]] std::string write_progress_event(std::string_view params);
[[nodiscard]] std::string write_log_event(std::string_view params);
/// {"event":"request","id":1,"method":"tools/call","params":{…}}
[[nodiscard]] std::string write_question_event(std::uint64_t number, Question::Kind kind,
                                               std::string_view params);
/// One line without its LF: hostile input.
[[nodiscard]] Expected<Event> parse_event(std::string line, json::Parser& parser);

/// Whether `params` are what a Progress or a Log must be.
[[nodiscard]] Expected<void> check_progress_params(json::Element params);
[[nodiscard]] Expected<void> check_log_params(json::Element params);

/// Whether `params` have what their kind must have: `name` and perhaps an object `arguments`; what
/// mcp::read_input_requests() takes. Duplicate keys are refused. `text` is what they were read
/// from.
[[nodiscard]] Expected<void> check_question_params(Question::Kind kind, json::Element params,
                                                   std::string_view text);

/// Turns line feeds into spaces: valid JSON has them between tokens only, and a line of ndjson or
/// SSE must not hold any.
void join_lines(char* json, std::size_t bytes);

}  // namespace mcpgate::sandbox
