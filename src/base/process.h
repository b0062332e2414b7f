#pragma once

// A child process with one owner. For programs that we start ourselves: the zygote, the daemons
// under `mcpgate up`.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace mcpgate {

/// What to start.
struct ProcessOptions {
  /// Path of the program; $PATH is not searched.
  std::filesystem::path program = {};
  /// Without the program's own name.
  std::vector<std::string> arguments = {};
  /// `NAME=value`, all that the child gets: nothing is inherited.
  std::vector<std::string> environment = {};
  /// Descriptors that it gets: {the caller's, its number in the child}. What is not named here is
  /// closed, but for 0 and 1, which are /dev/null unless named, and 2, see stderr_to.
  std::vector<std::pair<int, int>> descriptors = {};
  enum class Stderr { kInherit, kDiscard } stderr_to = Stderr::kInherit;
  /// Kill it when the *thread* that started it ends (PR_SET_PDEATHSIG).
  enum class OnParentDeath { kKill, kNothing } on_parent_death = OnParentDeath::kKill;
};

/// A started process. Its owner waits for it; the destructor kills and reaps it.
class Process {
 public:
  /// Starts a program. Errors of exec come back here: `start /x/y: No such file or directory`.
  [[nodiscard]] static Expected<Process> start(const ProcessOptions& options);

  Process() = default;
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  /// -1 where there is none, or after it was reaped.
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Becomes readable when the process ends: for poll(2) or Asio. Borrowed.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

  /// Sends a signal; no effect once it has ended. Never hits another process of the same number.
  void signal(int number) const;
  /// Reaps it if it has ended: true, and wait_status() is known from then on. Does not block.
  [[nodiscard]] bool try_wait();
  /// Blocks up to `patience` until it has ended.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds patience);
  /// SIGKILL, and waits for it.
  void kill();

  /// As waitpid(2) reports it; valid once try_wait(), wait_for() or kill() has reaped it.
  [[nodiscard]] int wait_status() const { return wait_status_; }

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  int wait_status_ = 0;
};

/// Signals the process that a pidfd stands for; false where it has ended. (glibc 2.36 declares
/// pidfd_send_signal without C linkage.)
bool signal_pidfd(int pidfd, int number);

/// This process's own environment, `NAME=value`: for a child that is to have it too.
[[nodiscard]] std::vector<std::string> own_environment();

/// `exited with 3`, `killed by signal 9 (Killed)`.
[[nodiscard]] std::string describe_wait_status(int wait_status);

/// Lets this process have as many descriptors as it may (RLIMIT_NOFILE, soft to hard), and says how
/// many that is: the soft limit is kept low for programs that use select(2), of which we are none.
[[nodiscard]] std::size_t raise_descriptor_limit();

}  // namespace mcpgate
