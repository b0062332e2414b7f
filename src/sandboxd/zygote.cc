#include "sandboxd/zygote.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "json/write.h"
#include "sandboxd/call_filter.h"
#include "sandboxd/control.h"
#include "sandboxd/lockdown.h"
#include "sandboxd/memory_group.h"
#include "sandboxd/namespaces.h"
#include "sandboxd/running_call.h"
#include "sandboxd/verdict.h"

namespace mcpgate::sandboxd {
namespace {

using std::chrono::steady_clock;

/// To load the interpreter and compile a set: 0.1 s usually, more on a busy machine.
constexpr std::chrono::seconds kStartPatience{20};
/// From SPAWN to SPAWNED: 0.3 ms usually. A zygote that takes longer hangs.
constexpr std::chrono::seconds kSpawnPatience{2};
/// Between starts that fail; doubles from the first to the second.
constexpr std::chrono::milliseconds kBackoffMin{100};
constexpr std::chrono::milliseconds kBackoffMax{10'000};
/// A zygote that lived this long did not fail at its start.
constexpr std::chrono::seconds kStableAfter{10};
/// A child that waited longer is not used: a data mount that was not there when it was locked down
/// is seen after a minute.
constexpr std::chrono::seconds kReadyFor{60};

/// What every interpreter reads: its library with native modules, and time zones. Nothing there is
/// particular to this machine.
constexpr auto kSystemPaths =
    std::to_array<const char*>({"/usr/lib", "/usr/share/zoneinfo", "/etc/localtime"});

/// On the cleaner's thread.
Task<> remove_scratch(ScratchDirectory scratch) {
  {
    const ScratchDirectory removed_here = std::move(scratch);
  }
  co_return;
}

/// A sealed file in memory: every start of this zygote reads the same bytes.
Expected<UniqueFd> make_setup_file(const ZygoteSetup& setup) {
  UniqueFd file(::memfd_create("zygote-setup", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) {
    return fail_errno("memfd_create for a zygote's setup");
  }
  TRY_VOID(write_all(file.get(), encode(setup)));
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) !=
      0) {
    return fail_errno("seal a zygote's setup");
  }
  return file;
}

std::uint32_t whole_seconds(std::chrono::milliseconds time) {
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(time).count()));
}

ChildSetup setup_of(SpawnTask task, const Limits& limits,
                    const std::map<std::string, std::filesystem::path>& mounts = {}) {
  ChildSetup setup{.task = task,
                   .address_space_bytes = limits.address_space_bytes,
                   .file_bytes = limits.tmp_bytes,
                   .cpu_s = whole_seconds(limits.cpu),
                   .open_files = static_cast<std::uint32_t>(limits.open_files),
                   .tmp_bytes = limits.tmp_bytes,
                   .tmp_entries = static_cast<std::uint32_t>(limits.files)};
  for (const auto& [name, path] : mounts) {
    setup.read_only.push_back(path);
  }
  return setup;
}

std::string call_request(const CallSpec& spec) {
  std::string json = R"("op":"call","tool":)";
  json::append_string(json, spec.tool);
  json += R"(,"file":)";
  json::append_string(json, spec.file);
  json += R"(,"callId":)";
  json::append_string(json, spec.call_id);
  json += R"(,"user":)";
  json::append_string(json, spec.user);
  json += R"(,"traceparent":)";
  json::append_string(json, spec.traceparent);
  json += fmt::format(R"(,"progress":{},"mounts":{{)", spec.progress_wanted);
  const char* comma = "";
  for (const auto& [name, path] : spec.mounts) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
      json += comma;
      json::append_string(json, name);
      json += ':';
      json::append_string(json, path.native());
      comma = ",";
    }
  }
  json += R"(},"importable":[)";
  for (const std::string& module : spec.importable) {
    json::append_string(json, module);
    json += &module == &spec.importable.back() ? "" : ",";
  }
  json += R"(],"arguments":)";
  json += spec.arguments;
  return json;
}

}  // namespace

