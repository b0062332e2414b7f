#include "sandboxd/probes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "base/fd.h"
#include "sandboxd/namespaces.h"

namespace mcpgate::sandboxd {
namespace {

// ---- Descriptors, environment, limits

bool inherited_descriptor(const Witness& /*witness*/) {
  for (int fd = 4; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) {
      return false;
    }
  }
  return true;
}

bool inherited_environment(const Witness& /*witness*/) {
  return environ == nullptr || environ[0] == nullptr;
}

/// The self-test's own limit is Limits::open_files; any system allows more than this by itself.
bool too_many_descriptors(const Witness& /*witness*/) {
  constexpr int kHighDescriptor = 1000;
  return !UniqueFd(::fcntl(0, F_DUPFD_CLOEXEC, kHighDescriptor));
}

bool too_much_address_space(const Witness& /*witness*/) {
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) {
    return false;
  }
  void* memory = ::mmap(nullptr, limit.rlim_cur, PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED;
}

// ---- Files

bool open_is_stopped(const char* path, int flags) {
  return !UniqueFd(::open(path, flags | O_CLOEXEC, 0600));
}

bool reading_accounts(const Witness& /*witness*/) {
  return open_is_stopped("/etc/passwd", O_RDONLY);
}
bool listing_the_root(const Witness& /*witness*/) {
  return open_is_stopped("/", O_RDONLY | O_DIRECTORY);
}
bool reading_processes(const Witness& /*witness*/) {
  return open_is_stopped("/proc/self/environ", O_RDONLY);
}
/// Everyone may, and it is there in a private tree too.
bool writing_to_a_device(const Witness& /*witness*/) {
  return open_is_stopped("/dev/null", O_WRONLY);
}

bool writing_outside(const Witness& /*witness*/) {
  // Never made: where it can be, the unlink removes it again.
  constexpr const char* kPath = "/tmp/.mcpgate-self-test";
  const bool stopped = open_is_stopped(kPath, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (!stopped) {
    ::unlink(kPath);
  }
  return stopped;
}

/// Landlock hides content, not existence; a tree of one's own hides both.
bool finding_accounts(const Witness& /*witness*/) {
  struct stat status{};
  return ::stat("/etc/passwd", &status) != 0 && errno == ENOENT;
}

/// Two files, each within RLIMIT_FSIZE, are together larger than the folder may become.
bool filling_tmp(const Witness& /*witness*/) {
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const auto most = static_cast<off_t>(std::min<rlim_t>(limit.rlim_cur, rlim_t{1} << 30) / 4 * 3);
  const UniqueFd one(::open("one", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const UniqueFd two(::open("two", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const bool stopped = one && two && ::fallocate(one.get(), 0, 0, most) == 0 &&
                       ::fallocate(two.get(), 0, 0, most) != 0 && errno == ENOSPC;
  ::unlink("one");
  ::unlink("two");
  return stopped;
}

// ---- System calls

bool socket_is_stopped(int family, int type) {
  return !UniqueFd(::socket(family, type | SOCK_CLOEXEC, 0));
}
bool internet_socket(const Witness& /*witness*/) {
  return socket_is_stopped(AF_INET, SOCK_STREAM);
}
bool unix_socket(const Witness& /*witness*/) {
  return socket_is_stopped(AF_UNIX, SOCK_STREAM);
}

bool forking(const Witness& /*witness*/) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::_exit(0);
  }
  if (pid > 0) {
    ::waitpid(pid, nullptr, 0);
  }
  return pid < 0;
}

/// 0, the group, where the parent is outside of its pid namespace.
bool signalling_the_parent(const Witness& /*witness*/) {
  return ::kill(::getppid(), 0) != 0;
}
bool tracing(const Witness& /*witness*/) {
  return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0;
}
bool entering_a_namespace(const Witness& /*witness*/) {
  return ::syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) != 0;
}

// ---- Behind seccomp: what would stand if it did not

bool outliving_the_zygote(const Witness& /*witness*/) {
  int signal = 0;
  return ::prctl(PR_GET_PDEATHSIG, &signal) == 0 && signal == SIGKILL;
}

bool changing_the_root(const Witness& /*witness*/) {
  return ::chroot(".") != 0;
}

bool gaining_privileges(const Witness& /*witness*/) {
  return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

/// By a second process of the same uid; the weakest question that asks for the right to trace.
bool looking_into_a_process(const Witness& /*witness*/) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    void* head = nullptr;
    std::size_t size = 0;
    ::_exit(::syscall(SYS_get_robust_list, ::getppid(), &head, &size) == 0 ? 1 : 0);
  }
  int status = 1;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

int connect_error(int type, std::uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  if (!fd) {
    return errno;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int result =
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return result == 0 ? 0 : errno;
}

/// A datagram socket needs nobody at the other end.
bool reaching_loopback(const Witness& /*witness*/) {
  return connect_error(SOCK_DGRAM, 9) == ENETUNREACH;
}

bool connecting_by_tcp(const Witness& /*witness*/) {
  return connect_error(SOCK_STREAM, 9) == EACCES;
}

bool signalling_outside(const Witness& witness) {
  return ::kill(witness.process, 0) != 0 && errno == EPERM;
}
bool naming_a_process(const Witness& witness) {
  return ::kill(witness.process, 0) != 0 && errno == ESRCH;
}

bool reaching_shared_memory(const Witness& witness) {
  shmid_ds segment{};
  return witness.shared_memory >= 0 && ::shmctl(witness.shared_memory, IPC_STAT, &segment) != 0 &&
         errno == EINVAL;
}

bool learning_the_host_name(const Witness& /*witness*/) {
  utsname name{};
  return ::uname(&name) == 0 && std::string_view(name.nodename) == kHostName;
}

/// Inside a user namespace not even its root may.
bool making_a_device(const Witness& /*witness*/) {
  const bool stopped = ::mknod("device", S_IFCHR | 0600, ::makedev(1, 3)) != 0;
  ::unlink("device");
  return stopped;
}

constexpr LayerBits kSeccomp = layer_bit(Layer::kSeccomp);
constexpr LayerBits kFilters =
    kSeccomp | layer_bit(Layer::kLandlock) | layer_bit(Layer::kLandlockScope);

constexpr auto kProbes = std::to_array<Probe>({
    {Layer::kMemoryGroup, "take more memory than all calls may", 0, nullptr},
    {Layer::kTaskGroup, "start more threads than all calls may", 0, nullptr},
    {Layer::kParentDeath, "outlive the zygote", kFilters, outliving_the_zygote},
    {Layer::kDescriptors, "use a descriptor above 3", 0, inherited_descriptor},
    {Layer::kPrivateTmp, "fill its temporary folder", kFilters, filling_tmp},
    {Layer::kResourceLimits, "open more files than allowed", 0, too_many_descriptors},
    {Layer::kResourceLimits, "map more memory than allowed", 0, too_much_address_space},
    {Layer::kEnvironment, "read an inherited variable", 0, inherited_environment},
    {Layer::kCapabilities, "chroot", kFilters, changing_the_root},
    {Layer::kNoNewPrivileges, "gain rights by a program", kFilters, gaining_privileges},
    {Layer::kNotDumpable, "look into a process of its uid", kFilters, looking_into_a_process},
    {Layer::kLandlock, "open /etc/passwd", 0, reading_accounts},
    {Layer::kLandlock, "list /", 0, listing_the_root},
    {Layer::kLandlock, "open /proc/self/environ", 0, reading_processes},
    {Layer::kLandlock, "create a file in /tmp", 0, writing_outside},
    {Layer::kLandlock, "open /dev/null to write", 0, writing_to_a_device},
    {Layer::kSeccomp, "socket(AF_INET)", 0, internet_socket},
    {Layer::kSeccomp, "socket(AF_UNIX)", 0, unix_socket},
    {Layer::kSeccomp, "fork", 0, forking},
    {Layer::kSeccomp, "signal the parent", 0, signalling_the_parent},
    {Layer::kSeccomp, "ptrace", 0, tracing},
    {Layer::kSeccomp, "unshare(CLONE_NEWUSER)", 0, entering_a_namespace},
    {Layer::kLandlockNet, "connect by TCP", kSeccomp, connecting_by_tcp},
    {Layer::kLandlockScope, "signal another process", kSeccomp, signalling_outside},
    {Layer::kUserNamespace, "make a device file", kFilters | layer_bit(Layer::kCapabilities),
     making_a_device},
    {Layer::kNetNamespace, "reach 127.0.0.1", kFilters, reaching_loopback},
    {Layer::kIpcNamespace, "reach shared memory", kFilters, reaching_shared_memory},
    {Layer::kUtsNamespace, "learn the host's name", 0, learning_the_host_name},
    {Layer::kMountNamespace, "find /etc/passwd", 0, finding_accounts},
    {Layer::kPidNamespace, "name another process", kFilters, naming_a_process},
});

}  // namespace

std::span<const Probe> probes() {
  return kProbes;
}

std::vector<LayerBits> probe_rounds(LayerBits layers) {
  std::vector<LayerBits> rounds;
  for (const Probe& probe : kProbes) {
    if (probe.stopped != nullptr && has(layers, probe.layer) &&
        std::ranges::find(rounds, probe.without) == rounds.end()) {
      rounds.push_back(probe.without);
    }
  }
  return rounds;
}

std::string run_probes(LayerBits layers, LayerBits without, const Witness& witness) {
  std::string verdicts(kProbes.size(), kNotTried);
  for (std::size_t i = 0; i < kProbes.size(); ++i) {
    if (kProbes[i].stopped != nullptr && kProbes[i].without == without &&
        has(layers, kProbes[i].layer)) {
      verdicts[i] = kProbes[i].stopped(witness) ? kStopped : kNotStopped;
    }
  }
  return verdicts;
}

}  // namespace mcpgate::sandboxd
