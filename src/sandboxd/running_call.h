#pragma once

// One child, seen from the daemon: its socket, its output, its clock. The zygote's class tells it
// when the child exists and when it is reaped; everything else it finds out by itself.

#include <time.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "base/fd.h"
#include "base/task.h"
#include "sandboxd/call.h"
#include "sandboxd/control.h"
#include "sandboxd/frame.h"
#include "sandboxd/scratch.h"
#include "sandboxd/server_peer.h"
#include "sandboxd/workspaces.h"

namespace mcpgate::sandboxd {

/// What a child is locked down for; settled before it is known which call it will serve.
struct ChildSetup {
  SpawnTask task = SpawnTask::kCall;
  std::uint64_t address_space_bytes = 0;
  /// Of its largest file.
  std::uint64_t file_bytes = 0;
  std::uint32_t cpu_s = 0;
  std::uint32_t open_files = 0;
  /// Bytes, files and folders in a private temporary folder.
  std::uint64_t tmp_bytes = 0;
  std::uint32_t tmp_entries = 0;
  /// Its user's; null: it has none.
  std::shared_ptr<const Workspace> workspace = {};
  std::vector<std::string> read_only = {};
  /// Of a child kept ready: the tool that it loads while it waits, and then serves alone.
  ToolName expected = {};
  /// For a self-test: layers left out, and what it tries to reach.
  LayerBits without = 0;
  Witness witness = {};

  friend bool operator==(const ChildSetup&, const ChildSetup&) = default;
};

/// What a child is told to do, and what the daemon holds it to: a call or a description.
struct ChildSpec {
  /// Unique among the children, or empty: cannot be cancelled.
  std::string call_id = {};
  std::chrono::steady_clock::time_point deadline = {};
  Limits limits = {};
  /// The members of the request after `tmp` and the like: `"op":"call","tool":…`.
  std::string request = {};
  /// Nothing for a description, a resource, a prompt.
  ToolName tool = {};
  /// See CallSpec.
  std::shared_ptr<const void> until_reaped = {};
  /// Of a stdio server (SpawnTask::kServer): who speaks with it, instead of by frames.
  ServerPeer* peer = nullptr;
};

/// A child waits, locked down, from its creation to begin(), and serves one call from there; or it
/// is a stdio server, which lives from call to call. Owned by run(), shared with its own coroutines
/// until they end. Lives on one loop.
class RunningCall : public std::enable_shared_from_this<RunningCall> {
 public:
  /// The child's ends of what was made for it; sent with the SPAWN, then closed.
  struct ChildEnds {
    UniqueFd call_socket;
    UniqueFd output;
    /// Of a stdio server alone.
    UniqueFd input;
  };

  /// Makes socket and pipe. Without `scratch` the child's temporary folder is its own private file
  /// system.
  [[nodiscard]] static Expected<std::shared_ptr<RunningCall>> create(
      asio::io_context& loop, ChildSetup setup, std::optional<ScratchDirectory> scratch);
  RunningCall(const RunningCall&) = delete;
  RunningCall& operator=(const RunningCall&) = delete;
  ~RunningCall() = default;

  [[nodiscard]] const ChildSetup& setup() const { return setup_; }
  /// Empty before begin().
  [[nodiscard]] const ChildSpec& spec() const { return spec_; }
  /// When it was asked for.
  [[nodiscard]] std::chrono::steady_clock::time_point made_at() const { return made_at_; }
  /// The child's temporary folder, by the path that the child knows.
  [[nodiscard]] std::string tmp() const;
  /// Its workspace likewise.
  [[nodiscard]] std::string workspace_path() const;
  /// What the zygote is told of its workspace. One that is full can be written no more.
  [[nodiscard]] WorkspaceGrant workspace_grant() const;
  /// After the end of a call that has a workspace: its answer does not stand where it left more
  /// there than it may.
  [[nodiscard]] Task<> check_workspace();
  /// After the end, to be removed where that may take its time.
  [[nodiscard]] std::optional<ScratchDirectory> take_scratch() {
    return std::exchange(scratch_, std::nullopt);
  }
  [[nodiscard]] ChildEnds take_child_ends() { return std::move(child_ends_); }

  /// Before begin(), of a child that loads its tool: it is held to `limits` from now on, and ended
  /// at `deadline` if nobody called it.
  void watch_while_waiting(const Limits& limits, std::chrono::steady_clock::time_point deadline);
  /// Instead of begin(): nobody will call it.
  void abandon();
  /// Starts to send the request, to read and to watch. `sink` outlives the call.
  void begin(ChildSpec spec, EventSink& sink);

  /// The zygote forked it.
  void spawned(std::int32_t pid, UniqueFd pidfd);
  [[nodiscard]] bool is_spawned() const { return static_cast<bool>(pidfd_); }
  /// Whether its end is known; then begin() is too late.
  [[nodiscard]] bool is_gone() const { return gone_; }
  /// Whether its zygote told so: it is dead.
  [[nodiscard]] bool is_reaped() const { return reaped_; }
  /// The zygote reaped it.
  void exited(const ExitedMessage& message);
  /// Its zygote does not reap any more: its end is looked for from here.
  void expect_no_reaper();
  /// The zygote went away, or could not fork: there is no child, or none that will be reaped.
  void lost(std::string_view text);

