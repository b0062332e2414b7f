#pragma once

// The sandbox daemon of one tool set, wired: catalogue, queue, signature check, listeners.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "http/tls.h"
#include "sandbox/execute.h"
#include "sandboxd/catalogue.h"
#include "sandboxd/zygote.h"

namespace mcpgate::sandboxd {

/// How a daemon is started.
struct DaemonOptions {
  /// The tool set's folder.
  std::filesystem::path tool_set;
  /// `unix:PATH` or `HOST:PORT`.
  std::string listen;
  /// At least one; watched: a rotated key counts from the moment its file changes.
  std::vector<std::filesystem::path> key_files;
  /// `HOST:PORT` without signatures: /health /ready /metrics. Empty: none.
  std::string admin_listen;
  /// Where detached calls are kept, for this daemon alone. Empty: none may be detached.
  std::filesystem::path calls = {};
  /// Where the set's connections lead.
  ConnectionFiles connections = {};
  /// Watched as well.
  std::optional<http::TlsServerOptions> tls;
  /// Where the workspaces of all sets are; made where it is missing.
  std::filesystem::path workspaces_root;
  /// executable, harness, profile, scratch; the rest comes from the folder.
  ZygoteOptions zygote;
};

/// A running daemon. Belongs to one loop, which outlives it.
class Daemon {
 public:
  /// Listens, then loads the tool set. A set that does not load is logged and waited for (`/ready`
  /// says no); everything else that is wrong is an error: keys, addresses, a missing layer of the
  /// profile (kFailedPrecondition).
  [[nodiscard]] static Task<Expected<std::unique_ptr<Daemon>>> start(asio::io_context& loop,
                                                                     DaemonOptions options);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  /// Takes no new calls, finishes those in flight until `deadline`, and stops.
  Task<void> drain(SteadyTime deadline);

  /// As bound: `unix:PATH`, `127.0.0.1:41234`.
  [[nodiscard]] const std::string& address() const;
  /// Empty where there is none.
  [[nodiscard]] const std::string& admin_address() const;
  [[nodiscard]] const Catalogue& catalogue() const;

 private:
  struct State;
  explicit Daemon(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The manifest of a tool set, without a daemon; instance and profile are those of this moment.
[[nodiscard]] Task<Expected<sandbox::Manifest>> describe_tool_set(asio::io_context& loop,
                                                                  CatalogueOptions options);

/// What run_tool_once() gave.
struct SingleRun {
  std::string call_tool_result;
  sandbox::Usage usage;
  bool is_error = false;
  /// The end of what the tool printed.
  std::string printed;
};

/// One call without HTTP; log events go to the log. Errors: kNotFound (no such tool),
/// kInvalidArgument (`arguments` is not a JSON object), those of load_version().
[[nodiscard]] Task<Expected<SingleRun>> run_tool_once(asio::io_context& loop,
                                                      CatalogueOptions options, std::string tool,
                                                      std::string arguments);

}  // namespace mcpgate::sandboxd
