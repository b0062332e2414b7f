#pragma once

// One call of one tool: what the daemon asks for, what it allows, and how it ended.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/declared.h"
#include "sandbox/tool_limits.h"

namespace mcpgate::sandboxd {

class Workspace;

/// What one call may use.
using Limits = sandbox::ToolLimits;

/// How often a running child's memory and temporary files are looked at; and those of a stdio
/// server that nobody calls.
inline constexpr std::chrono::milliseconds kSampleInterval{20};
inline constexpr std::chrono::milliseconds kIdleSampleInterval{250};
/// Frames a second that a child may send; the harness paces itself at half of it.
inline constexpr unsigned kFramesPerSecondMax = 2000;
/// What is kept of the end of stdout and stderr, bytes: enough for a traceback.
inline constexpr std::size_t kDiagnosticsBytesMax = std::size_t{64} << 10;
/// What a call may print at all, bytes; more is a runaway and ends it.
inline constexpr std::uint64_t kPrintedBytesMax = std::uint64_t{16} << 20;

/// Why a call has no result of its own: `result._meta["io.mcpgate/reason"]`.
enum class EndReason : std::uint8_t {
  /// It has one: the tool answered (with `isError` perhaps).
  kNone,
  /// Its deadline or the wall limit passed.
  kTimeout,
  /// It used more memory than it may, resident or address space.
  kMemory,
  /// It used more CPU time than it may.
  kCpu,
  /// It returned, logged, printed or wrote more than it may.
  kOutput,
  /// It was cancelled, broke the frame protocol, or its zygote went away.
  kKilled,
  /// It ended without an answer: a signal of its own making, `os._exit`.
  kCrashed,
};

/// `timeout`, `memory`, …; `none`.
[[nodiscard]] std::string_view to_string(EndReason reason);

/// One call.
struct CallSpec {
  /// Unique among the calls in flight; what cancel() names.
  std::string call_id = {};
  sandbox::ItemKind kind = sandbox::ItemKind::kTool;
  /// The tool's name, and the file of the set that declares it (both as describe() said).
  std::string tool = {};
  std::string file = {};
  /// A JSON object, valid: the gateway checked it, the daemon parsed it.
  std::string arguments = "{}";
  std::string user = {};
  /// Whom it is for: two calls of one identity may find the same stdio server.
  std::string identity = {};
  /// When it must be dead. Limits::wall may end it earlier.
  std::chrono::steady_clock::time_point deadline = {};
  Limits limits = {};
  /// Read-only data: name → folder or file. One that does not exist is left out.
  std::map<std::string, std::filesystem::path> mounts = {};
  /// Its user's; null: it has none.
  std::shared_ptr<const Workspace> workspace = {};
  /// Modules of the set that the call's model-written code may import.
  std::vector<std::string> importable = {};
  /// W3C trace context, or empty.
  std::string traceparent = {};
  /// Let go once the child is reaped and its temporary folder gone, somewhat after its answer.
  std::shared_ptr<const void> until_reaped = {};
  /// Whether `Context.progress()` and `Context.log()` send anything.
  bool progress_wanted = false;
};

/// What a call used.
struct Usage {
  /// User and system time of all its threads, ms.
  std::uint64_t cpu_ms = 0;
  std::uint64_t wall_ms = 0;
  std::uint64_t peak_rss_bytes = 0;
  /// Bytes of its frames.
  std::uint64_t output_bytes = 0;
};

/// How a call ended.
struct CallOutcome {
  /// A CallToolResult as the child wrote it: bytes of hostile origin, to be parsed and checked
  /// before use. Empty where reason is not kNone.
  std::string result = {};
  EndReason reason = EndReason::kNone;
  /// For the caller, in one line, where reason is not kNone: `used more than 256 MiB of memory`.
  std::string text = {};
  Usage usage = {};
  /// The end of what it wrote to stdout and stderr, hostile bytes too, which may hold the call's
  /// arguments: for the tool's author, never for the daemon's log.
  std::string diagnostics = {};
  /// How much it wrote there, bytes.
  std::uint64_t printed_bytes = 0;
};

/// Takes what a call says while it runs. Called on the loop's thread; lives until run() returns.
class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;

  /// JSON as the child wrote it, to be parsed and checked: `{"progress","total"?,"message"?}`.
  virtual void on_progress(std::string_view json) = 0;
  /// The same: `{"level","message"}`, level as MCP's logging names them.
  virtual void on_log(std::string_view json) = 0;
  /// The same, a question that the call waits for: `{"method","params"}`, see sandbox::Question.
  /// `number` counts the questions of the call from 1. Returns a sandbox::Reply where the answer is
  /// known at once; else Zygote::reply() gives it later.
  virtual std::optional<std::string> on_question(std::uint64_t number, std::string_view json) = 0;
};

/// A sink of calls that nobody listens to: what they say is dropped, what they ask is refused.
class NoEvents final : public EventSink {
 public:
  void on_progress(std::string_view /*json*/) override {}
  void on_log(std::string_view /*json*/) override {}
  std::optional<std::string> on_question(std::uint64_t number, std::string_view json) override;
};

}  // namespace mcpgate::sandboxd
