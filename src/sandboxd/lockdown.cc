// Read lock_down() at the end first: it is the list.
//
// Facts behind the order and the values: Landlock's documentation (docs.kernel.org,
// userspace-api/landlock), seccomp(2), prctl(2), and the attacks of lockdown_test.cc, each of which
// succeeds when its layer is left out.

#include "sandboxd/lockdown.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "sandboxd/frame.h"

namespace mcpgate::sandboxd {
namespace {

constexpr int kCallSocket = 3;

/// Where the two descriptors wait until their numbers are free.
constexpr int kParkingDescriptor = 10;

/// Nothing outlives the zygote. It may have died before we asked: then nobody sends the signal.
/// (getppid(2) does not tell: in a pid namespace of one's own it is always 0.)
bool die_with_parent(const LockdownPlan& plan) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    return false;
  }
  pollfd parent{.fd = plan.parent, .events = POLLIN, .revents = 0};
  const int ended = ::poll(&parent, 1, 0);
  if (ended > 0) {
    errno = ESRCH;
  }
  return ended == 0;
}

/// Exactly 0–3 remain: /dev/null, output, output, the call's socket; of a server its input, the
/// socket, output, and the socket until it has become its program.
bool arrange_descriptors(const LockdownPlan& plan) {
  const bool serves = plan.input >= 0;
  const int socket = ::fcntl(plan.call_socket, F_DUPFD_CLOEXEC, kParkingDescriptor);
  const int output = ::fcntl(plan.output, F_DUPFD_CLOEXEC, kParkingDescriptor);
  const int input = serves ? ::fcntl(plan.input, F_DUPFD_CLOEXEC, kParkingDescriptor)
                           : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return socket >= 0 && output >= 0 && input >= 0 && ::dup2(input, STDIN_FILENO) >= 0 &&
         ::dup2(serves ? socket : output, STDOUT_FILENO) >= 0 &&
         ::dup2(output, STDERR_FILENO) >= 0 &&
         ::dup3(socket, kCallSocket, serves ? O_CLOEXEC : 0) >= 0 &&
         ::close_range(kCallSocket + 1, ~0U, 0) == 0;
}

/// An empty file system of bounded size in memory, in this child's own view of the tree: it goes
/// with the child, and nobody else can even see it. And of all workspaces its user's.
bool mount_private_folders(const LockdownPlan& plan) {
  std::array<char, 96> options{};
  std::snprintf(options.data(), options.size(), "mode=0700,size=%llu,nr_inodes=%u",
                static_cast<unsigned long long>(plan.tmp_bytes),
                plan.tmp_entries + 1);  // the folder itself
  return ::mount("tmpfs", plan.tmp, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options.data()) ==
             0 &&
         (plan.workspace.path == nullptr ||
          ::mount(plan.workspace.source, plan.workspace.path, nullptr, MS_BIND, nullptr) == 0);
}

bool limit(int resource, std::uint64_t soft, std::uint64_t hard) {
  const rlimit value{.rlim_cur = soft, .rlim_max = hard};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &value) == 0;
}

/// Soft equal to hard, so that nothing can be raised; CPU time alone gets a second more before
/// SIGKILL, in case that SIGXCPU is ignored. The first process of a pid namespace always ignores
/// it.
bool set_resource_limits(const LockdownPlan& plan) {
  constexpr std::uint64_t kStackBytes = std::uint64_t{8} << 20;
  constexpr std::uint64_t kPendingSignals = 64;
  return limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_FSIZE, plan.file_bytes, plan.file_bytes) &&
         limit(RLIMIT_NOFILE, plan.open_files, plan.open_files) &&
         limit(RLIMIT_CPU, plan.cpu_s, std::uint64_t{plan.cpu_s} + 1) &&
         limit(RLIMIT_AS, plan.address_space_bytes, plan.address_space_bytes) &&
         limit(RLIMIT_STACK, kStackBytes, kStackBytes) && limit(RLIMIT_MEMLOCK, 0, 0) &&
         limit(RLIMIT_MSGQUEUE, 0, 0) &&
         limit(RLIMIT_SIGPENDING, kPendingSignals, kPendingSignals) && limit(RLIMIT_NICE, 0, 0) &&
         limit(RLIMIT_RTPRIO, 0, 0);
}

/// No variable, no umask, no signal disposition of ours; the tmp folder is where it stands.
bool clear_environment(const LockdownPlan& plan) {
  ::umask(077);
  for (int number = 1; number < NSIG; ++number) {
    ::signal(number, SIG_DFL);
  }
  // As an interpreter's own start does: a broken pipe and a full file are exceptions, not deaths.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  return ::clearenv() == 0 && ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0 &&
         ::chdir(plan.tmp) == 0;
}

