// How long a child takes to lock itself down, from the first step to the last; and how long from
// the decision to kill a call (its cancellation, or its deadline) until its child is reaped, in a
// real zygote.
//
//     sandbox_bench FOLDER COUNT     FOLDER: empty, ours for the run
//
// Prints one JSON object: what was measured → COUNT times in microseconds; none for the lock-down
// of a profile that cannot be had here.

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/fd.h"
#include "base/file.h"
#include "base/run_to_end.h"
#include "sandboxd/call_filter.h"
#include "sandboxd/control.h"
#include "sandboxd/lockdown.h"
#include "sandboxd/namespaces.h"
#include "sandboxd/zygote.h"
#include "sandboxd/zygote_setup.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

/// As lock_down() arranges them.
constexpr int kCallSocket = 3;
/// From a call's first word until it is killed: it is in its loop then.
constexpr auto kRunFor = 2ms;
/// From the order of a call to its deadline: long enough that it runs by then.
constexpr auto kDeadlineAfter = 30ms;

/// Says that it runs, and does so until it is killed.
constexpr const char* kSpin = R"(
from mcpgate import Context, tool

@tool
def spin(context: Context) -> str:
    """Never ends."""
    context.info("runs")
    while True:
        pass
)";

ZygoteOptions options_in(const fs::path& folder) {
  ZygoteOptions options;
  const auto located = locate_installed(options);
  MCPGATE_ASSERT(located);
  options.tool_set = folder / "set";
  options.scratch = folder / "scratch";
  options.sources = {{"spin.py", kSpin}};
  for (const fs::path& made : {options.tool_set, options.scratch}) {
    MCPGATE_ASSERT(make_directories(made, 0700));
  }
  return options;
}

// ---- The lock-down

/// What a zygote of that profile is told, the very bytes.
ZygoteSetup setup_of(const ZygoteOptions& options) {
  const auto program = build_call_filter(FilterKind::kCall);
  MCPGATE_ASSERT(program);
  const auto bytes = std::as_bytes(std::span(*program));
  const std::string filter(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto file =
      make_setup_file(options, filter, kAllLayers & ~demanded_layers(options.profile));
  MCPGATE_ASSERT(file);
  const auto encoded = read_file(fs::path("/proc/self/fd") / std::to_string(file->get()));
  MCPGATE_ASSERT(encoded);
  auto setup = decode_setup(*encoded);
  MCPGATE_ASSERT(setup);
  return *std::move(setup);
}

/// As a zygote of that profile before its first fork; false where that cannot be had.
bool become_as_a_zygote(const ZygoteSetup& setup) {
  if (!enter_namespaces(setup.without).error.empty()) {
    return false;
  }
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return has(setup.without, Layer::kMountNamespace) ||
         enter_private_tree({.read_only = setup.read_only, .workbench = setup.workbench})
             .error.empty();
}

/// In a child: locks it, and says how long that took.
[[noreturn]] void lock_and_tell(const LockdownPlan& plan) {
  const auto start = steady_clock::now();
  lock_down(plan);
  const double took = Microseconds(steady_clock::now() - start).count();
  ::_exit(::write(kCallSocket, &took, sizeof took) == sizeof took ? 0 : 1);
}

/// What one child took for all steps; nothing where one of them failed.
std::optional<double> lock_one(const ZygoteSetup& setup, const std::vector<sock_filter>& filter) {
  const bool in_private_tree = !has(setup.without, Layer::kPrivateTmp);
  std::array<int, 2> sockets{};
  MCPGATE_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) == 0);
  const UniqueFd ours(sockets[0]);
  UniqueFd theirs(sockets[1]);
  const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  const pid_t pid = fork_apart(setup.without);
  if (pid == 0) {
    lock_and_tell({.call_socket = theirs.get(),
                   .output = theirs.get(),
                   .parent = self.get(),
                   .address_space_bytes = std::uint64_t{16} << 40,
                   .file_bytes = std::uint64_t{64} << 20,
                   .cpu_s = 10,
                   .open_files = 64,
                   .read_only = setup.read_only,
                   .tmp = in_private_tree ? kPrivateTmpPath : setup.workbench.c_str(),
                   .tmp_bytes = std::uint64_t{64} << 20,
                   .tmp_entries = 4096,
                   .filter = filter,
                   .without = setup.without});
  }
  theirs.reset();
  double took = 0;
  const bool told = ::read(ours.get(), &took, sizeof took) == sizeof took;
  int status = 0;
  MCPGATE_ASSERT(pid > 0 && ::waitpid(pid, &status, 0) == pid);
  return told && status == 0 ? std::optional(took) : std::nullopt;
}

