#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/process.h"
#include "base/task.h"

namespace mcpgate::cli {

/// One sandbox daemon that `mcpgate up` keeps running.
struct DaemonSpec {
  std::string tool_set;
  /// The set's folder.
  std::filesystem::path folder;
  std::filesystem::path socket;
  /// Where the packages of all sets are installed.
  std::filesystem::path packages;
  /// Where it keeps its detached calls.
  std::filesystem::path calls;
  /// Where the workspaces of all sets are.
  std::filesystem::path workspaces;
  std::vector<std::filesystem::path> key_files;
  /// Where the set's connections lead, by name.
  std::map<std::string, std::filesystem::path> connections;

  friend bool operator==(const DaemonSpec&, const DaemonSpec&) = default;
};

/// Keeps one `mcpgate-sandbox serve` running for each tool set: starts it again when it ends, ever
/// more slowly while it keeps ending. One loop; its thread must outlive the daemons.
class Supervisor {
 public:
  /// How long a daemon may take to let its calls finish before it is killed.
  static constexpr std::chrono::seconds kStopPatience{10};

  /// `program` is the daemon's executable, `profile` what it is to demand.
  Supervisor(asio::io_context& loop, std::filesystem::path program, std::string profile);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();

  /// Runs exactly these from now on. One whose specification did not change is left alone.
  void follow(const std::vector<DaemonSpec>& specs);
  /// Ends all of them and waits for it. The loop need not run.
  void stop();

 private:
  struct Daemon;

  static Task<void> keep_running(std::shared_ptr<Daemon> daemon);
  static Task<void> prepare(Daemon& daemon);
  static Task<void> wait_for_end(Daemon& daemon);
  static Expected<void> start(Daemon& daemon);
  static Expected<void> launch(Daemon& daemon, const ProcessOptions& options);

  asio::io_context& loop_;
  std::filesystem::path program_;
  std::string profile_;
  std::map<std::string, std::shared_ptr<Daemon>, std::less<>> daemons_;
};

/// The strictest profile whose self-test passes here, `strict` or `pod`; never `dev`, which would
/// pass anywhere. `program` is the daemon's executable. Takes a tenth of a second.
[[nodiscard]] std::string strictest_profile(const std::filesystem::path& program);

}  // namespace mcpgate::cli
