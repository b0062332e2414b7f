#pragma once

// The versions of one tool set: the one in force, and those before it that still finish their
// calls.

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_watch.h"
#include "base/task.h"
#include "sandbox/manifest.h"
#include "sandboxd/brokers.h"
#include "sandboxd/resource_updates.h"
#include "sandboxd/scratch.h"
#include "sandboxd/stdio_servers.h"
#include "sandboxd/tool_set_folder.h"
#include "sandboxd/workspaces.h"
#include "sandboxd/zygote.h"

namespace mcpgate::sandboxd {

/// How long calls that were decided on the version before are still taken: longer than any gateway
/// needs to hear of the new one by its long poll.
inline constexpr std::chrono::seconds kDrainWindow{5};
/// Between two looks at the tools of a stdio server that says they have changed.
inline constexpr std::chrono::seconds kRelistInterval{10};
/// Versions that drain at once; each has a process of its own. More changes within the window end
/// the oldest's.
inline constexpr std::size_t kDrainingVersionsMax = 3;

/// A tool of one version, or a resource or prompt.
struct ServedTool {
  /// The file that declares it.
  std::string file;
  std::string digest;
  /// The set's or its own, with what the tool itself says of its time.
  Limits limits;
  /// Whether in_flight and queue are its own, beside the set's.
  bool has_own_bounds = false;
  /// Whether its calls are given their user's workspace.
  bool has_workspace = false;
};

/// By name.
using ServedTools = std::map<std::string, ServedTool, std::less<>>;

/// One immutable version of the set, with the zygote that runs it.
struct Version {
  ToolSetFolder folder;
  sandbox::Manifest manifest;
  /// The manifest as GET /tools sends it while no resource has changed.
  std::string document;
  /// What a call of a tool that says nothing else may use; how many may run and wait.
  Limits limits;
  ServedTools tools;
  ServedTools resources;
  ServedTools prompts;
  /// Data by name: what tools see of it, and what model-written code sees.
  std::map<std::string, std::filesystem::path> mounts;
  std::map<std::string, std::filesystem::path> code_mounts;
  /// Null where the set has none.
  std::shared_ptr<Workspaces> workspaces;
  std::shared_ptr<Zygote> zygote;
  /// Null where a stdio server serves.
  std::shared_ptr<Brokers> brokers;
  /// Of a set with a stdio server: the files it runs from, and its processes.
  std::optional<ScratchDirectory> copy;
  std::unique_ptr<StdioServers> servers;
  /// The daemon's, never null.
  std::shared_ptr<ResourceUpdates> updates;

  /// Zygote::run(), or what a stdio server makes of it.
  [[nodiscard]] Task<Expected<CallOutcome>> run(CallSpec spec, EventSink& sink) const;
  /// Ends a call of that; no effect on an id that is not in flight.
  void cancel(std::string_view call_id) const;

  /// Those of one kind.
  [[nodiscard]] ServedTools& served(sandbox::ItemKind kind) {
    return kind == sandbox::ItemKind::kTool       ? tools
           : kind == sandbox::ItemKind::kResource ? resources
                                                  : prompts;
  }
};

/// How versions are made.
struct CatalogueOptions {
  /// executable, harness, profile, allow_missing, scratch, packages_root; the rest comes from the
  /// folder.
  ZygoteOptions zygote;
  std::filesystem::path tool_set;
  /// Where the workspaces of all sets are.
  std::filesystem::path workspaces_root;
  /// Where the daemon's detached calls are kept; empty: nowhere.
  std::filesystem::path calls = {};
  /// Where the set's connections lead.
  ConnectionFiles connections = {};
  std::string instance;
  std::shared_ptr<ServerCounts> server_counts = std::make_shared<ServerCounts>();
  /// Null: what tools say of resources is counted for nobody.
  std::shared_ptr<ResourceUpdates> updates = nullptr;
  /// Called when the set's stdio server says that its tools have changed.
  std::function<void()> on_list_changed = {};
};

/// Reads the folder, starts a zygote for it and describes its tools in a locked child, or by what
/// its stdio server says of them.
///
/// Errors: those of read_tool_set_folder() and Zygote::start(); kInvalidArgument where a file does
/// not load or declares something that is no tool: one line for each file.
[[nodiscard]] Task<Expected<std::shared_ptr<Version>>> load_version(asio::io_context& loop,
                                                                    CatalogueOptions options);

/// Follows the folder. Belongs to one loop, which outlives it.
class Catalogue {
 public:
  Catalogue(asio::io_context& loop, CatalogueOptions options);
  ~Catalogue();
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  /// Loads the first version and begins to watch. An error leaves it without a version, watching.
  Task<Expected<void>> start();
  /// The version before drains. What start() and changed files lead to.
  void put_in_force(std::shared_ptr<Version> version);
  /// Ends the processes of stdio servers, once no call runs any more.
  Task<void> end_servers();
  /// Stops watching and wakes all waiters; completes when no reload is under way.
  Task<void> stop();
  /// Until no version has a child left, or the deadline.
  Task<void> wait_until_idle(SteadyTime deadline);

  /// The version in force; null before the first one.
  [[nodiscard]] const std::shared_ptr<Version>& current() const { return current_; }

  struct Found {
    std::shared_ptr<Version> version;
    /// Lives as long as version.
    const ServedTool* tool;
  };
  /// The tool (resource, prompt) with that digest, of the version in force or of one that drains.
  /// Errors: kUnavailable (no version), kNotFound, kFailedPrecondition (another digest).
  [[nodiscard]] Expected<Found> find(sandbox::ItemKind kind, std::string_view name,
                                     std::string_view digest) const;

  /// Of the version in force, with what its tools say of resources: the manifest as GET /tools
  /// sends it, and its ETag with quotes. Empty before the first version.
  [[nodiscard]] std::string document() const;
  [[nodiscard]] std::string etag() const;

  /// A timer that ends at `until`, or before it when document() changes or stop() is called.
  [[nodiscard]] std::shared_ptr<asio::steady_timer> change_timer(SteadyTime until);

  struct Reloads {
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
  };
  [[nodiscard]] const Reloads& reloads() const { return reloads_; }
  [[nodiscard]] const ServerCounts& server_counts() const { return *options_.server_counts; }
  /// Why the files as they are now are not served; empty where they are. For people.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  void watch();
  void on_change();
  /// Looks at the tools again, though no file has changed; not more often than kRelistInterval.
  void retry_later();
  void on_list_changed();
  static Task<void> reload_until_settled(Catalogue& self);
  Task<Expected<void>> reload();
  void wake_waiters();
  void retire_later();

  asio::io_context& loop_;
  CatalogueOptions options_;
  std::shared_ptr<Version> current_;
  std::deque<std::shared_ptr<Version>> draining_;
  asio::steady_timer retire_timer_;
  std::unique_ptr<FileWatch> watch_;
  std::vector<std::weak_ptr<asio::steady_timer>> waiters_;
  asio::steady_timer relist_timer_;
  asio::steady_timer retry_timer_;
  bool relist_waits_ = false;
  bool relist_ = false;
  SteadyTime relisted_;
  /// What outlives this object asks it whether it is there.
  std::shared_ptr<Catalogue*> self_ = std::make_shared<Catalogue*>(this);
  bool changed_ = false;
  bool reloading_ = false;
  bool stopping_ = false;
  Reloads reloads_;
  std::string problem_;
};

}  // namespace mcpgate::sandboxd
