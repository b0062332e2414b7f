#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace mcpgate {
namespace {

/// Where descriptors wait before they take their numbers: above any number we ask for.
constexpr int kParkingDescriptor = 64;

/// Everything the child needs, made before fork: after it only async-signal-safe calls are allowed.
struct Launch {
  const char* program;
  char* const* arguments;
  char* const* environment;
  std::vector<std::pair<int, int>> descriptors;
  bool discard_stderr;
  bool die_with_parent;
  pid_t parent;
  int error_pipe;
};

/// Tells the parent errno and ends.
[[noreturn]] void give_up(int error_pipe) {
  const int error = errno;
  const ssize_t written = ::write(error_pipe, &error, sizeof error);
  ::_exit(written == sizeof error ? 127 : 126);
}

/// Parks all descriptors above their targets first, so that no dup2 overwrites one still needed.
void arrange_descriptors(Launch& launch) {
  for (auto& [source, target] : launch.descriptors) {
    source = ::fcntl(source, F_DUPFD_CLOEXEC, kParkingDescriptor);
    if (source < 0) {
      give_up(launch.error_pipe);
    }
  }
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(null, 1) < 0 ||
      (launch.discard_stderr && ::dup2(null, 2) < 0)) {
    give_up(launch.error_pipe);
  }
  for (const auto& [source, target] : launch.descriptors) {
    if (::dup2(source, target) < 0) {
      give_up(launch.error_pipe);
    }
  }
}

[[noreturn]] void run_child(Launch& launch) {
  if (launch.die_with_parent) {
    // The parent may have died before the request: then nobody would send the signal.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != launch.parent) {
      give_up(launch.error_pipe);
    }
  }
  // A group of its own: Ctrl-C on the terminal is for the owner, which ends its children in order.
  ::setpgid(0, 0);
  // Signals as a new program expects them; the parent's mask would be inherited.
  for (int number = 1; number < NSIG; ++number) {
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  launch.error_pipe = ::fcntl(launch.error_pipe, F_DUPFD_CLOEXEC, kParkingDescriptor);
  if (launch.error_pipe < 0) {
    ::_exit(126);
  }
  arrange_descriptors(launch);
  int last = 2;
  for (const auto& [source, target] : launch.descriptors) {
    last = target > last ? target : last;
  }
  // Not every library opens with O_CLOEXEC. Those between 3 and the last named one are few and
  // ours.
  ::close_range(static_cast<unsigned>(last) + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execve(launch.program, launch.arguments, launch.environment);
  give_up(launch.error_pipe);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& string : strings) {
    result.push_back(const_cast<char*>(string.c_str()));  // execve's type; it writes nothing
  }
  result.push_back(nullptr);
  return result;
}

/// Waits for the report of run_child: nothing when exec worked, since the pipe closes by itself.
int read_exec_error(int pipe) {
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(pipe, &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  return got == sizeof error ? error : 0;
}

}  // namespace

Expected<Process> Process::start(const ProcessOptions& options) {
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    return fail_errno("make a pipe to start a process");
  }
  const UniqueFd read_end(pipe_ends[0]);
  UniqueFd write_end(pipe_ends[1]);

  std::vector<std::string> arguments{options.program.string()};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> environment_pointers = pointers(options.environment);
  Launch launch{.program = options.program.c_str(),
                .arguments = argument_pointers.data(),
                .environment = environment_pointers.data(),
                .descriptors = options.descriptors,
                .discard_stderr = options.stderr_to == ProcessOptions::Stderr::kDiscard,
                .die_with_parent = options.on_parent_death == ProcessOptions::OnParentDeath::kKill,
                .parent = ::getpid(),
                .error_pipe = write_end.get()};

  const pid_t pid = ::fork();
  if (pid < 0) {
    return fail_errno("fork");
  }
  if (pid == 0) {
    run_child(launch);
  }
  Process process;
  process.pid_ = pid;
  write_end.reset();
  // Nobody else reaps our child, so the number is still its own here.
  process.pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.pidfd_) {
    return fail_errno("pidfd_open");
  }
  if (const int error = read_exec_error(read_end.get()); error != 0) {
    process.kill();
    return fail_errno(fmt::format("start {}", options.program.string()), error);
  }
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      wait_status_(other.wait_status_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    wait_status_ = other.wait_status_;
  }
  return *this;
}

Process::~Process() {
  kill();
}

void Process::signal(int number) const {
  if (pid_ > 0) {
    // By pid where the system had no descriptor left: it is not reaped, so the number is its own.
    if (!pidfd_ || !signal_pidfd(pidfd_.get(), number)) {
      ::kill(pid_, number);
    }
  }
}

bool Process::try_wait() {
  if (pid_ <= 0) {
    return true;
  }
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) {
    return false;
  }
  wait_status_ = status;
  pid_ = -1;
  return true;
}

bool Process::wait_for(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!try_wait()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return false;
    }
    pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60'000)));
  }
  return true;
}

void Process::kill() {
  if (try_wait()) {
    return;
  }
  signal(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  wait_status_ = status;
  pid_ = -1;
}

bool signal_pidfd(int pidfd, int number) {
  return ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

std::string describe_wait_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    const char* name = ::sigdescr_np(number);
    return fmt::format("killed by signal {} ({})", number, name != nullptr ? name : "unknown");
  }
  return fmt::format("exited with {}", WEXITSTATUS(wait_status));
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return 0;
  }
  const rlim_t soft = std::exchange(limit.rlim_cur, limit.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : soft;
}

}  // namespace mcpgate