  /// Ends the child at once, for the first reason given. Also before it is spawned.
  void kill(EndReason reason, std::string text);

  /// The answer to the question of that number: a sandbox::Reply, at most kRequestBytesMax. False
  /// where that is not the one it waits for.
  [[nodiscard]] bool reply(std::uint64_t number, std::string_view payload);

  // ---- Of a stdio server

  /// To its standard input, in order; false where it reads so slowly that too much waits already.
  [[nodiscard]] bool write(std::string_view bytes);
  /// Ends its standard input: it should exit.
  void close_input();
  /// From now on CPU time and memory count anew, against the limits too, of which `cpu` is this
  /// one's, and are looked at often.
  void begin_account(std::chrono::milliseconds cpu);
  /// What it used since then; nobody waits for it any more.
  [[nodiscard]] Usage end_account();

  /// Until its outcome is known: it has answered and is being ended, or it ended by itself.
  [[nodiscard]] Task<> wait();
  /// Until the child is reaped and its last byte read.
  [[nodiscard]] Task<> wait_until_reaped();
  [[nodiscard]] CallOutcome outcome();
  [[nodiscard]] int wait_status() const { return exit_.wait_status; }

 private:
  RunningCall(asio::io_context& loop, ChildSetup setup, std::optional<ScratchDirectory> scratch);

  void send(FrameType type, std::string_view payload);
  void start_writing();
  static Task<> write_frames(std::shared_ptr<RunningCall> call);
  static Task<> read_frames(std::shared_ptr<RunningCall> call);
  static Task<> read_output(std::shared_ptr<RunningCall> call);
  void keep_watching();
  static Task<> watch(std::shared_ptr<RunningCall> call);
  static Task<> watch_end(std::shared_ptr<RunningCall> call);
  void expect_no_end_of_file();
  static Task<> watch_workspace(std::shared_ptr<RunningCall> call);

  void settle();
  bool take_bytes(std::string_view bytes);
  bool take_frame(Frame frame);
  bool take_question(std::string_view payload);
  [[nodiscard]] bool is_within_rate();
  void take_output(std::string_view bytes);
  void check_limits();
  void check_cpu();
  void check_memory();
  void check_threads();
  [[nodiscard]] std::optional<std::uint64_t> read_status(std::string_view field) const;
  void check_scratch();
  [[nodiscard]] std::chrono::nanoseconds cpu_used() const;
  void finish_if_done();
  [[nodiscard]] std::string cpu_text() const;
  void decide_outcome(CallOutcome& outcome) const;

  ChildSetup setup_;
  ChildSpec spec_;
  std::optional<ScratchDirectory> scratch_;
  EventSink* sink_ = nullptr;
  asio::local::stream_protocol::socket socket_;
  asio::posix::stream_descriptor output_;
  asio::local::stream_protocol::socket input_;
  asio::steady_timer watch_timer_;
  std::optional<asio::steady_timer> workspace_timer_;
  asio::steady_timer done_;
  ChildEnds child_ends_;
  FrameReader frames_;
  /// Frames that wait for the one that is being written.
  std::string outgoing_;
  bool writing_ = false;
  std::uint64_t questions_ = 0;
  /// Whether the last of them waits for its answer.
  bool asking_ = false;

  std::chrono::steady_clock::time_point made_at_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point deadline_;
  UniqueFd pidfd_;
  /// /proc/PID/status, opened once: it stays the child's even after the number is another's.
  UniqueFd status_;
  /// Its CPU time, for clock_gettime(2), and what of it was used before begin_account().
  std::optional<clockid_t> cpu_clock_;
  std::chrono::nanoseconds cpu_before_{0};
  bool is_called_ = true;
  bool is_watched_ = false;
  /// Since when a stdio server can say nothing more.
  std::optional<std::chrono::steady_clock::time_point> silent_since_;
  unsigned samples_ = 0;
  std::chrono::steady_clock::time_point rate_window_;
  unsigned frames_in_window_ = 0;

  std::optional<Frame> answer_;
  /// Whether what it used is known although it is not reaped.
  bool settled_ = false;
  std::uint64_t output_bytes_ = 0;
  std::uint64_t printed_bytes_ = 0;
  std::uint64_t peak_rss_bytes_ = 0;
  std::string diagnostics_;
  /// kNone while nobody decided to kill it.
  EndReason kill_reason_ = EndReason::kNone;
  std::string kill_text_;
  bool killed_ = false;
  bool gone_ = false;
  bool reaped_ = false;
  ExitedMessage exit_;
  unsigned readers_ = 2;
};

}  // namespace mcpgate::sandboxd
