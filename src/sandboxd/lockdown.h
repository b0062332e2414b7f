#pragma once

// What a child of the zygote does to itself after fork and before any byte of a tool: a list of
// steps, each of which takes something away for good. Plain system calls only, so that the zygote
// needs neither allocation nor a library here, and nothing depends on the interpreter's state.

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

#include "sandboxd/layer.h"

namespace mcpgate::sandboxd {

/// Stands for the child's own pid in the filter; not a pid that Linux can give (the most is 2^22).
inline constexpr std::uint32_t kPidPlaceholder = 0x7A5C0DE5;

/// The two arguments of execve(2) that the filter of a stdio server's child compares, as addresses.
enum class ExecArgument : std::uint32_t { kPath, kArguments };
/// Stand for the halves of such an address in the filter; no address that a process can have.
inline constexpr std::uint32_t kExecPlaceholder = 0x7A5C0E00;
[[nodiscard]] constexpr std::uint64_t exec_placeholder(ExecArgument argument) {
  const std::uint64_t high = kExecPlaceholder + 2 * static_cast<std::uint32_t>(argument);
  return high << 32 | (high + 1);
}

/// The child's exit status when a step fails is this plus the step's number.
inline constexpr int kLockdownFailed = 90;

inline constexpr int kLandlockAbiAny = 1 << 20;

/// A folder that outlives the call: the user's own.
struct WorkspacePlan {
  /// By what path the child reaches it; null: it has none.
  const char* path = nullptr;
  /// What is mounted there, in a private tree alone.
  const char* source = nullptr;
  /// Which folder it must be, or the step fails.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  /// Else it can only be read and emptied.
  bool writable = false;
};

/// What the steps need to know. Everything is borrowed.
struct LockdownPlan {
  /// Become descriptor 3, and 1 and 2.
  int call_socket = -1;
  int output = -1;
  /// Of a stdio server: becomes 0, and the call's socket becomes 1 as well. -1: 0 is /dev/null.
  int input = -1;
  /// The zygote, as a pidfd: when it dies, so does the child.
  int parent = -1;
  /// RLIMIT_AS, RLIMIT_FSIZE (bytes), RLIMIT_CPU (s), RLIMIT_NOFILE.
  std::uint64_t address_space_bytes = 0;
  std::uint64_t file_bytes = 0;
  std::uint32_t cpu_s = 0;
  std::uint32_t open_files = 0;
  /// Files and folders it may read; those that do not exist are passed over.
  std::span<const std::string> read_only;
  /// Files it may execute, as far as Landlock is asked.
  std::span<const std::string> executable = {};
  /// Where path and arguments of the one execve(2) stand that it may make; null: it may make none.
  const char* exec_path = nullptr;
  const char* const* exec_arguments = nullptr;
  /// The folder it may write, and its working directory.
  const char* tmp = nullptr;
  /// The private file system that is mounted there, where it is one: bytes, files and folders.
  std::uint64_t tmp_bytes = 0;
  std::uint32_t tmp_entries = 0;
  /// The other one, where the call has it.
  WorkspacePlan workspace = {};
  /// The system calls it may make: call_filter(), with kPidPlaceholder in it.
  std::span<const sock_filter> filter;
  /// Layers to leave out: those that the profile does not demand or that --allow-missing names, and
  /// in a self-test's child those that would hide the layer that is tried.
  LayerBits without = 0;
  /// Landlock as if the kernel had no later version. For tests.
  int landlock_abi_max = kLandlockAbiAny;
};

/// Carries out all steps. If one fails, says which on the call's socket (a kError frame) and ends
/// the process: there is no way on.
void lock_down(const LockdownPlan& plan);

/// The Landlock version of this kernel; 0 where there is none.
[[nodiscard]] int landlock_abi();

}  // namespace mcpgate::sandboxd