Expected<void> locate_installed(ZygoteOptions& options) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    return fail(ErrorCode::kInternal, "read /proc/self/exe: {}", error.message());
  }
  const std::filesystem::path prefix = self.parent_path().parent_path();
  options.executable = prefix / "libexec" / "mcpgate-zygote";
  options.harness = prefix / "share" / "mcpgate" / "harness";
  for (const auto& path : {options.executable, options.harness / "mcpgate" / "__init__.py"}) {
    if (!std::filesystem::exists(path, error)) {
      return fail(ErrorCode::kNotFound, "{} is missing: the installation is incomplete",
                  path.string());
    }
  }
  return {};
}

struct Zygote::State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, ZygoteOptions zygote_options)
      : loop(io), options(std::move(zygote_options)), control(io), changed(io) {}

  [[nodiscard]] Expected<void> prepare();
  [[nodiscard]] Expected<void> launch();
  Task<Expected<void>> start();
  Task<Expected<void>> start_once();
  Task<Expected<void>> ensure_running();
  Task<Expected<void>> run_self_test();
  void make_group();
  Task<Expected<void>> try_group(std::string& verdicts);
  void name_want_of_memory(CallOutcome& outcome);
  Task<Expected<void>> run_probe_round(LayerBits without, Witness witness, std::string& verdicts);
  [[nodiscard]] bool may_miss(Layer layer) const;
  [[nodiscard]] Error refusal(Layer layer, std::string_view why) const;
  void report_gaps() const;
  Task<Expected<CallOutcome>> run_child(ChildSetup setup, ChildSpec spec, EventSink& sink);
  [[nodiscard]] Expected<std::shared_ptr<RunningCall>> start_call(ChildSetup setup, ChildSpec spec,
                                                                  EventSink& sink);
  Task<Expected<std::shared_ptr<RunningCall>>> run_to_end(ChildSetup setup, ChildSpec spec,
                                                          EventSink& sink);
  /// The number of a new child, asked for and not yet there.
  [[nodiscard]] Expected<std::uint64_t> make_child(ChildSetup setup);
  /// The number of a child that waits, made as `setup` says; nothing where none does.
  [[nodiscard]] std::optional<std::uint64_t> take_ready(const ChildSetup& setup);
  static Task<> clean_up(std::shared_ptr<State> self, std::uint64_t number,
                         std::shared_ptr<RunningCall> call);
  [[nodiscard]] std::size_t in_flight() const { return calls.size() - ready_children.size(); }
  void fill_ready();
  void drop_ready();
  [[nodiscard]] Expected<void> send_spawn(std::uint64_t number, RunningCall& call);
  void expect_spawned(asio::steady_timer& timer, std::uint64_t number);
  static Task<> read_control(std::shared_ptr<State> self, std::uint64_t generation);
  /// False at its end or for anything that a zygote does not send.
  [[nodiscard]] bool receive();
  void take(const ZygoteMessage& message, UniqueFd descriptor);
  void died();
  void notify();

  asio::io_context& loop;
  ZygoteOptions options;
  SystemRandom random;
  std::string filter;
  UniqueFd setup_file;
  /// Layers that are left out: not demanded, or missing here with leave.
  LayerBits without = 0;
  LayerGaps gaps;
  /// The layer that the latest start failed for, and why; empty: for something else.
  std::optional<Layer> failed_layer;
  std::string failed_why;
  /// Around the zygote; null where none can be had.
  std::unique_ptr<MemoryGroup> group;
  std::uint64_t group_kills = 0;
  /// After the first start, which decides what may be missing.
  bool settled = false;

  enum class Phase : std::uint8_t { kStopped, kStarting, kRunning };
  Phase phase = Phase::kStopped;
  Process process;
  asio::posix::stream_descriptor control;
  /// Counts starts, so that a late end of an old zygote is not the new one's.
  std::uint64_t generation = 0;
  bool ready = false;
  std::string ready_error;
  Confinement confinement;
  steady_clock::time_point started;
  steady_clock::time_point start_allowed;
  std::chrono::milliseconds backoff{0};
  /// Wakes whoever waits for a start or its end.
  asio::steady_timer changed;

  /// Removes what calls left, so that the loop does not wait for a disk. Made when first needed.
  std::optional<asio::thread_pool> cleaner;

  std::uint64_t next_number = 1;
  /// All children by number: those that run a call, and those that wait for one.
  std::map<std::uint64_t, std::shared_ptr<RunningCall>> calls;
  /// Who waits, the oldest first; what they are made as, and how many there should be.
  std::deque<std::uint64_t> ready_children;
  ChildSetup ready_setup;
  std::size_t ready_wanted = 0;
};

