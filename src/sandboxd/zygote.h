#pragma once

// The daemon's side of a zygote: a process with a warm Python interpreter that serves one immutable
// version of one tool set. Each call is a fresh child of it, locked down before any byte of the
// tool runs (lockdown.h). A changed tool set is a new Zygote; drain the old one and destroy it.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"
#include "sandbox/tool_limits.h"
#include "sandboxd/call.h"
#include "sandboxd/lockdown.h"
#include "sandboxd/profile.h"
#include "sandboxd/program.h"
#include "sandboxd/server_peer.h"

namespace mcpgate::sandboxd {

/// The program of a stdio server.
struct ServerCommand {
  /// As find_program() found it.
  Program program = {};
  /// Its own name first.
  std::vector<std::string> arguments = {};
  /// `NAME=value`, besides HOME and TMPDIR.
  std::vector<std::string> environment = {};
};

/// What a zygote is started with.
struct ZygoteOptions {
  /// `mcpgate-zygote`, and the folder that holds the Python package `mcpgate`.
  std::filesystem::path executable = {};
  std::filesystem::path harness = {};
  /// `mcpgate-broker`, for the connections of the set.
  std::filesystem::path broker = {};
  Profile profile = Profile::kPod;
  /// Layers without which it serves, if they cannot be had or do not hold here (--allow-missing).
  LayerBits allow_missing = 0;
  /// Whether the log says, at each start, what is not in force.
  bool gaps_are_logged = true;
  /// The tool set's folder; its children may read it.
  std::filesystem::path tool_set = {};
  /// Where the packages of all sets are, and the folder of this set's: find_packages(). Its
  /// children may read that too; empty where the set has none.
  std::filesystem::path packages_root = {};
  std::filesystem::path packages = {};
  /// The Python files of the set: path relative to its folder → bytes. These bytes run, whatever
  /// the folder holds later. Files of the top level whose names do not start with `_` declare
  /// tools.
  std::map<std::string, std::string> sources = {};
  /// Modules of its packages, or of the system's, that every child finds imported.
  std::vector<std::string> preload = {};
  /// Instead of Python files: serve() starts it, and describe() and run() are not to be called.
  std::optional<ServerCommand> server = {};
  /// What all calls together and the zygote may use, bytes, where a control group can be had.
  std::uint64_t memory_bytes = std::uint64_t{4} << 30;
  /// How many tasks they may be together, likewise.
  std::uint64_t tasks = 4096;
  /// What calls may name in CallSpec::mounts.
  std::vector<std::filesystem::path> mounts = {};
  /// The folder of the set's workspaces; empty where it has none.
  std::filesystem::path workspaces = {};
  /// Where per-call temporary directories are made (mode 0700, unguessable names). Must exist.
  std::filesystem::path scratch = {};
  /// When another process takes its place; the calls in it finish.
  sandbox::RecycleLimits recycle = {};
  /// How often it is asked whether it is there.
  std::chrono::milliseconds ping_interval{5000};
  /// Landlock as if the kernel had no later version. For tests: nothing sets it from outside.
  int landlock_abi_max = kLandlockAbiAny;
};

/// Sets executable, broker and harness as they are installed: `../libexec/mcpgate-zygote`,
/// `../libexec/mcpgate-broker` and `../share/mcpgate/harness` from this executable's folder.
[[nodiscard]] Expected<void> locate_installed(ZygoteOptions& options);

/// A zygote and the calls in it. Its process is replaced when it has ended, hangs, or has served
/// its time; calls that run in one that hangs or is old finish, those of one that ended do not.
/// Belongs to one loop: every method is called on its thread, which must outlive the zygote (it
/// dies with the thread that started it). Pinned.
class Zygote {
 public:
  /// Starts the process, loads the sources and runs the self-test. kFailedPrecondition, naming the
  /// layer, where one that the profile requires cannot be had or does not hold here;
  /// kInvalidArgument, naming the module, where one cannot be preloaded.
  [[nodiscard]] static Task<Expected<std::unique_ptr<Zygote>>> start(asio::io_context& loop,
                                                                     ZygoteOptions options);
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;
  /// Kills whatever still runs; the temporary folders of these stay. No run() may be pending.
  ~Zygote();

  /// Imports every file of the set in a locked child. The result is JSON of hostile origin:
  /// `{"tools":[{"file":…,"definition":{name,title?,description?,inputSchema,outputSchema?,
  /// annotations?},"timeoutMs"?:…}],"errors":[{"file":…,"error":…}]}`, files by name, tools as
  /// declared.
  [[nodiscard]] Task<Expected<CallOutcome>> describe(Limits limits);

  /// Runs one call to its answer, or to its end without one. The child is being ended then;
  /// CallSpec::until_reaped tells when it is gone, with its temporary directory. kUnavailable where
  /// no child could be started (nothing ran then; retry later); kAlreadyExists where the call id is
  /// in flight.
  [[nodiscard]] Task<Expected<CallOutcome>> run(CallSpec spec, EventSink& sink);

  /// Starts ZygoteOptions::server in a child of its own and speaks for it to `peer`, until it ends:
  /// the outcome says how. Its memory, files and descriptors are bounded by `limits`, CPU time and
  /// memory as RunningCall accounts them; `wall` and `output` are the peer's. Errors as of run().
  [[nodiscard]] Task<Expected<CallOutcome>> serve(
      Limits limits, std::map<std::string, std::filesystem::path> mounts, ServerPeer& peer);

  /// Keeps `count` children forked, locked down and waiting, for calls of these limits and mounts;
  /// others are forked when they come. Each serves one call, and waits a minute at most. 0: none.
  void keep_ready(std::size_t count, const Limits& limits,
                  const std::map<std::string, std::filesystem::path>& mounts);

  /// Kills a call's child at once; its run() then returns kKilled, `cancelled`. No effect on an id
  /// that is not in flight.
  void cancel(std::string_view call_id);

  /// Answers the question of that number of a call with a sandbox::Reply. Errors: kNotFound (not in
  /// flight), kFailedPrecondition (that question does not wait for an answer).
  [[nodiscard]] Expected<void> reply(std::string_view call_id, std::uint64_t number,
                                     std::string_view payload);

  /// Children that serve a call, or are being ended after it.
  [[nodiscard]] std::size_t in_flight() const;
  /// Until there is none, or the deadline.
  [[nodiscard]] Task<> wait_until_idle(std::chrono::steady_clock::time_point deadline);
  /// Children that wait for a call.
  [[nodiscard]] std::size_t ready_children() const;
  /// What the self-test found at the latest start. A restart never holds with less than the first
  /// start: its label stays true.
  [[nodiscard]] const Confinement& confinement() const;
  /// The zygote's process id; -1 while there is none.
  [[nodiscard]] int pid() const;

 private:
  struct State;
  explicit Zygote(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace mcpgate::sandboxd
