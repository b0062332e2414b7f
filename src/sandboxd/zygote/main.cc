// mcpgate-zygote: started by the daemon, never by hand. A warm interpreter that forks one child a
// call. It reads the control socket and reaps; a tool's bytes run in its children only, after
// lock_down(). It stays single-threaded, so that fork() is whole.

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "sandboxd/control.h"
#include "sandboxd/frame.h"
#include "sandboxd/heap_layout.h"
#include "sandboxd/hot_pages.h"
#include "sandboxd/huge_region.h"
#include "sandboxd/lockdown.h"
#include "sandboxd/namespaces.h"
#include "sandboxd/probes.h"
#include "sandboxd/zygote/interpreter.h"
#include "sandboxd/zygote/server_program.h"

namespace mcpgate::sandboxd {
namespace {

/// Killed before the daemon and before whatever else runs here, when memory is short: 0 is usual,
/// 1000 the most.
constexpr const char* kOomScoreAdjust = "500";

/// What fork hands on: the child reads it, nothing of it is a secret.
struct Zygote {
  ZygoteSetup setup;
  std::vector<sock_filter> filter;
  /// Itself, as a pidfd.
  UniqueFd self;
  /// Its address space once everything is loaded, bytes: the limit of a child counts from there.
  std::uint64_t address_space_bytes = 0;
  HeapLayout layout;
  HugeRegion arenas;
  HotPages hot_pages;
  /// Child → its number in the daemon's words.
  std::map<pid_t, std::uint64_t> children;
};

std::string read_setup() {
  struct stat status{};
  if (::fstat(kSetupFile, &status) != 0) {
    return {};
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got =
        ::pread(kSetupFile, bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (got <= 0) {
      return {};
    }
    have += static_cast<std::size_t>(got);
  }
  ::close(kSetupFile);
  return bytes;
}

/// The first number of a line of /proc/self/status, such as `Threads:`; 0 where there is none.
std::uint64_t own_status(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) {
      return std::strtoull(line.c_str() + field.size(), nullptr, 10);
    }
  }
  return 0;
}

bool send_message(const std::string& bytes, int descriptor = -1) {
  iovec data{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = ancillary.data();
    message.msg_controllen = ancillary.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(kControlSocket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(bytes.size());
}

/// A SPAWN and its descriptors; or a PING, which has none.
struct Received {
  std::string bytes;
  UniqueFd call_socket;
  UniqueFd output;
  /// Of a stdio server alone.
  UniqueFd input;
};

/// Nothing at the end of the daemon, or for what is no packet of ours.
std::optional<Received> receive() {
  // Not cleared for each packet: its pages are shared with the children that run.
  static std::array<char, kControlBytesMax> bytes;
  Received received;
  iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> ancillary{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(kControlSocket, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  const cmsghdr* header = size > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr && size > 0 &&
      decode_ping({bytes.data(), static_cast<std::size_t>(size)})) {
    return received;
  }
  const std::size_t count = header == nullptr || header->cmsg_type != SCM_RIGHTS
                                ? 0
                                : (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  if (count < 2 || count > 3 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return std::nullopt;
  }
  std::array<int, 3> descriptors{-1, -1, -1};
  std::memcpy(descriptors.data(), CMSG_DATA(header), count * sizeof(int));
  received.call_socket.reset(descriptors[0]);
  received.output.reset(descriptors[1]);
  received.input.reset(descriptors[2]);
  received.bytes.assign(bytes.data(), static_cast<std::size_t>(size));
  return received;
}

/// Where lock_down() puts a child's end of its call's socket.
constexpr int kCallSocket = 3;

/// A child that has answered waits for its end: the daemon reads first what it used.
void wait_to_be_ended() {
  char byte = 0;
  while (::read(kCallSocket, &byte, 1) > 0 || errno == EINTR) {
  }
}

/// One character for each probe, as a kResult frame.
int serve_self_test(const Zygote& zygote, const SpawnMessage& spawn) {
  const std::string verdicts =
      run_probes(kAllLayers & ~zygote.setup.without, spawn.without, spawn.witness);
  const auto header = frame_header(FrameType::kResult, static_cast<std::uint32_t>(verdicts.size()));
  const bool written = ::write(kCallSocket, header.data(), header.size()) > 0 &&
                       ::write(kCallSocket, verdicts.data(), verdicts.size()) > 0;
  return written ? 0 : 1;
}

/// What it writes is of no interest; that it lives to write it is.
int serve_memory_test() {
  const std::vector<char> memory(kMemoryTestBytes, 1);
  const auto header = frame_header(FrameType::kResult, 1);
  const bool written = ::write(kCallSocket, header.data(), header.size()) > 0 &&
                       ::write(kCallSocket, &memory.back(), 1) > 0;
  return written ? 0 : 1;
}

/// The same; what counts is what the kernel refuses.
int serve_task_test() {
  const auto wait = [](void*) -> void* {
    ::pause();
    return nullptr;
  };
  pthread_attr_t small{};
  ::pthread_attr_init(&small);
  ::pthread_attr_setstacksize(&small, std::size_t{64} << 10);
  for (unsigned i = 0; i < kTaskTestThreads; ++i) {
    pthread_t thread{};
    ::pthread_create(&thread, &small, wait, nullptr);
  }
  const auto header = frame_header(FrameType::kResult, 1);
  const bool written =
      ::write(kCallSocket, header.data(), header.size()) > 0 && ::write(kCallSocket, "x", 1) > 0;
  return written ? 0 : 1;
}

/// All but what single tasks add. It borrows from its arguments.
LockdownPlan plan_of(const Zygote& zygote, const SpawnMessage& spawn, const Received& received,
                     const std::vector<std::string>& read_only) {
  return {.call_socket = received.call_socket.get(),
          .output = received.output.get(),
          .parent = zygote.self.get(),
          .address_space_bytes = zygote.address_space_bytes + spawn.address_space_bytes,
          .file_bytes = spawn.file_bytes,
          .cpu_s = spawn.cpu_s,
          .open_files = spawn.open_files,
          .read_only = read_only,
          .tmp = spawn.tmp.c_str(),
          .tmp_bytes = spawn.tmp_bytes,
          .tmp_entries = spawn.tmp_entries,
          .filter = zygote.filter,
          .without = zygote.setup.without | spawn.without,
          .landlock_abi_max = zygote.setup.landlock_abi_max};
}

/// Becomes the program of the set's stdio server.
[[noreturn]] void run_server(const Zygote& zygote, const SpawnMessage& spawn,
                             const Received& received, LockdownPlan plan) {
  std::vector<std::string> environment = zygote.setup.environment;
  environment.push_back("HOME=" + spawn.tmp);
  environment.push_back("TMPDIR=" + spawn.tmp);
  const ServerProgram program(zygote.setup.program, zygote.setup.arguments, environment);
  plan.input = received.input.get();
  plan.address_space_bytes = spawn.address_space_bytes;  // Nothing of ours will be in it.
  plan.executable = zygote.setup.executable;
  plan.exec_path = program.path();
  plan.exec_arguments = program.arguments();
  lock_down(plan);
  program.become(zygote.setup.tool_set);
}

[[noreturn]] void run_child(const Zygote& zygote, const SpawnMessage& spawn,
                            const Received& received) {
  if (spawn.task != SpawnTask::kServer) {
    zygote.hot_pages.copy();
  }
  std::vector<std::string> read_only = zygote.setup.read_only;
  read_only.insert(read_only.end(), spawn.read_only.begin(), spawn.read_only.end());
  const WorkspaceGrant& grant = spawn.workspace;
  const bool in_private_tree = !has(zygote.setup.without, Layer::kPrivateTmp);
  std::string workspace;
  if (!grant.name.empty()) {
    workspace =
        (in_private_tree ? kHiddenWorkspacesPath : zygote.setup.workspaces) + '/' + grant.name;
  }
  LockdownPlan plan = plan_of(zygote, spawn, received, read_only);
  if (spawn.task == SpawnTask::kServer) {
    run_server(zygote, spawn, received, plan);
  }
  plan.workspace = {.path = grant.name.empty() ? nullptr
                            : in_private_tree  ? kPrivateWorkspacePath
                                               : workspace.c_str(),
                    .source = workspace.c_str(),
                    .device = grant.device,
                    .inode = grant.inode,
                    .writable = grant.writable};
  lock_down(plan);
  if (spawn.task == SpawnTask::kSelfTest) {
    ::_exit(serve_self_test(zygote, spawn));
  }
  if (spawn.task == SpawnTask::kMemoryTest) {
    ::_exit(serve_memory_test());
  }
  if (spawn.task == SpawnTask::kTaskTest) {
    ::_exit(serve_task_test());
  }
  after_fork_in_child();
  if (pollfd request{.fd = kCallSocket, .events = POLLIN, .revents = 0};
      ::poll(&request, 1, 0) == 0) {
    (void)warm_up();  // Kept ready: there is time to.
    if (!spawn.expected.name.empty()) {
      load_tool(spawn.expected.file, spawn.expected.name, spawn.tmp);
    }
  }
  const int status = serve_call();
  if (status == 0) {
    wait_to_be_ended();
  }
  // No exit handlers, no destructors: whatever the tool left in them must not run.
  ::_exit(status);
}

bool spawn(Zygote& zygote, const Received& received) {
  const std::optional<SpawnMessage> message = decode_spawn(received.bytes);
  if (!message) {
    return false;
  }
  before_fork();
  const pid_t pid = fork_apart(zygote.setup.without);
  if (pid == 0) {
    run_child(zygote, *message, received);
  }
  const int error = errno;
  after_fork_in_parent();
  if (pid < 0) {
    return send_message(
        encode(SpawnedMessage{.number = message->number, .pid = -1, .error = error}));
  }
  zygote.children[pid] = message->number;
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  return send_message(
      encode(SpawnedMessage{.number = message->number, .pid = pid, .error = pidfd ? 0 : errno}),
      pidfd.get());
}

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(time.tv_usec);
}

bool reap(Zygote& zygote) {
  int status = 0;
  rusage used{};
  for (pid_t pid = 0; (pid = ::wait4(-1, &status, WNOHANG, &used)) > 0;) {
    const auto child = zygote.children.find(pid);
    if (child == zygote.children.end()) {
      continue;
    }
    constexpr std::uint64_t kKibibyte = 1024;
    const bool sent = send_message(encode(
        ExitedMessage{.number = child->second,
                      .wait_status = status,
                      .cpu_us = microseconds(used.ru_utime) + microseconds(used.ru_stime),
                      .peak_rss_bytes = static_cast<std::uint64_t>(used.ru_maxrss) * kKibibyte}));
    zygote.children.erase(child);
    if (!sent) {
      return false;
    }
  }
  return true;
}

/// Until the daemon goes away.
void serve(Zygote& zygote, int signals) {
  std::array<pollfd, 2> ready{{{.fd = kControlSocket, .events = POLLIN, .revents = 0},
                               {.fd = signals, .events = POLLIN, .revents = 0}}};
  for (;;) {
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) {
      return;
    }
    if (ready[1].revents != 0) {
      signalfd_siginfo signal{};
      if (::read(signals, &signal, sizeof signal) < 0 || !reap(zygote)) {
        return;
      }
    }
    if (ready[0].revents != 0) {
      const std::optional<Received> received = receive();
      if (!received || !(received->call_socket ? spawn(zygote, *received)
                                               : send_message(encode(PongMessage{})))) {
        return;
      }
    }
  }
}

/// Before the interpreter: without an environment, ended by the daemon alone, told of children by
/// descriptor, closed to other processes of our uid, one malloc arena however many threads a tool
/// starts.
int harden() {
  ::clearenv();  // What is there was for the loader.
  ::mallopt(M_ARENA_MAX, 1);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // Who stops every process at once means the daemon: it ends us, after the calls in flight.
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    ::signal(number, SIG_IGN);
  }
  sigset_t child_ended;
  ::sigemptyset(&child_ended);
  ::sigaddset(&child_ended, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_ended, nullptr);
  return ::signalfd(-1, &child_ended, SFD_CLOEXEC);
}

/// In a child of our own: a small call from fork() to its answer, as every call goes but for the
/// lock-down.
void rehearse() {
  after_fork_in_child();
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()) != 0 ||
      ::dup2(sockets[1], kCallSocket) < 0) {
    ::_exit(1);
  }
  constexpr std::string_view kRequest =
      R"({"timeLeftMs":30000,"outputBytes":65536,"tmp":"/tmp","op":"call","tool":"typed",)"
      R"("file":"rehearsal.py","callId":"0","user":"rehearsal","traceparent":"",)"
      R"("progress":false,"mounts":{},"arguments":{"text":"10.0.0.1","limits":[1,2]}})";
  const auto header = frame_header(FrameType::kRequest, kRequest.size());
  if (::write(sockets[0], header.data(), header.size()) < 0 ||
      ::write(sockets[0], kRequest.data(), kRequest.size()) < 0 || serve_rehearsal() != 0) {
    ::_exit(1);
  }
}