/// Root keeps its number (it may have to read what root owns) and loses all that makes it root.
bool drop_capabilities(const LockdownPlan& /*plan*/) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) {
    return false;
  }
  if ((sets[0].effective & (1U << CAP_SETPCAP)) != 0) {
    for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
      if (::prctl(PR_CAPBSET_DROP, capability) != 0) {
        return false;
      }
    }
  }
  sets = {};
  return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
         ::syscall(SYS_capset, &header, sets.data()) == 0;
}

/// No program can give privileges any more; seccomp and Landlock demand it.
bool forbid_new_privileges(const LockdownPlan& /*plan*/) {
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/// Other processes of our uid can neither trace it nor open its /proc files; no core is dumped.
bool forbid_dumps(const LockdownPlan& /*plan*/) {
  return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

// ---- Landlock. Debian 12's header ends with ABI 2; the rest as the kernel's own header has it.

constexpr std::uint64_t kAccessTruncate = 1ULL << 14;    // ABI 3
constexpr std::uint64_t kAccessIoctlDev = 1ULL << 15;    // ABI 5
constexpr std::uint64_t kNetBindTcp = 1ULL << 0;         // ABI 4
constexpr std::uint64_t kNetConnectTcp = 1ULL << 1;      // ABI 4
constexpr std::uint64_t kScopeAbstractUnix = 1ULL << 0;  // ABI 6
constexpr std::uint64_t kScopeSignal = 1ULL << 1;        // ABI 6

struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

constexpr std::uint64_t kAccessRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
/// No right to make links, sockets, pipes or devices, none to execute, none to move things between
/// folders of different rules.
constexpr std::uint64_t kAccessReadWrite =
    kAccessRead | LANDLOCK_ACCESS_FS_WRITE_FILE | kAccessTruncate | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_REFER;
/// What a full workspace may still be used for: to make it smaller.
constexpr std::uint64_t kAccessReadRemove =
    kAccessRead | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE;
/// What a rule on a file, not a folder, may speak of.
constexpr std::uint64_t kAccessOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
    kAccessTruncate | kAccessIoctlDev;

/// Everything that this kernel can forbid is forbidden unless a rule allows it.
RulesetAttributes ruleset_for(int abi, LayerBits without) {
  std::uint64_t files = LANDLOCK_ACCESS_FS_MAKE_SYM | (LANDLOCK_ACCESS_FS_MAKE_SYM - 1);
  files |= abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
  files |= abi >= 3 ? kAccessTruncate : 0;
  files |= abi >= 5 ? kAccessIoctlDev : 0;
  const bool net = abi >= 4 && !has(without, Layer::kLandlockNet);
  const bool scope = abi >= 6 && !has(without, Layer::kLandlockScope);
  return {.handled_access_fs = files,
          .handled_access_net = net ? kNetBindTcp | kNetConnectTcp : 0,
          .scoped = scope ? kScopeAbstractUnix | kScopeSignal : 0};
}

/// The size of the attributes as that version of the kernel knows them.
std::size_t ruleset_size(int abi) {
  return abi >= 6   ? sizeof(RulesetAttributes)
         : abi >= 4 ? offsetof(RulesetAttributes, scoped)
                    : sizeof(std::uint64_t);
}

enum class Missing { kPassOver, kRefuse };

bool allow_descriptor(int ruleset, int fd, std::uint64_t access) {
  const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = fd};
  return ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

bool allow_path(int ruleset, const char* path, std::uint64_t access, Missing missing) {
  const UniqueFd fd(::open(path, O_PATH | O_CLOEXEC));
  if (!fd) {
    return missing == Missing::kPassOver && (errno == ENOENT || errno == EACCES);
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return false;
  }
  return allow_descriptor(ruleset, fd.get(),
                          S_ISDIR(status.st_mode) ? access : access & kAccessOfFiles);
}

/// The rule is about the very folder that the daemon has opened, whatever the path names by now.
bool allow_workspace(int ruleset, const WorkspacePlan& workspace, std::uint64_t handled) {
  if (workspace.path == nullptr) {
    return true;
  }
  const UniqueFd fd(::open(workspace.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    return false;
  }
  if (status.st_dev != workspace.device || status.st_ino != workspace.inode) {
    errno = ESTALE;
    return false;
  }
  return allow_descriptor(ruleset, fd.get(),
                          handled & (workspace.writable ? kAccessReadWrite : kAccessReadRemove));
}

/// Of all files it can reach those of the plan; no TCP, no abstract sockets, no signals outwards.
bool confine_to_paths(const LockdownPlan& plan) {
  const int abi = std::min(landlock_abi(), plan.landlock_abi_max);
  if (abi < 1) {
    errno = ENOSYS;
    return false;
  }
  const RulesetAttributes attributes = ruleset_for(abi, plan.without);
  const UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, ruleset_size(abi), 0)));
  if (!ruleset) {
    return false;
  }
  const std::uint64_t handled = attributes.handled_access_fs;
  for (const std::string& path : plan.read_only) {
    if (!allow_path(ruleset.get(), path.c_str(), kAccessRead & handled, Missing::kPassOver)) {
      return false;
    }
  }
  constexpr std::uint64_t kAccessExecute =
      LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
  for (const std::string& path : plan.executable) {
    if (!allow_path(ruleset.get(), path.c_str(), kAccessExecute, Missing::kRefuse)) {
      return false;
    }
  }
  return allow_path(ruleset.get(), plan.tmp, kAccessReadWrite & handled, Missing::kRefuse) &&
         allow_workspace(ruleset.get(), plan.workspace, handled) &&
         ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0;
}