// ---- Start

/// What is the same for every start.
Expected<void> Zygote::State::prepare() {
  // Where nothing proves it, Landlock's scope is taken all the same.
  without = kAllLayers & ~demanded_layers(options.profile) & ~layer_bit(Layer::kLandlockScope);
  make_group();
  const auto program = build_call_filter();
  if (program) {
    filter.assign(reinterpret_cast<const char*>(program->data()),
                  program->size() * sizeof(sock_filter));
  } else if (may_miss(Layer::kSeccomp)) {
    gaps[Layer::kSeccomp] = program.error().message;
    without |= layer_bit(Layer::kSeccomp);
  } else {
    return std::unexpected(refusal(Layer::kSeccomp, program.error().message));
  }
  return {};
}

void Zygote::State::make_group() {
  const auto own = read_file("/proc/self/cgroup", std::size_t{64} << 10);
  const auto hierarchy = own ? find_memory_hierarchy(*own, "/sys/fs/cgroup")
                             : Expected<GroupHierarchy>(std::unexpected(own.error()));
  auto made = hierarchy
                  ? MemoryGroup::create(*hierarchy, random)
                  : Expected<std::unique_ptr<MemoryGroup>>(std::unexpected(hierarchy.error()));
  if (made) {
    group = *std::move(made);
    return;
  }
  gaps[Layer::kMemoryGroup] = made.error().message;
  without |= layer_bit(Layer::kMemoryGroup);
}

/// Starts the process; what it says is read from now on.
Expected<void> Zygote::State::launch() {
  ZygoteSetup setup{.harness = options.harness,
                    .tool_set = options.tool_set,
                    .packages = options.packages,
                    .read_only = {kSystemPaths.begin(), kSystemPaths.end()},
                    .lendable = {options.mounts.begin(), options.mounts.end()},
                    .workspaces = options.workspaces,
                    .filter = filter,
                    .without = without,
                    .landlock_abi_max = options.landlock_abi_max,
                    .workbench = options.scratch,
                    .sources = options.sources};
  setup.read_only.push_back(options.harness);
  setup.read_only.push_back(options.tool_set);
  if (!options.packages.empty()) {
    setup.read_only.push_back(options.packages);
  }
  if (!setup_file) {
    setup_file = TRY(make_setup_file(setup));
  }
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return fail_errno("make a zygote's control socket");
  }
  UniqueFd ours(sockets[0]);
  const UniqueFd theirs(sockets[1]);
  process = TRY(Process::start(
      {.program = options.executable,
       .environment = {"LD_BIND_NOW=1"},  // Or each child would look up the same symbols again.
       .descriptors = {{theirs.get(), kControlSocket}, {setup_file.get(), kSetupFile}}}));
  if (group) {
    TRY_VOID(group->take_in(process.pid()));
  }
  boost::system::error_code error;
  control = asio::posix::stream_descriptor(loop);
  control.assign(ours.get(), error);
  if (!error) {
    (void)ours.release();
    control.non_blocking(true, error);
  }
  if (error) {
    return fail(ErrorCode::kInternal, "watch a zygote's control socket: {}", error.message());
  }
  ready = false;
  ready_error.clear();
  started = steady_clock::now();
  asio::co_spawn(loop, read_control(shared_from_this(), ++generation), asio::detached);
  return {};
}

