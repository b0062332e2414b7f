#pragma once

// One process of a zygote, seen from the daemon: its control socket, and the children it forked.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/task.h"
#include "sandboxd/control.h"
#include "sandboxd/control_group.h"
#include "sandboxd/layer.h"
#include "sandboxd/running_call.h"

namespace mcpgate::sandboxd {

/// A layer that cannot be had here.
struct LayerFailure {
  Layer layer;
  std::string why;
};

/// From its start to its end, which is final; before it, it may be retired: it forks no more, and
/// ends with its last child. Whether it hangs is looked at with every SPAWN, and by ping().
/// Whoever wants another one makes it. Lives on one loop; shared by its owner and its own
/// coroutines.
class ZygoteProcess : public std::enable_shared_from_this<ZygoteProcess> {
 public:
  using Children = std::map<std::uint64_t, std::shared_ptr<RunningCall>>;

  /// Starts `executable`, in `groups`; `setup_file` has its ZygoteSetup.
  [[nodiscard]] static Expected<std::shared_ptr<ZygoteProcess>> start(
      asio::io_context& loop, const std::filesystem::path& executable, int setup_file,
      const ControlGroups& groups);
  ZygoteProcess(const ZygoteProcess&) = delete;
  ZygoteProcess& operator=(const ZygoteProcess&) = delete;
  ~ZygoteProcess() = default;

  /// Until it can fork, for `patience` at most; the error says why it will not, and layer_failure()
  /// for want of which layer. kInvalidArgument: it lies at the set.
  Task<Expected<void>> wait_loaded(std::chrono::seconds patience);
  [[nodiscard]] const std::optional<LayerFailure>& layer_failure() const { return layer_failure_; }

  /// Called once, when it forks no more by its own fault: it has ended, and its children are lost;
  /// or it hangs, was retired, and those of its children that run go on.
  void on_gone(std::function<void()> gone) { on_gone_ = std::move(gone); }
  /// Kills it, and with it its children (PR_SET_PDEATHSIG).
  void end();
  /// From now on it makes no child; it ends when there is none.
  void retire();
  /// Retires it, as hung, where it does not answer in time.
  void ping();
  [[nodiscard]] bool has_ended() const { return has_ended_; }

  /// Asks for a child, which is there when is_spawned() says so; its number. kUnavailable: it has
  /// ended.
  [[nodiscard]] Expected<std::uint64_t> make_child(ChildSetup setup,
                                                   std::optional<ScratchDirectory> scratch);
  /// Retires the process, as hung, where it does not fork that child in time. `timer` lives as long
  /// as the child is among children().
  void expect_spawned(asio::steady_timer& timer, std::uint64_t number);
  [[nodiscard]] const Children& children() const { return children_; }
  /// Forgets one that is over, or that is not wanted any more.
  void drop_child(std::uint64_t number);
  /// How many it was asked for.
  [[nodiscard]] std::uint64_t forked() const { return next_number_ - 1; }

  /// -1 when it has ended.
  [[nodiscard]] int pid() const { return process_.pid(); }
  [[nodiscard]] std::chrono::steady_clock::time_point started() const { return started_; }

 private:
  explicit ZygoteProcess(asio::io_context& loop)
      : loop_(loop), control_(loop), changed_(loop), ping_timer_(loop) {}

  static Task<> read_control(std::shared_ptr<ZygoteProcess> self);
  /// False at its end or for anything that a zygote does not send.
  [[nodiscard]] bool receive();
  void take(const ZygoteMessage& message, UniqueFd descriptor);
  /// Takes what has come already: a daemon that was stopped itself finds it late.
  void catch_up();
  void hang();
  void tell_gone();
  [[nodiscard]] Expected<void> send_spawn(std::uint64_t number, RunningCall& call);

  asio::io_context& loop_;
  std::filesystem::path executable_;
  Process process_;
  asio::posix::stream_descriptor control_;
  bool has_loaded_ = false;
  std::string load_error_;
  bool is_error_of_set_ = false;
  std::optional<LayerFailure> layer_failure_;
  bool has_ended_ = false;
  bool is_retired_ = false;
  bool has_hung_ = false;
  bool awaits_pong_ = false;
  std::function<void()> on_gone_;
  std::chrono::steady_clock::time_point started_;
  /// Wakes who waits for it to load.
  asio::steady_timer changed_;
  asio::steady_timer ping_timer_;
  std::uint64_t next_number_ = 1;
  /// Those that run a call, and those that wait for one.
  Children children_;
};

}  // namespace mcpgate::sandboxd
