#include "sandboxd/probes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/fd.h"

namespace mcpgate::sandboxd {
namespace {

bool open_is_stopped(const char* path, int flags) {
  return !UniqueFd(::open(path, flags | O_CLOEXEC, 0600));
}

bool reading_accounts() {
  return open_is_stopped("/etc/passwd", O_RDONLY);
}
bool listing_the_root() {
  return open_is_stopped("/", O_RDONLY | O_DIRECTORY);
}
bool reading_processes() {
  return open_is_stopped("/proc/self/environ", O_RDONLY);
}

bool writing_outside() {
  // Never made: where it can be, the unlink removes it again.
  constexpr const char* kPath = "/tmp/.mcpgate-self-test";
  const bool stopped = open_is_stopped(kPath, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (!stopped) {
    ::unlink(kPath);
  }
  return stopped;
}

bool socket_is_stopped(int family, int type) {
  return !UniqueFd(::socket(family, type | SOCK_CLOEXEC, 0));
}
bool internet_socket() {
  return socket_is_stopped(AF_INET, SOCK_STREAM);
}
bool unix_socket() {
  return socket_is_stopped(AF_UNIX, SOCK_STREAM);
}

bool forking() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::_exit(0);
  }
  if (pid > 0) {
    ::waitpid(pid, nullptr, 0);
  }
  return pid < 0;
}

bool signalling_the_parent() {
  return ::kill(::getppid(), 0) != 0;
}
bool tracing() {
  return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0;
}
bool entering_a_namespace() {
  return ::syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) != 0;
}

/// The self-test's own limit is Limits::open_files; any system allows more than this by itself.
bool too_many_descriptors() {
  constexpr int kHighDescriptor = 1000;
  return !UniqueFd(::fcntl(0, F_DUPFD_CLOEXEC, kHighDescriptor));
}

bool too_much_address_space() {
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) {
    return false;
  }
  void* memory = ::mmap(nullptr, limit.rlim_cur, PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED;
}

bool inherited_descriptor() {
  for (int fd = 4; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) {
      return false;
    }
  }
  return true;
}

bool inherited_environment() {
  return environ == nullptr || environ[0] == nullptr;
}

constexpr auto kProbes = std::to_array<Probe>({
    {"descriptors", "use a descriptor above 3", inherited_descriptor},
    {"rlimits", "open more files than allowed", too_many_descriptors},
    {"rlimits", "map more memory than allowed", too_much_address_space},
    {"environment", "read an inherited variable", inherited_environment},
    {"landlock", "open /etc/passwd", reading_accounts},
    {"landlock", "list /", listing_the_root},
    {"landlock", "open /proc/self/environ", reading_processes},
    {"landlock", "create a file in /tmp", writing_outside},
    {"seccomp", "socket(AF_INET)", internet_socket},
    {"seccomp", "socket(AF_UNIX)", unix_socket},
    {"seccomp", "fork", forking},
    {"seccomp", "signal the parent", signalling_the_parent},
    {"seccomp", "ptrace", tracing},
    {"seccomp", "unshare(CLONE_NEWUSER)", entering_a_namespace},
});
static_assert(kProbes.size() < 64);

}  // namespace

std::span<const Probe> probes() {
  return kProbes;
}

std::uint64_t run_probes() {
  std::uint64_t stopped = 0;
  for (std::size_t i = 0; i < kProbes.size(); ++i) {
    if (kProbes[i].stopped()) {
      stopped |= std::uint64_t{1} << i;
    }
  }
  return stopped;
}

}  // namespace mcpgate::sandboxd