/// Loads everything; the error, where there is one, says why it cannot serve.
ReadyMessage load(Zygote& zygote) {
  zygote.filter.resize(zygote.setup.filter.size() / sizeof(sock_filter));
  std::memcpy(zygote.filter.data(), zygote.setup.filter.data(),
              zygote.filter.size() * sizeof(sock_filter));
  zygote.self.reset(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!zygote.self) {
    return {.error = std::string("pidfd_open: ") + std::strerror(errno)};
  }
  const ZygoteSetup& setup = zygote.setup;
  const auto start = [&](HeapLayout& layout) {
    return start_interpreter(setup.harness, setup.tool_set, setup.packages, setup.sources, layout,
                             zygote.arenas);
  };
  zygote.layout.learn(
      [&](HeapLayout& layout) {
        const bool started = start(layout).empty();
        settle_heap(layout, zygote.arenas);
        before_fork();
        return started;
      },
      &rehearse);
  if (std::string error = start(zygote.layout); !error.empty()) {
    return {.error = std::move(error)};
  }
  if (std::string error = preload(zygote.setup.preload); !error.empty()) {
    return {.error = std::move(error), .is_of_set = true};
  }
  settle_heap(zygote.layout, zygote.arenas);
  zygote.setup.sources.clear();
  // A second thread would not be in the children, but its locks would.
  if (const std::uint64_t threads = own_status("Threads:"); threads != 1) {
    return {.error = "the interpreter has " + std::to_string(threads) +
                     " threads; only 1 can be forked"};
  }
  before_fork();
  zygote.hot_pages.learn(&rehearse);
  after_fork_in_parent();
  constexpr std::uint64_t kKibibyte = 1024;
  zygote.address_space_bytes = own_status("VmSize:") * kKibibyte;
  return {};
}