Task<Expected<void>> Zygote::State::start_once() {
  phase = Phase::kStarting;
  if (auto launched = launch(); !launched) {
    died();
    co_return std::unexpected(std::move(launched.error()));
  }
  const auto until = steady_clock::now() + kStartPatience;
  while (phase == Phase::kStarting && !ready && steady_clock::now() < until) {
    changed.expires_at(until);
    co_await changed.async_wait(kAwait);
  }
  if (phase != Phase::kStarting || !ready || !ready_error.empty()) {
    std::string why = !ready_error.empty() ? ready_error
                      : process.try_wait() ? describe_wait_status(process.wait_status())
                                           : "gave no sign of life";
    died();
    co_return fail(ErrorCode::kUnavailable, "start {}: {}", options.executable.string(), why);
  }
  if (auto tested = co_await run_self_test(); !tested) {
    died();
    co_return std::unexpected(std::move(tested.error()));
  }
  phase = Phase::kRunning;
  notify();
  fill_ready();
  co_return Expected<void>{};
}

/// What this profile, or leave that was given, lets be missing. Later starts may miss no more than
/// the first one did.
bool Zygote::State::may_miss(Layer layer) const {
  const LayerBits optional = kAllLayers & ~required_layers(options.profile);
  return !settled && has(optional | options.allow_missing, layer);
}

Error Zygote::State::refusal(Layer layer, std::string_view why) const {
  return {ErrorCode::kFailedPrecondition,
          fmt::format("profile {}: the layer {} is missing: {}", to_string(options.profile),
                      layer_name(layer), why)};
}

/// Without the layers that may be missing and cannot be had; else whole or not at all.
Task<Expected<void>> Zygote::State::start() {
  for (;;) {
    failed_layer.reset();
    Expected<void> result = co_await start_once();
    if (result) {
      settled = true;
      if (options.gaps_are_logged) {
        report_gaps();
      }
      co_return result;
    }
    if (!failed_layer || has(without, *failed_layer)) {
      co_return result;
    }
    if (!may_miss(*failed_layer)) {
      co_return std::unexpected(refusal(*failed_layer, "it cannot be had here: " + failed_why));
    }
    gaps[*failed_layer] = failed_why;
    without |= layer_bit(*failed_layer);
    setup_file.reset();
  }
}

void Zygote::State::report_gaps() const {
  for (const LayerReport& report : confinement.layers) {
    const bool allowed = has(options.allow_missing, report.layer);
    if (!report.in_force && (allowed || options.profile == Profile::kDev)) {
      log_warn("profile {}: calls run WITHOUT the layer {}: {}", confinement.label(),
               layer_name(report.layer), report.proof);
    } else if (!report.in_force) {
      log_info("profile {}: the optional layer {} is not in force: {}", confinement.label(),
               layer_name(report.layer), report.proof);
    } else if (allowed) {
      log_info("--allow-missing {}: not needed, the layer holds here", layer_name(report.layer));
    }
  }
}

/// One child, which tries what belongs to it.
Task<Expected<void>> Zygote::State::run_probe_round(LayerBits round_without, Witness witness,
                                                    std::string& verdicts) {
  Limits limits;
  limits.wall = std::chrono::seconds(10);
  limits.tmp_bytes = std::uint64_t{1} << 20;
  NoEvents sink;
  ChildSetup setup = setup_of(SpawnTask::kSelfTest, limits);
  setup.without = round_without;
  setup.witness = witness;
  auto call = co_await run_to_end(
      std::move(setup), {.deadline = steady_clock::now() + limits.wall, .limits = limits}, sink);
  if (!call) {
    co_return std::unexpected(std::move(call.error()));
  }
  const CallOutcome outcome = (*call)->outcome();
  if (outcome.reason == EndReason::kNone && merge_verdicts(verdicts, outcome.result)) {
    co_return Expected<void>{};
  }
  const int status = (*call)->wait_status();
  const int step = WIFEXITED(status) ? WEXITSTATUS(status) - kLockdownFailed : -1;
  if (step >= 0 && step <= static_cast<int>(Layer::kSeccomp)) {
    // `the sandbox could not be locked: landlock: Function not implemented`
    failed_layer = static_cast<Layer>(step);
    failed_why = outcome.text.substr(outcome.text.rfind(':') + 1);
    failed_why.erase(0, failed_why.find_first_not_of(' '));
  }
  co_return fail(ErrorCode::kFailedPrecondition, "profile {}: the self-test ended early: {}",
                 to_string(options.profile), outcome.text);
}