/// Longer than any filter we make; BPF itself allows 4096.
constexpr std::size_t kFilterLengthMax = 1024;

/// What a placeholder stands for in this child; the number itself where it is none. Without an
/// execve(2) to make, an address that no process has.
std::uint32_t filled_in(std::uint32_t number, const LockdownPlan& plan) {
  if (number == kPidPlaceholder) {
    return static_cast<std::uint32_t>(::getpid());
  }
  if (number < kExecPlaceholder || number >= kExecPlaceholder + 4) {
    return number;
  }
  const std::uint32_t index = number - kExecPlaceholder;
  const void* place = index / 2 == static_cast<std::uint32_t>(ExecArgument::kPath)
                          ? static_cast<const void*>(plan.exec_path)
                          : static_cast<const void*>(plan.exec_arguments);
  const std::uint64_t address = place != nullptr ? reinterpret_cast<std::uintptr_t>(place) : ~0ULL;
  return static_cast<std::uint32_t>(index % 2 == 0 ? address >> 32 : address);
}

/// Of all system calls it can make those of the filter, with its own pid as the only one to signal.
bool confine_to_calls(const LockdownPlan& plan) {
  std::array<sock_filter, kFilterLengthMax> filter;  // NOLINT: filled below as far as it is used
  if (plan.filter.empty() || plan.filter.size() > filter.size()) {
    errno = EINVAL;
    return false;
  }
  unsigned placeholders = 0;
  for (std::size_t i = 0; i < plan.filter.size(); ++i) {
    filter[i] = plan.filter[i];
    if (BPF_CLASS(filter[i].code) == BPF_JMP && filter[i].code != (BPF_JMP | BPF_JA)) {
      placeholders += filter[i].k == kPidPlaceholder ? 1 : 0;
      filter[i].k = filled_in(filter[i].k, plan);
    }
  }
  if (placeholders == 0) {
    errno = EBADMSG;
    return false;
  }
  const sock_fprog program{.len = static_cast<unsigned short>(plan.filter.size()),
                           .filter = filter.data()};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

struct Step {
  Layer layer;
  bool (*apply)(const LockdownPlan&);
};

constexpr auto kSteps = std::to_array<Step>({
    {Layer::kParentDeath, die_with_parent},
    {Layer::kDescriptors, arrange_descriptors},
    {Layer::kPrivateTmp, mount_private_folders},
    {Layer::kResourceLimits, set_resource_limits},
    {Layer::kEnvironment, clear_environment},
    {Layer::kCapabilities, drop_capabilities},
    {Layer::kNoNewPrivileges, forbid_new_privileges},
    {Layer::kNotDumpable, forbid_dumps},
    {Layer::kLandlock, confine_to_paths},
    {Layer::kSeccomp, confine_to_calls},
});

[[noreturn]] void give_up(const LockdownPlan& plan, const Step& step, int error) {
  std::array<char, 160> text{};
  const std::string_view name = layer_name(step.layer);
  const int size =
      std::snprintf(text.data(), text.size(), "killed\nthe sandbox could not be locked: %.*s: %s",
                    static_cast<int>(name.size()), name.data(), std::strerror(error));
  const auto header = frame_header(FrameType::kError, static_cast<std::uint32_t>(size));
  const int socket = step.layer <= Layer::kDescriptors ? plan.call_socket : kCallSocket;
  if (::write(socket, header.data(), header.size()) < 0 ||
      ::write(socket, text.data(), static_cast<std::size_t>(size)) < 0) {
    // Nobody listens; the exit status says it too.
  }
  ::_exit(kLockdownFailed + static_cast<int>(step.layer));
}

}  // namespace

int landlock_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

void lock_down(const LockdownPlan& plan) {
  for (const Step& step : kSteps) {
    if (has(plan.without, step.layer)) {
      continue;
    }
    if (!step.apply(plan)) {
      give_up(plan, step, errno);
    }
  }
}

}  // namespace mcpgate::sandboxd
