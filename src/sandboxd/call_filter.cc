#include "sandboxd/call_filter.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <span>

#include "base/fd.h"
#include "sandboxd/lockdown.h"

namespace mcpgate::sandboxd {
namespace {

/// Harmless whatever their arguments: they act on the process itself, on descriptors it holds, or
/// on paths, where Landlock decides.
constexpr auto kAllowed = std::to_array<const char*>({
    // Bytes of open files
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "preadv",
    "pwritev",
    "lseek",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fadvise64",
    "flock",
    "copy_file_range",
    "sendfile",
    // Paths
    "access",
    "faccessat",
    "faccessat2",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "statx",
    "statfs",
    "fstatfs",
    "readlink",
    "readlinkat",
    "getdents64",
    "getcwd",
    "chdir",
    "fchdir",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "umask",
    // Memory, and the PROT_EXEC of it: native extensions are loaded in the child
    "mmap",
    "munmap",
    "mremap",
    "brk",
    "mprotect",
    "madvise",
    "membarrier",
    // Threads and waiting
    "futex",
    "set_robust_list",
    "rseq",
    "set_tid_address",
    "sched_yield",
    "sched_getaffinity",
    "getcpu",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "restart_syscall",
    "pause",
    "wait4",
    "waitid",
    "exit",
    "exit_group",
    // Time
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "times",
    "setitimer",
    "getitimer",
    "alarm",
    // Who am I
    "getpid",
    "getppid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getgroups",
    "getpgrp",
    "getpgid",
    "getsid",
    "getrlimit",
    "getrusage",
    "sysinfo",
    "uname",
    "getrandom",
    "arch_prctl",
    // Its own signals
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "rt_sigpending",
    "sigaltstack",
    // The sockets it was given or made as a pair: it can neither create nor connect others
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "shutdown",
    "getsockopt",
    "getsockname",
    "getpeername",
});

/// Answered as if done, and not done. They act on any file of the uid, whatever Landlock says: a
/// call could close the tool set or another call's folder to us all. In a folder that one call has
/// for itself modes mean nothing, while shutil.copy() and the like give up without them.
constexpr auto kIgnored = std::to_array<const char*>({"chmod", "fchmod", "fchmodat", "fchmodat2"});

/// Answered as by a file system that has no extended attributes: then shutil.copy2() goes on.
constexpr auto kUnsupported = std::to_array<const char*>(
    {"listxattr", "llistxattr", "flistxattr", "getxattr", "lgetxattr", "fgetxattr", "setxattr",
     "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"});

constexpr auto kFcntlCommands =
    std::to_array<int>({F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK,
                        F_SETLK, F_SETLKW, F_GETPIPE_SZ});
constexpr auto kIoctlRequests =
    std::to_array<unsigned long>({TCGETS, TIOCGWINSZ, FIONREAD, FIOCLEX, FIONCLEX, FIONBIO});
constexpr auto kPrctlOptions = std::to_array<int>({PR_SET_NAME, PR_GET_NAME, PR_SET_VMA});

/// Without SOCK_CLOEXEC and SOCK_NONBLOCK; the kernel's SOCK_TYPE_MASK.
constexpr std::uint64_t kSocketTypeMask = 0xF;

/// Every CLONE_NEW* there is; CLONE_NEWTIME is 0x80.
constexpr std::uint64_t kCloneNamespaces = 0x7E020000 | 0x80;

/// The call's argument number `arg`, all 64 bits of it, is `value`.
scmp_arg_cmp equal(unsigned arg, std::uint64_t value) {
  return {.arg = arg, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

/// Those bits of it are `value`.
scmp_arg_cmp masked(unsigned arg, std::uint64_t mask, std::uint64_t value) {
  return {.arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

class Builder {
 public:
  Builder() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release) {}

  /// Rules of one call are alternatives. A call that this libseccomp does not know stays denied.
  void rule(std::uint32_t action, const char* call, std::vector<scmp_arg_cmp> conditions = {}) {
    const int number = seccomp_syscall_resolve_name(call);
    if (number == __NR_SCMP_ERROR || failed_ != nullptr) {
      return;
    }
    if (seccomp_rule_add_array(context_.get(), action, number,
                               static_cast<unsigned>(conditions.size()), conditions.data()) != 0) {
      failed_ = call;
    }
  }

  [[nodiscard]] scmp_filter_ctx context() const { return context_.get(); }
  /// The first call whose rule was refused.
  [[nodiscard]] const char* failed() const { return failed_; }

 private:
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
  const char* failed_ = nullptr;
};

/// Any open, but one that empties a file without opening it for writing: before ABI 3 Landlock does
/// not see that (nor truncate(2), which is not allowed at all).
void add_open(Builder& builder, const char* call, unsigned flags_at) {
  builder.rule(SCMP_ACT_ALLOW, call, {masked(flags_at, O_TRUNC, 0)});
  builder.rule(SCMP_ACT_ALLOW, call, {masked(flags_at, O_ACCMODE, O_WRONLY)});
  builder.rule(SCMP_ACT_ALLOW, call, {masked(flags_at, O_ACCMODE, O_RDWR)});
}

void add_checked_calls(Builder& builder) {
  add_open(builder, "open", 1);
  add_open(builder, "openat", 2);
  // A thread, never a process, never a namespace.
  const std::uint64_t thread = CLONE_VM | CLONE_THREAD;
  builder.rule(SCMP_ACT_ALLOW, "clone", {masked(0, thread | kCloneNamespaces, thread)});
  // Signals: to itself.
  builder.rule(SCMP_ACT_ALLOW, "kill", {equal(0, kPidPlaceholder)});
  builder.rule(SCMP_ACT_ALLOW, "tgkill", {equal(0, kPidPlaceholder)});
  // Times are ignored as modes are. `Now` is refused, so that Path.touch(), which takes a success
  // for a file that is there, makes the file.
  builder.rule(SCMP_ACT_ERRNO(0), "utimensat",
               {scmp_arg_cmp{.arg = 2, .op = SCMP_CMP_NE, .datum_a = 0, .datum_b = 0}});
  // Its own limits, to read.
  builder.rule(SCMP_ACT_ALLOW, "prlimit64", {equal(0, 0), equal(2, 0)});
  // Pairs of streams stay inside the process; asyncio wakes itself with one. An end of a datagram
  // pair could send to any socket that has a name.
  builder.rule(SCMP_ACT_ALLOW, "socketpair",
               {equal(0, AF_UNIX), masked(1, kSocketTypeMask, SOCK_STREAM)});
  for (const int command : kFcntlCommands) {
    builder.rule(SCMP_ACT_ALLOW, "fcntl", {equal(1, static_cast<std::uint64_t>(command))});
  }
  for (const unsigned long request : kIoctlRequests) {
    builder.rule(SCMP_ACT_ALLOW, "ioctl", {equal(1, request)});
  }
  for (const int option : kPrctlOptions) {
    builder.rule(SCMP_ACT_ALLOW, "prctl", {equal(0, static_cast<std::uint64_t>(option))});
  }
}

/// The compiled program, by way of an unnamed file, since libseccomp only writes to descriptors.
Expected<std::vector<sock_filter>> export_program(scmp_filter_ctx context) {
  const UniqueFd file(::memfd_create("call-filter", MFD_CLOEXEC));
  if (!file) {
    return fail_errno("memfd_create for the seccomp filter");
  }
  if (const int error = seccomp_export_bpf(context, file.get()); error != 0) {
    return fail_errno("export the seccomp filter", -error);
  }
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size <= 0 || size % static_cast<off_t>(sizeof(sock_filter)) != 0) {
    return fail(ErrorCode::kInternal, "the seccomp filter has {} bytes", size);
  }
  std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(size), 0) != size) {
    return fail_errno("read the seccomp filter back");
  }
  return program;
}

}  // namespace

Expected<std::vector<sock_filter>> build_call_filter(FilterKind kind) {
  Builder builder;
  if (builder.context() == nullptr) {
    return fail(ErrorCode::kInternal, "libseccomp gave no filter context");
  }
  // A balanced tree instead of a chain of comparisons: a fifth of the run time per call.
  constexpr int kBinaryTree = 2;
  if (seccomp_attr_set(builder.context(), SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree) != 0 ||
      seccomp_attr_set(builder.context(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0) {
    return fail(ErrorCode::kInternal, "libseccomp refused an attribute");
  }
  for (const char* call : kAllowed) {
    builder.rule(SCMP_ACT_ALLOW, call);
  }
  for (const char* call : kIgnored) {
    builder.rule(SCMP_ACT_ERRNO(0), call);
  }
  for (const char* call : kUnsupported) {
    builder.rule(SCMP_ACT_ERRNO(EOPNOTSUPP), call);
  }
  add_checked_calls(builder);
  if (kind == FilterKind::kServer) {
    // Once: who does not know the addresses cannot do it, and the program that it starts does not.
    builder.rule(SCMP_ACT_ALLOW, "execve",
                 {equal(0, exec_placeholder(ExecArgument::kPath)),
                  equal(1, exec_placeholder(ExecArgument::kArguments))});
    // What Node asks of its own threads.
    builder.rule(SCMP_ACT_ALLOW, "sched_getparam");
    builder.rule(SCMP_ACT_ALLOW, "sched_getscheduler");
  }
  builder.rule(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  builder.rule(SCMP_ACT_ERRNO(ENOSYS), "openat2");
  if (builder.failed() != nullptr) {
    return fail(ErrorCode::kInternal, "libseccomp refused the rule for {}", builder.failed());
  }
  return export_program(builder.context());
}

}  // namespace mcpgate::sandboxd