/// A child that takes more than it may for a moment; then the limit is what it is to be.
Task<Expected<void>> Zygote::State::try_group(std::string& verdicts) {
  auto limited = group->set_limit(group->used_bytes() + kMemoryTestBytes / 2);
  if (!limited) {
    co_return limited;
  }
  Limits limits;
  NoEvents sink;
  auto call =
      co_await run_to_end(setup_of(SpawnTask::kMemoryTest, limits),
                          {.deadline = steady_clock::now() + limits.wall, .limits = limits}, sink);
  if (!call) {
    co_return std::unexpected(std::move(call.error()));
  }
  const std::uint64_t kills = group->kills();
  set_verdict(verdicts, Layer::kMemoryGroup, kills > group_kills);
  group_kills = kills;
  co_return group->set_limit(options.memory_bytes);
}

/// A kill by the kernel is not told from others, but by its count.
void Zygote::State::name_want_of_memory(CallOutcome& outcome) {
  if (outcome.reason != EndReason::kKilled || !group) {
    return;
  }
  if (const std::uint64_t kills = group->kills(); kills > group_kills) {
    group_kills = kills;
    outcome.reason = EndReason::kMemory;
    outcome.text = fmt::format("with the calls beside it used more than {} bytes of memory",
                               options.memory_bytes);
  }
}

Task<Expected<void>> Zygote::State::run_self_test() {
  const SharedMemoryWitness memory;
  const Witness witness{.process = process.pid(), .shared_memory = memory.id()};
  std::string verdicts;
  for (const LayerBits round : probe_rounds(kAllLayers & ~without)) {
    auto tried = co_await run_probe_round(round, witness, verdicts);
    if (!tried) {
      co_return tried;
    }
  }
  if (group) {
    auto tried = co_await try_group(verdicts);
    if (!tried) {
      co_return tried;
    }
  }
  Confinement found = judge(options.profile, gaps, verdicts);
  for (const LayerReport& report : found.layers) {
    const bool known = settled && std::ranges::any_of(confinement.layers, [&](const auto& before) {
                         return before.layer == report.layer && !before.in_force;
                       });
    if (!report.in_force && !known && !may_miss(report.layer)) {
      co_return std::unexpected(refusal(report.layer, report.proof));
    }
  }
  confinement = std::move(found);
  co_return Expected<void>{};
}

/// Starts it again where it has died; one start at a time, and not too often.
Task<Expected<void>> Zygote::State::ensure_running() {
  while (phase == Phase::kStarting) {
    changed.expires_at(steady_clock::time_point::max());
    co_await changed.async_wait(kAwait);
  }
  if (phase == Phase::kRunning) {
    co_return Expected<void>{};
  }
  if (steady_clock::now() < start_allowed) {
    co_return fail(ErrorCode::kUnavailable, "the sandbox's interpreter is being restarted");
  }
  Expected<void> result = co_await start();
  if (!result) {
    backoff = std::clamp(backoff * 2, kBackoffMin, kBackoffMax);
    start_allowed = steady_clock::now() + backoff;
  }
  co_return result;
}

// ---- The control socket

Task<> Zygote::State::read_control(std::shared_ptr<State> self, std::uint64_t generation) {
  for (;;) {
    const auto [error] =
        co_await self->control.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
    if (self->generation != generation || self->phase == Phase::kStopped) {
      co_return;
    }
    if (error || !self->receive()) {
      break;
    }
  }
  self->died();
}

bool Zygote::State::receive() {
  for (;;) {
    std::array<char, 4096> bytes{};
    iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
    msghdr packet{};
    packet.msg_iov = &data;
    packet.msg_iovlen = 1;
    packet.msg_control = ancillary.data();
    packet.msg_controllen = ancillary.size();
    const ssize_t size = ::recvmsg(control.native_handle(), &packet, MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
      return true;
    }
    UniqueFd descriptor;
    const cmsghdr* header = size > 0 ? CMSG_FIRSTHDR(&packet) : nullptr;
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(header), sizeof received);
      descriptor.reset(received);
    }
    const std::optional<ZygoteMessage> message =
        size > 0 ? decode_zygote_message({bytes.data(), static_cast<std::size_t>(size)})
                 : std::nullopt;
    if (!message) {
      return false;
    }
    take(*message, std::move(descriptor));
  }
}