/// Whether children can be had as the profile wants them.
NamespaceFailure try_fork_apart(const Zygote& zygote) {
  const pid_t pid = fork_apart(zygote.setup.without);
  if (pid == 0) {
    ::_exit(0);
  }
  if (pid < 0) {
    return {.layer = Layer::kPidNamespace, .error = std::strerror(errno)};
  }
  ::waitpid(pid, nullptr, 0);
  return {};
}

ReadyMessage failed(const NamespaceFailure& failure) {
  return {.error = failure.error, .layer = static_cast<std::int32_t>(failure.layer)};
}

/// Everything before the first call. The tree of files goes last, since the interpreter is loaded
/// from it; `signals` is told of children.
ReadyMessage prepare(Zygote& zygote, UniqueFd& signals) {
  std::optional<ZygoteSetup> setup = decode_setup(read_setup());
  if (!setup) {
    return {.error = "the setup cannot be read"};
  }
  zygote.setup = std::move(*setup);
  const LayerBits without = zygote.setup.without;
  std::ofstream("/proc/self/oom_score_adj") << kOomScoreAdjust;
  if (NamespaceFailure failure = enter_namespaces(without); !failure.error.empty()) {
    return failed(failure);
  }
  signals.reset(harden());
  if (!signals) {
    return {.error = std::string("signalfd: ") + std::strerror(errno)};
  }
  if (ReadyMessage loaded = load(zygote); !loaded.error.empty()) {
    return loaded;
  }
  if (!has(without, Layer::kMountNamespace)) {
    std::vector<std::string> readable = zygote.setup.read_only;
    readable.insert(readable.end(), zygote.setup.lendable.begin(), zygote.setup.lendable.end());
    if (NamespaceFailure failure = enter_private_tree({.read_only = readable,
                                                       .workspaces = zygote.setup.workspaces,
                                                       .workbench = zygote.setup.workbench});
        !failure.error.empty()) {
      return failed(failure);
    }
  }
  if (NamespaceFailure failure = try_fork_apart(zygote); !failure.error.empty()) {
    return failed(failure);
  }
  return {};
}

int run() {
  Zygote zygote;
  UniqueFd signals;
  const ReadyMessage ready = prepare(zygote, signals);
  if (!send_message(encode(ready)) || !ready.error.empty()) {
    return 1;
  }
  serve(zygote, signals.get());
  return 0;
}

}  // namespace
}  // namespace mcpgate::sandboxd

int main() {
  return mcpgate::sandboxd::run();
}