/// In a process of its own, since there is no way back from a namespace.
std::vector<double> lock_down_times(const fs::path& folder, Profile profile, std::size_t count) {
  ZygoteOptions options = options_in(folder);
  options.profile = profile;
  const ZygoteSetup setup = setup_of(options);
  std::vector<sock_filter> filter(setup.filter.size() / sizeof(sock_filter));
  std::memcpy(filter.data(), setup.filter.data(), setup.filter.size());
  // One more than the times: how many there are.
  auto* const shared =
      static_cast<double*>(::mmap(nullptr, (count + 1) * sizeof(double), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  MCPGATE_ASSERT(shared != MAP_FAILED);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::size_t done = 0;
    if (become_as_a_zygote(setup)) {
      for (std::optional<double> took; done < count && (took = lock_one(setup, filter)); ++done) {
        shared[1 + done] = *took;
      }
    }
    shared[0] = static_cast<double>(done);
    ::_exit(0);
  }
  MCPGATE_ASSERT(pid > 0 && ::waitpid(pid, nullptr, 0) == pid);
  const std::span times(shared + 1, static_cast<std::size_t>(shared[0]));
  return {times.begin(), times.end()};
}

// ---- The end of a call

/// Tells when the child said that it runs.
class WhenItRuns final : public EventSink {
 public:
  explicit WhenItRuns(std::function<void()> then) : then_(std::move(then)) {}
  void on_progress(std::string_view /*json*/) override {}
  void on_log(std::string_view /*json*/) override { then_(); }
  std::optional<std::string> on_question(std::uint64_t number, std::string_view json) override {
    return NoEvents().on_question(number, json);
  }

 private:
  std::function<void()> then_;
};

CallSpec spin_until(steady_clock::time_point deadline, std::string call_id) {
  return {.call_id = std::move(call_id),
          .tool = "spin",
          .file = "spin.py",
          .user = "bench",
          .deadline = deadline,
          .progress_wanted = true};
}

/// run() of a killed call returns when the child is reaped.
Task<double> cancel_one(asio::io_context& loop, Zygote& zygote, std::string call_id) {
  steady_clock::time_point decided;
  asio::steady_timer timer(loop);
  WhenItRuns sink([&] {
    timer.expires_after(kRunFor);
    timer.async_wait([&](boost::system::error_code /*never cancelled*/) {
      decided = steady_clock::now();
      zygote.cancel(call_id);
    });
  });
  const auto ended = co_await zygote.run(spin_until(steady_clock::now() + 20s, call_id), sink);
  MCPGATE_ASSERT(ended && ended->reason == EndReason::kKilled);
  co_return Microseconds(steady_clock::now() - decided).count();
}

Task<double> let_one_time_out(Zygote& zygote, std::string call_id) {
  const auto deadline = steady_clock::now() + kDeadlineAfter;
  NoEvents sink;
  const auto ended = co_await zygote.run(spin_until(deadline, std::move(call_id)), sink);
  MCPGATE_ASSERT(ended && ended->reason == EndReason::kTimeout);
  co_return Microseconds(steady_clock::now() - deadline).count();
}

struct KillTimes {
  std::vector<double> cancelled;
  std::vector<double> timed_out;
};

Task<KillTimes> kill_times(asio::io_context& loop, ZygoteOptions options, std::size_t count) {
  const auto zygote = co_await Zygote::start(loop, std::move(options));
  MCPGATE_ASSERT(zygote);
  KillTimes times;
  for (std::size_t i = 0; i < count; ++i) {
    times.cancelled.push_back(co_await cancel_one(loop, **zygote, fmt::format("cancelled-{}", i)));
    times.timed_out.push_back(co_await let_one_time_out(**zygote, fmt::format("timed-out-{}", i)));
  }
  co_return times;
}

std::string json_of(const char* what, const std::vector<double>& times) {
  return fmt::format(R"("{}":[{:.1f}])", what, fmt::join(times, ","));
}

int run(const fs::path& folder, std::size_t count) {
  const std::string pod = json_of("lock_down_pod", lock_down_times(folder, Profile::kPod, count));
  const std::string strict =
      json_of("lock_down_strict", lock_down_times(folder, Profile::kStrict, count));
  asio::io_context loop(1);
  const KillTimes killed = run_to_end(loop, kill_times(loop, options_in(folder), count));
  const std::string line =
      fmt::format("{{{},{},{},{}}}\n", pod, strict, json_of("cancelled", killed.cancelled),
                  json_of("timed_out", killed.timed_out));
  std::fputs(line.c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace mcpgate::sandboxd

int main(int argc, char** argv) {
  std::size_t count = 0;
  if (argc != 3 ||
      std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), count).ec != std::errc{}) {
    std::fputs("usage: sandbox_bench FOLDER COUNT\n", stderr);
    return 2;
  }
  return mcpgate::sandboxd::run(argv[1], count);
}