void Zygote::State::take(const ZygoteMessage& message, UniqueFd descriptor) {
  if (const auto* told = std::get_if<ReadyMessage>(&message)) {
    ready = true;
    ready_error = told->error;
    if (told->layer >= 0 && told->layer < static_cast<int>(kLayerCount)) {
      failed_layer = static_cast<Layer>(told->layer);
      failed_why = told->error;
    }
    notify();
  } else if (const auto* spawned = std::get_if<SpawnedMessage>(&message)) {
    if (const auto call = calls.find(spawned->number); call != calls.end()) {
      if (spawned->pid < 0 || !descriptor) {
        call->second->lost(
            fmt::format("no process could be made for it: {}", std::strerror(spawned->error)));
      } else {
        call->second->spawned(spawned->pid, std::move(descriptor));
      }
    }
  } else if (const auto* exited = std::get_if<ExitedMessage>(&message)) {
    if (const auto call = calls.find(exited->number); call != calls.end()) {
      call->second->exited(*exited);
    }
  }
}

/// The zygote is gone or must go; its children die with it (PR_SET_PDEATHSIG).
void Zygote::State::died() {
  if (phase == Phase::kRunning) {
    log_error("a zygote ended; the next call starts another");
  }
  phase = Phase::kStopped;
  process.kill();
  boost::system::error_code ignored;
  control.close(ignored);
  if (steady_clock::now() - started >= kStableAfter) {
    backoff = std::chrono::milliseconds(0);
  }
  drop_ready();
  for (const auto& [number, call] : calls) {
    call->lost("the sandbox's interpreter ended while it ran");
  }
  notify();
}

void Zygote::State::notify() {
  changed.cancel();
}

// ---- Calls

Expected<void> Zygote::State::send_spawn(std::uint64_t number, RunningCall& call) {
  const ChildSetup& setup = call.setup();
  const std::string bytes = encode(SpawnMessage{.number = number,
                                                .task = setup.task,
                                                .address_space_bytes = setup.address_space_bytes,
                                                .file_bytes = setup.file_bytes,
                                                .cpu_s = setup.cpu_s,
                                                .open_files = setup.open_files,
                                                .tmp_bytes = setup.tmp_bytes,
                                                .tmp_entries = setup.tmp_entries,
                                                .tmp = call.tmp(),
                                                .workspace = call.workspace_grant(),
                                                .read_only = setup.read_only,
                                                .without = setup.without,
                                                .witness = setup.witness});
  const RunningCall::ChildEnds ends = call.take_child_ends();
  const std::array<int, 2> descriptors{ends.call_socket.get(), ends.output.get()};
  iovec data{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptors)> ancillary{};
  msghdr packet{};
  packet.msg_iov = &data;
  packet.msg_iovlen = 1;
  packet.msg_control = ancillary.data();
  packet.msg_controllen = ancillary.size();
  cmsghdr* header = CMSG_FIRSTHDR(&packet);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
  if (bytes.size() > kControlBytesMax) {
    return fail(ErrorCode::kInvalidArgument,
                "the paths of a call have {} bytes together; at most "
                "{} are allowed",
                bytes.size(), kControlBytesMax);
  }
  if (::sendmsg(control.native_handle(), &packet, MSG_NOSIGNAL) < 0) {
    return fail_errno("ask the zygote for a child");
  }
  return {};
}

/// Kills a zygote that does not fork when asked to. `timer` lives as long as the call.
void Zygote::State::expect_spawned(asio::steady_timer& timer, std::uint64_t number) {
  timer.expires_after(kSpawnPatience);
  timer.async_wait([weak = weak_from_this(), number](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) {
      return;
    }
    const auto call = self->calls.find(number);
    if (call != self->calls.end() && !call->second->is_spawned()) {
      log_error("a zygote hangs; it is killed");
      self->died();
    }
  });
}

