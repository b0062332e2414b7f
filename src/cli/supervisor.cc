#include "cli/supervisor.h"

#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "sandboxd/packages.h"

namespace mcpgate::cli {

namespace {

constexpr std::chrono::milliseconds kRestartFirst{100};
constexpr std::chrono::milliseconds kRestartLast{5000};
/// A daemon that ran this long was well: the next restart is quick again.
constexpr std::chrono::seconds kWell{10};
/// For a self-test, the start of an interpreter included: what is slow is not what cannot be had.
constexpr std::chrono::seconds kDoctorPatience{180};

}  // namespace

std::string strictest_profile(const std::filesystem::path& program) {
  auto doctor = Process::start({.program = program,
                                .arguments = {"doctor", "--profile", "strict"},
                                .stderr_to = ProcessOptions::Stderr::kDiscard});
  if (doctor && doctor->wait_for(kDoctorPatience) && doctor->wait_status() == 0) {
    return "strict";
  }
  log_info(
      "profile strict cannot be had here, so the sandboxes are to hold profile pod; "
      "mcpgate-sandbox doctor --profile strict says why");
  return "pod";
}

/// One daemon; shared with the coroutine that keeps it running until `wanted` is false.
struct Supervisor::Daemon {
  DaemonSpec spec;
  std::filesystem::path program;
  std::string profile;
  asio::posix::stream_descriptor ended;
  asio::steady_timer timer;
  Process process = {};
  bool wanted = true;
};

Supervisor::Supervisor(asio::io_context& loop, std::filesystem::path program, std::string profile)
    : loop_(loop), program_(std::move(program)), profile_(std::move(profile)) {}

Supervisor::~Supervisor() {
  stop();
}

void Supervisor::follow(const std::vector<DaemonSpec>& specs) {
  auto old = std::exchange(daemons_, {});
  for (const DaemonSpec& spec : specs) {
    const auto running = old.find(spec.tool_set);
    if (running != old.end() && running->second->spec == spec) {
      daemons_.insert(old.extract(running));
    }
  }
  // The old ones first: a new daemon may need their sockets.
  for (const auto& [name, daemon] : old) {
    daemon->wanted = false;
    daemon->timer.cancel();
    daemon->process.signal(SIGTERM);
  }
  for (const DaemonSpec& spec : specs) {
    if (daemons_.contains(spec.tool_set)) {
      continue;
    }
    auto daemon = std::make_shared<Daemon>(
        spec, program_, profile_, asio::posix::stream_descriptor(loop_), asio::steady_timer(loop_));
    daemons_.emplace(spec.tool_set, daemon);
    asio::co_spawn(loop_, keep_running(std::move(daemon)), asio::detached);
  }
}

Expected<void> Supervisor::start(Daemon& daemon) {
  ProcessOptions options{
      .program = daemon.program,
      .arguments = {"serve", "--tools", daemon.spec.folder.string(), "--listen",
                    "unix:" + daemon.spec.socket.string(), "--profile", daemon.profile,
                    "--packages", daemon.spec.packages.string(), "--calls",
                    daemon.spec.calls.string(), "--workspaces", daemon.spec.workspaces.string()}};
  for (const auto& file : daemon.spec.key_files) {
    options.arguments.insert(options.arguments.end(), {"--key-file", file.string()});
  }
  for (const auto& [name, file] : daemon.spec.connections) {
    options.arguments.insert(options.arguments.end(),
                             {"--connection", fmt::format("{}={}", name, file.string())});
  }
  return launch(daemon, options);
}

Expected<void> Supervisor::launch(Daemon& daemon, const ProcessOptions& options) {
  daemon.process = TRY(Process::start(options));
  boost::system::error_code error;
  daemon.ended.assign(::fcntl(daemon.process.pidfd(), F_DUPFD_CLOEXEC, 0), error);
  if (error) {
    return fail(ErrorCode::kUnavailable, "watch the sandbox daemon: {}", error.message());
  }
  return {};
}

Task<void> Supervisor::wait_for_end(Daemon& daemon) {
  (void)co_await daemon.ended.async_wait(asio::posix::descriptor_base::wait_read, kAwait);
  daemon.ended.close();
  (void)daemon.process.try_wait();
}

/// Installs the set's packages if it has any; the installer tells how that goes. Without them the
/// daemon says what is missing.
Task<void> Supervisor::prepare(Daemon& daemon) {
  std::error_code ignored;
  if (!std::filesystem::exists(daemon.spec.folder / sandboxd::kRequirementsFileName, ignored)) {
    co_return;
  }
  const auto running =
      launch(daemon, {.program = daemon.program,
                      .arguments = {"prepare", "--tools", daemon.spec.folder.string(), "--packages",
                                    daemon.spec.packages.string()},
                      .environment = own_environment()});
  if (running) {
    co_await wait_for_end(daemon);
  } else {
    log_error("tool set {}: {}", daemon.spec.tool_set, running.error().message);
  }
}

Task<void> Supervisor::keep_running(std::shared_ptr<Daemon> daemon) {
  std::chrono::milliseconds pause = kRestartFirst;
  while (daemon->wanted) {
    const auto started = std::chrono::steady_clock::now();
    co_await prepare(*daemon);
    if (!daemon->wanted) {
      co_return;
    }
    if (auto running = start(*daemon); !running) {
      log_error("tool set {}: {}", daemon->spec.tool_set, running.error().message);
    } else {
      co_await wait_for_end(*daemon);
      if (!daemon->wanted) {
        co_return;
      }
      log_error("tool set {}: its sandbox daemon {}; it is started again", daemon->spec.tool_set,
                describe_wait_status(daemon->process.wait_status()));
    }
    if (std::chrono::steady_clock::now() - started >= kWell) {
      pause = kRestartFirst;
    }
    daemon->timer.expires_after(pause);
    (void)co_await daemon->timer.async_wait(kAwait);
    pause = std::min(pause * 2, kRestartLast);
  }
}

void Supervisor::stop() {
  for (const auto& [name, daemon] : daemons_) {
    daemon->wanted = false;
    daemon->process.signal(SIGTERM);
  }
  for (const auto& [name, daemon] : daemons_) {
    if (daemon->process.pid() >= 0 && !daemon->process.wait_for(kStopPatience)) {
      log_warn("tool set {}: its sandbox daemon did not end and is killed", name);
      daemon->process.kill();
    }
  }
  daemons_.clear();
}

}  // namespace mcpgate::cli