Expected<std::uint64_t> Zygote::State::make_child(ChildSetup setup) {
  // A private file system needs no folder of ours.
  std::optional<ScratchDirectory> scratch;
  if (has(without, Layer::kPrivateTmp)) {
    scratch.emplace(TRY(ScratchDirectory::create(options.scratch, random)));
  }
  auto child = TRY(RunningCall::create(loop, std::move(setup), std::move(scratch)));
  const std::uint64_t number = next_number++;
  if (auto sent = send_spawn(number, *child); !sent) {
    died();
    return fail(ErrorCode::kUnavailable, "{}", sent.error().message);
  }
  calls.emplace(number, std::move(child));
  return number;
}

std::optional<std::uint64_t> Zygote::State::take_ready(const ChildSetup& setup) {
  if (setup != ready_setup) {
    return std::nullopt;
  }
  while (!ready_children.empty()) {
    const std::uint64_t number = ready_children.front();
    ready_children.pop_front();
    const auto child = calls.find(number);
    if (!child->second->is_gone() && steady_clock::now() - child->second->made_at() < kReadyFor) {
      return number;
    }
    child->second->kill(EndReason::kNone, "");
    calls.erase(child);
  }
  return std::nullopt;
}

void Zygote::State::fill_ready() {
  while (phase == Phase::kRunning && ready_children.size() < ready_wanted) {
    const auto number = make_child(ready_setup);
    if (!number) {
      log_warn("no child can be made ready: {}", number.error().message);
      return;
    }
    ready_children.push_back(*number);
  }
}

void Zygote::State::drop_ready() {
  for (const std::uint64_t number : ready_children) {
    calls.at(number)->kill(EndReason::kNone, "");
    calls.erase(number);
  }
  ready_children.clear();
}

/// When this returns the call runs.
Expected<std::shared_ptr<RunningCall>> Zygote::State::start_call(ChildSetup setup, ChildSpec spec,
                                                                 EventSink& sink) {
  auto number = take_ready(setup);
  if (!number) {
    number = TRY(make_child(std::move(setup)));
  }
  const std::shared_ptr<RunningCall> call = calls.at(*number);
  call->begin(std::move(spec), sink);
  asio::co_spawn(loop, clean_up(shared_from_this(), *number, call), asio::detached);
  return call;
}

Task<Expected<std::shared_ptr<RunningCall>>> Zygote::State::run_to_end(ChildSetup setup,
                                                                       ChildSpec spec,
                                                                       EventSink& sink) {
  auto call = start_call(std::move(setup), std::move(spec), sink);
  if (call) {
    co_await (*call)->wait_until_reaped();
  }
  co_return call;
}

/// Follows a child to its end, for which nobody who waits for the answer has to wait.
Task<> Zygote::State::clean_up(std::shared_ptr<State> self, std::uint64_t number,
                               std::shared_ptr<RunningCall> call) {
  asio::steady_timer patience(self->loop);
  self->expect_spawned(patience, number);
  co_await call->wait_until_reaped();
  self->fill_ready();  // Not before: its work would take turns with the call's.
  auto& left = call->scratch();
  if (left && !left->remove_if_empty()) {
    if (!self->cleaner) {
      self->cleaner.emplace(1);
    }
    co_await asio::co_spawn(*self->cleaner, remove_scratch(std::move(*left)), kAwait);
  }
  self->calls.erase(number);
  self->notify();
}

/// Where the zygote turns out to be dead before anything ran, another one gets the call.
Task<Expected<CallOutcome>> Zygote::State::run_child(ChildSetup setup, ChildSpec spec,
                                                     EventSink& sink) {
  constexpr int kAttempts = 2;
  for (int attempt = 1;; ++attempt) {
    if (auto running = co_await ensure_running(); !running) {
      co_return std::unexpected(std::move(running.error()));
    }
    auto call = start_call(setup, spec, sink);
    if (call) {
      co_await (*call)->wait();
      if ((*call)->setup().workspace) {
        co_await (*call)->wait_until_reaped();  // Until then it may write.
        co_await (*call)->check_workspace();
      }
      CallOutcome outcome = (*call)->outcome();
      name_want_of_memory(outcome);
      co_return outcome;
    }
    if (call.error().code != ErrorCode::kUnavailable || attempt == kAttempts) {
      co_return std::unexpected(std::move(call.error()));
    }
  }
}

// ---- The public class

Zygote::Zygote(std::shared_ptr<State> state) : state_(std::move(state)) {}

Zygote::~Zygote() {
  state_->phase = State::Phase::kStopped;  // an orderly end is not logged
  state_->died();
}

Task<Expected<std::unique_ptr<Zygote>>> Zygote::start(asio::io_context& loop,
                                                      ZygoteOptions options) {
  auto state = std::make_shared<State>(loop, std::move(options));
  if (auto prepared = state->prepare(); !prepared) {
    co_return std::unexpected(std::move(prepared.error()));
  }
  if (auto started = co_await state->start(); !started) {
    co_return std::unexpected(std::move(started.error()));
  }
  co_return std::unique_ptr<Zygote>(new Zygote(std::move(state)));
}

Task<Expected<CallOutcome>> Zygote::describe(Limits limits) {
  NoEvents sink;
  co_return co_await state_->run_child(setup_of(SpawnTask::kCall, limits),
                                       {.deadline = steady_clock::now() + limits.wall,
                                        .limits = limits,
                                        .request = R"("op":"describe")"},
                                       sink);
}

Task<Expected<CallOutcome>> Zygote::run(CallSpec spec, EventSink& sink) {
  if (spec.arguments.size() > kRequestBytesMax) {
    co_return fail(ErrorCode::kInvalidArgument, "arguments of {} bytes; at most {} are allowed",
                   spec.arguments.size(), kRequestBytesMax);
  }
  for (const auto& [number, call] : state_->calls) {
    if (call->spec().call_id == spec.call_id) {
      co_return fail(ErrorCode::kAlreadyExists, "a call of this id is running");
    }
  }
  ChildSpec child{.call_id = spec.call_id,
                  .deadline = spec.deadline,
                  .limits = spec.limits,
                  .request = call_request(spec),
                  .until_reaped = std::move(spec.until_reaped)};
  ChildSetup setup = setup_of(SpawnTask::kCall, spec.limits, spec.mounts);
  if (spec.workspace) {
    // That one cannot grow is Landlock's doing.
    if (spec.workspace->was_full() && has(state_->without, Layer::kLandlock)) {
      co_return CallOutcome{.reason = EndReason::kOutput,
                            .text = "its workspace holds more than it may"};
    }
    setup.file_bytes = std::max<std::uint64_t>(setup.file_bytes, spec.workspace->limits().bytes);
    setup.workspace = std::move(spec.workspace);
  }
  co_return co_await state_->run_child(std::move(setup), std::move(child), sink);
}

void Zygote::cancel(std::string_view call_id) {
  for (const auto& [number, call] : state_->calls) {
    if (!call_id.empty() && call->spec().call_id == call_id) {
      call->kill(EndReason::kKilled, "cancelled");
    }
  }
}

void Zygote::keep_ready(std::size_t count, const Limits& limits,
                        const std::map<std::string, std::filesystem::path>& mounts) {
  state_->drop_ready();
  state_->ready_wanted = count;
  state_->ready_setup = setup_of(SpawnTask::kCall, limits, mounts);
  state_->fill_ready();
}

Expected<void> Zygote::reply(std::string_view call_id, std::uint64_t number,
                             std::string_view payload) {
  for (const auto& [_, call] : state_->calls) {
    if (!call_id.empty() && call->spec().call_id == call_id) {
      return call->reply(number, payload)
                 ? Expected<void>{}
                 : fail(ErrorCode::kFailedPrecondition, "the call does not wait for that answer");
    }
  }
  return fail(ErrorCode::kNotFound, "no such call is in flight");
}

Task<> Zygote::wait_until_idle(steady_clock::time_point deadline) {
  const std::shared_ptr<State> state = state_;
  while (state->in_flight() > 0 && steady_clock::now() < deadline) {
    state->changed.expires_at(deadline);
    co_await state->changed.async_wait(kAwait);
  }
}

std::size_t Zygote::in_flight() const {
  return state_->in_flight();
}
std::size_t Zygote::ready_children() const {
  return state_->ready_children.size();
}
const Confinement& Zygote::confinement() const {
  return state_->confinement;
}
int Zygote::pid() const {
  return state_->process.pid();
}

}  // namespace mcpgate::sandboxd
