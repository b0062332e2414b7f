#include "sandboxd/zygote.h"

#include <algorithm>
#include <deque>
#include <list>
#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "sandboxd/call_filter.h"
#include "sandboxd/child_request.h"
#include "sandboxd/control_group.h"
#include "sandboxd/layer_trial.h"
#include "sandboxd/lockdown.h"
#include "sandboxd/running_call.h"
#include "sandboxd/verdict.h"
#include "sandboxd/zygote_process.h"
#include "sandboxd/zygote_setup.h"

namespace mcpgate::sandboxd {
namespace {

using std::chrono::steady_clock;

/// To load the interpreter and compile a set, 0.1 s usually; more where the machine is busy, the
/// share of a processor small, or a large package imported from a slow disk.
constexpr std::chrono::seconds kLoadPatience{120};
/// Between starts that fail; doubles from the first to the second.
constexpr std::chrono::milliseconds kBackoffMin{100};
constexpr std::chrono::milliseconds kBackoffMax{10'000};
/// A zygote that lived this long did not fail at its start.
constexpr std::chrono::seconds kStableAfter{10};
/// Old processes that still have children; more of them would hold too much memory, so the one in
/// force serves beyond its time.
constexpr std::size_t kDrainingMax = 2;
/// A child that waited longer is not used: a data mount that was not there when it was locked down
/// is seen after a minute.
constexpr std::chrono::seconds kReadyFor{60};

/// On the cleaner's thread.
Task<> remove_scratch(ScratchDirectory scratch) {
  {
    const ScratchDirectory removed_here = std::move(scratch);
  }
  co_return;
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
  options.broker = prefix / "libexec" / "mcpgate-broker";
  options.harness = prefix / "share" / "mcpgate" / "harness";
  for (const auto& path :
       {options.executable, options.broker, options.harness / "mcpgate" / "__init__.py"}) {
    if (!std::filesystem::exists(path, error)) {
      return fail(ErrorCode::kNotFound, "{} is missing: the installation is incomplete",
                  path.string());
    }
  }
  return {};
}

struct Zygote::State : std::enable_shared_from_this<State> {
  using Calls = ZygoteProcess::Children;

  State(asio::io_context& io, ZygoteOptions zygote_options)
      : loop(io),
        options(std::move(zygote_options)),
        look_after_timer(io),
        changed(io),
        scratch_pool(options.scratch, random) {}

  [[nodiscard]] Expected<void> prepare();
  [[nodiscard]] std::shared_ptr<ControlGroup> make_group(Controller controller, Layer layer);
  Task<Expected<void>> start();
  Task<Expected<void>> start_once();
  Task<Expected<void>> test(std::shared_ptr<ZygoteProcess> candidate);
  Task<Expected<void>> try_groups(SelfTest self_test);
  /// False where the call was cancelled meanwhile.
  Task<Expected<bool>> ensure_running(std::string_view call_id);
  Task<Expected<void>> start_in_time();
  void gone(const ZygoteProcess* which);
  /// Its children that run go on; find() still finds them.
  void let_drain();
  void look_after_later();
  void look_after();
  [[nodiscard]] bool is_due() const;
  static Task<> renew(std::shared_ptr<State> self);
  void stop();
  void name_want_of_memory(CallOutcome& outcome);
  [[nodiscard]] bool may_miss(Layer layer) const;
  [[nodiscard]] Error refusal(Layer layer, std::string_view why) const;
  void report_gaps() const;
  Task<Expected<CallOutcome>> run_child(ChildSetup setup, ChildSpec spec, EventSink& sink);
  [[nodiscard]] Expected<std::shared_ptr<RunningCall>> start_call(
      const std::shared_ptr<ZygoteProcess>& in, ChildSetup setup, ChildSpec spec, EventSink& sink);
  static Task<> clean_up(std::shared_ptr<State> self, std::shared_ptr<ZygoteProcess> in,
                         std::uint64_t number);
  [[nodiscard]] std::size_t in_flight() const;
  static Task<Expected<std::shared_ptr<RunningCall>>> run_probe(std::shared_ptr<State> self,
                                                                std::shared_ptr<ZygoteProcess> in,
                                                                ChildSetup setup, ChildSpec spec);
  /// The number of a new child, asked for and not yet there.
  [[nodiscard]] Expected<std::uint64_t> make_child(ZygoteProcess& in, ChildSetup setup);
  /// The number of a child that waits, made as `setup` says; nothing where none does.
  [[nodiscard]] std::optional<std::uint64_t> take_ready(const ChildSetup& setup,
                                                        const ToolName& tool);
  void fill_ready();
  template <class Predicate>
  void drop_ready_if(Predicate is_dropped);
  void drop_useless_ready();
  void drop_ready();
  /// Null where it is not in flight.
  [[nodiscard]] RunningCall* find(std::string_view call_id) const;
  void cancel(std::string_view call_id);

  asio::io_context& loop;
  ZygoteOptions options;
  SystemRandom random;
  std::string filter;
  UniqueFd setup_file;
  /// Layers that are left out: not demanded, or missing here with leave.
  LayerBits without = 0;
  LayerGaps gaps;
  /// The layer that the latest start failed for; nothing: for something else.
  std::optional<LayerFailure> failure;
  /// Around the zygote; null where none can be had.
  ControlGroups groups;
  std::uint64_t group_kills = 0;
  /// What the latest trials of them showed.
  bool memory_group_holds = false;
  bool task_group_holds = false;
  /// After the first start, which decides what may be missing.
  bool settled = false;

  bool starting = false;
  bool is_stopped = false;
  /// A call that waits for a process.
  struct WaitingCall {
    std::string_view id;
    bool cancelled = false;
  };
  std::list<WaitingCall> waiting_calls;
  /// Null before the first start and after an end.
  std::shared_ptr<ZygoteProcess> process;
  /// Whether it has served a call beside those of its start.
  bool was_called = false;
  /// Those before it that still have children; the oldest first.
  std::deque<std::shared_ptr<ZygoteProcess>> draining;
  asio::steady_timer look_after_timer;
  Confinement confinement;
  steady_clock::time_point start_allowed;
  std::chrono::milliseconds backoff{0};
  /// Wakes whoever waits for a start, or for calls to be gone.
  asio::steady_timer changed;

  ScratchPool scratch_pool;
  /// Removes what calls left, so that the loop does not wait for a disk. Made when first needed.
  std::unique_ptr<asio::thread_pool> cleaner;

  /// Children of the process that wait for a call, the oldest first; what they are made as, and how
  /// many there should be.
  std::deque<std::uint64_t> ready_children;
  ChildSetup ready_setup;
  /// What the last call was of that a child kept ready could serve, and its limits.
  ToolName expected;
  Limits expected_limits;
  std::size_t ready_wanted = 0;
};

// ---- Start

/// What is the same for every start.
Expected<void> Zygote::State::prepare() {
  // Where nothing proves it, Landlock's scope is taken all the same.
  without = kAllLayers & ~demanded_layers(options.profile) & ~layer_bit(Layer::kLandlockScope);
  groups.memory = make_group(Controller::kMemory, Layer::kMemoryGroup);
  groups.tasks = make_group(Controller::kTasks, Layer::kTaskGroup);
  const auto program = build_call_filter(options.server ? FilterKind::kServer : FilterKind::kCall);
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

/// Null, and the layer left out, where there is none to be had.
std::shared_ptr<ControlGroup> Zygote::State::make_group(Controller controller, Layer layer) {
  const auto own = read_file("/proc/self/cgroup", std::size_t{64} << 10);
  const auto hierarchy = own ? find_hierarchy(controller, *own, "/sys/fs/cgroup")
                             : Expected<GroupHierarchy>(std::unexpected(own.error()));
  if (hierarchy && groups.memory && groups.memory->hierarchy() == *hierarchy) {
    return groups.memory;
  }
  auto made = hierarchy
                  ? ControlGroup::create(*hierarchy, random)
                  : Expected<std::shared_ptr<ControlGroup>>(std::unexpected(hierarchy.error()));
  if (!made) {
    gaps[layer] = made.error().message;
    without |= layer_bit(layer);
    return nullptr;
  }
  return *std::move(made);
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

Task<Expected<void>> Zygote::State::start_once() {
  if (!setup_file) {
    auto made = make_setup_file(options, filter, without);
    if (!made) {
      co_return std::unexpected(std::move(made.error()));
    }
    setup_file = *std::move(made);
  }
  auto started = ZygoteProcess::start(loop, options.executable, setup_file.get(), groups);
  if (!started) {
    co_return std::unexpected(std::move(started.error()));
  }
  const std::shared_ptr<ZygoteProcess> candidate = *std::move(started);
  auto result = co_await candidate->wait_loaded(kLoadPatience);
  if (result) {
    result = co_await test(candidate);
  } else {
    failure = candidate->layer_failure();
  }
  if (result && candidate->has_ended()) {
    result = fail(ErrorCode::kUnavailable, "the sandbox's interpreter ended at its start");
  }
  if (!result) {
    candidate->end();
    co_return result;
  }
  if (is_stopped) {
    candidate->end();
    co_return fail(ErrorCode::kUnavailable, "the zygote is not wanted any more");
  }
  if (process) {
    let_drain();
  }
  was_called = false;
  process = candidate;
  process->on_gone([weak = weak_from_this(), which = candidate.get()] {
    if (const auto self = weak.lock()) {
      self->gone(which);
    }
  });
  fill_ready();
  co_return result;
}

/// Without the layers that may be missing and cannot be had; else whole or not at all.
Task<Expected<void>> Zygote::State::start() {
  for (;;) {
    failure.reset();
    Expected<void> result = co_await start_once();
    if (result) {
      settled = true;
      if (options.gaps_are_logged) {
        report_gaps();
      }
      co_return result;
    }
    if (!failure || has(without, failure->layer)) {
      co_return result;
    }
    if (!may_miss(failure->layer)) {
      co_return std::unexpected(refusal(failure->layer, "it cannot be had here: " + failure->why));
    }
    gaps[failure->layer] = failure->why;
    without |= layer_bit(failure->layer);
    setup_file.reset();
  }
}

void Zygote::State::report_gaps() const {
  for (const LayerReport& report : confinement.layers) {
    const bool allowed = has(options.allow_missing, report.layer);
    if (!report.in_force && (allowed || options.profile == Profile::kDev)) {
      log_warn("profile {}: calls run WITHOUT the layer {}: {}", confinement.label(),
               layer_name(report.layer), report.proof);
    } else if (!report.in_force && report.wanted != Demand::kNone) {
      log_info("profile {}: the optional layer {} is not in force: {}", confinement.label(),
               layer_name(report.layer), report.proof);
    } else if (allowed) {
      log_info("--allow-missing {}: not needed, the layer holds here", layer_name(report.layer));
    }
  }
}

Task<Expected<void>> Zygote::State::try_groups(SelfTest self_test) {
  if (groups.memory) {
    const auto holds = co_await try_memory_group(self_test, *groups.memory, options.memory_bytes);
    if (!holds) {
      co_return std::unexpected(holds.error());
    }
    memory_group_holds = *holds;
    group_kills = groups.memory->kills();
  }
  if (groups.tasks) {
    const auto holds = co_await try_task_group(self_test, *groups.tasks, options.tasks);
    if (!holds) {
      co_return std::unexpected(holds.error());
    }
    task_group_holds = *holds;
  }
  co_return Expected<void>{};
}

Task<Expected<void>> Zygote::State::test(std::shared_ptr<ZygoteProcess> candidate) {
  const SelfTest self_test{
      .profile = options.profile,
      .without = without,
      .pid = candidate->pid(),
      .run_child = [self = shared_from_this(), candidate](ChildSetup setup, ChildSpec spec) {
        return run_probe(self, candidate, std::move(setup), std::move(spec));
      }};
  auto verdicts = co_await run_self_test(self_test, failure);
  if (!verdicts) {
    co_return std::unexpected(std::move(verdicts.error()));
  }
  // A limit that is tried hits every child in it.
  if (in_flight() == 0) {
    if (auto tried = co_await try_groups(self_test); !tried) {
      co_return tried;
    }
  }
  if (groups.memory) {
    set_verdict(*verdicts, Layer::kMemoryGroup, memory_group_holds);
  }
  if (groups.tasks) {
    set_verdict(*verdicts, Layer::kTaskGroup, task_group_holds);
  }
  Confinement found = judge(options.profile, gaps, *verdicts);
  for (const LayerReport& report : found.layers) {
    const bool known = settled && std::ranges::any_of(confinement.layers, [&](const auto& before) {
                         return before.layer == report.layer && !before.in_force;
                       });
    if (!report.in_force && !known && !may_miss(report.layer)) {
      co_return std::unexpected(refusal(report.layer, report.proof));
    }
  }
  if (options.server) {
    found.is_for_server();
  }
  confinement = std::move(found);
  co_return Expected<void>{};
}

/// Starts it again where it has died.
Task<Expected<bool>> Zygote::State::ensure_running(std::string_view call_id) {
  const auto waiting = waiting_calls.insert(waiting_calls.end(), {.id = call_id});
  while (!process && starting) {
    changed.expires_at(steady_clock::time_point::max());
    co_await changed.async_wait(kAwait);
  }
  Expected<void> started = process ? Expected<void>{} : co_await start_in_time();
  const bool wanted = !waiting->cancelled;
  waiting_calls.erase(waiting);
  if (!started) {
    co_return std::unexpected(std::move(started.error()));
  }
  co_return wanted;
}

/// One start at a time, and not too often.
Task<Expected<void>> Zygote::State::start_in_time() {
  if (steady_clock::now() < start_allowed) {
    co_return fail(ErrorCode::kUnavailable, "the sandbox's interpreter is being restarted");
  }
  starting = true;
  Expected<void> result = co_await start();
  starting = false;
  changed.cancel();
  if (!result) {
    backoff = std::clamp(backoff * 2, kBackoffMin, kBackoffMax);
    start_allowed = steady_clock::now() + backoff;
  }
  co_return result;
}

void Zygote::State::gone(const ZygoteProcess* which) {
  if (process.get() != which) {
    return;
  }
  if (process->has_ended()) {
    log_error("a zygote ended; the next call starts another");
  }
  if (steady_clock::now() - process->started() >= kStableAfter) {
    backoff = std::chrono::milliseconds(0);
  }
  drop_ready();
  draining.push_back(std::exchange(process, nullptr));
}

void Zygote::State::let_drain() {
  drop_ready();
  const auto old = std::exchange(process, nullptr);
  old->retire();
  draining.push_back(old);
}

/// An orderly end, which is not logged.
void Zygote::State::stop() {
  is_stopped = true;
  look_after_timer.cancel();
  if (process) {
    drop_ready();
    draining.push_back(std::exchange(process, nullptr));
  }
  for (const auto& old : std::exchange(draining, {})) {
    old->on_gone(nullptr);
    old->end();
  }
}

// ---- While it runs

bool Zygote::State::is_due() const {
  return process && was_called && !starting && draining.size() < kDrainingMax &&
         steady_clock::now() >= start_allowed &&
         (process->forked() >= options.recycle.calls ||
          steady_clock::now() - process->started() >= options.recycle.age);
}

/// The new one is ready before the old one forks no more: no call waits.
Task<> Zygote::State::renew(std::shared_ptr<State> self) {
  if (!self->is_due()) {
    co_return;
  }
  if (const auto renewed = co_await self->start_in_time(); !renewed && !self->is_stopped) {
    log_error("a zygote that has served its time goes on: {}", renewed.error().message);
  }
}

void Zygote::State::look_after() {
  if (process) {
    process->ping();
  }
  if (is_due()) {
    asio::co_spawn(loop, renew(shared_from_this()), asio::detached);
  }
}

void Zygote::State::look_after_later() {
  look_after_timer.expires_after(options.ping_interval);
  look_after_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && !self->is_stopped) {
      self->look_after();
      self->look_after_later();
    }
  });
}

/// A kill by the kernel is not told from others, but by its count.
void Zygote::State::name_want_of_memory(CallOutcome& outcome) {
  if (outcome.reason != EndReason::kKilled || !groups.memory) {
    return;
  }
  if (const std::uint64_t kills = groups.memory->kills(); kills > group_kills) {
    group_kills = kills;
    outcome.reason = EndReason::kMemory;
    outcome.text = fmt::format("with the calls beside it used more than {} bytes of memory",
                               options.memory_bytes);
  }
}

// ---- Calls

Expected<std::uint64_t> Zygote::State::make_child(ZygoteProcess& in, ChildSetup setup) {
  // A private file system needs no folder of ours.
  std::optional<ScratchDirectory> scratch;
  if (has(without, Layer::kPrivateTmp)) {
    scratch.emplace(TRY(scratch_pool.take()));
  }
  return in.make_child(std::move(setup), std::move(scratch));
}

/// One that has loaded this tool, else one that has loaded none.
std::optional<std::uint64_t> Zygote::State::take_ready(const ChildSetup& setup,
                                                       const ToolName& tool) {
  if (setup != ready_setup) {
    return std::nullopt;
  }
  drop_useless_ready();
  const auto find = [this](const ToolName& loaded) {
    return std::ranges::find(ready_children, loaded, [this](std::uint64_t number) {
      return process->children().at(number)->setup().expected;
    });
  };
  auto found = find(tool);
  if (found == ready_children.end()) {
    found = find({});
  }
  if (found == ready_children.end()) {
    return std::nullopt;
  }
  const std::uint64_t number = *found;
  ready_children.erase(found);
  return number;
}

/// As many as are wanted, of which one at least can serve the tool that was called last.
void Zygote::State::fill_ready() {
  drop_useless_ready();
  const auto can_serve = [this](std::uint64_t number) {
    const ToolName& loaded = process->children().at(number)->setup().expected;
    return loaded == expected || loaded == ToolName{};
  };
  if (!ready_children.empty() && ready_children.size() >= ready_wanted &&
      std::ranges::none_of(ready_children, can_serve)) {
    const RunningCall* oldest = process->children().at(ready_children.front()).get();
    drop_ready_if([oldest](const RunningCall& child) { return &child == oldest; });
  }
  while (process && ready_children.size() < ready_wanted) {
    ChildSetup setup = ready_setup;
    setup.expected = expected;
    const auto number = make_child(*process, std::move(setup));
    if (!number) {
      log_warn("no child can be made ready: {}", number.error().message);
      return;
    }
    if (expected != ToolName{}) {
      process->children().at(*number)->watch_while_waiting(expected_limits,
                                                           steady_clock::now() + kReadyFor);
    }
    ready_children.push_back(*number);
  }
}

template <class Predicate>
void Zygote::State::drop_ready_if(Predicate is_dropped) {
  std::erase_if(ready_children, [&](std::uint64_t number) {
    RunningCall& child = *process->children().at(number);
    if (!is_dropped(child)) {
      return false;
    }
    child.abandon();
    asio::co_spawn(loop, clean_up(shared_from_this(), process, number), asio::detached);
    return true;
  });
}

void Zygote::State::drop_useless_ready() {
  drop_ready_if([now = steady_clock::now()](const RunningCall& child) {
    return child.is_gone() || now - child.made_at() >= kReadyFor;
  });
}

void Zygote::State::drop_ready() {
  drop_ready_if([](const RunningCall&) { return true; });
}

/// When this returns the call runs.
Expected<std::shared_ptr<RunningCall>> Zygote::State::start_call(
    const std::shared_ptr<ZygoteProcess>& in, ChildSetup setup, ChildSpec spec, EventSink& sink) {
  auto number = in == process ? take_ready(setup, spec.tool) : std::nullopt;
  if (!number) {
    number = TRY(make_child(*in, std::move(setup)));
  }
  std::shared_ptr<RunningCall> call = in->children().at(*number);
  call->begin(std::move(spec), sink);
  asio::co_spawn(loop, clean_up(shared_from_this(), in, *number), asio::detached);
  return call;
}

/// Follows a child to its end, for which nobody who waits for the answer has to wait.
Task<> Zygote::State::clean_up(std::shared_ptr<State> self, std::shared_ptr<ZygoteProcess> in,
                               std::uint64_t number) {
  const std::shared_ptr<RunningCall> call = in->children().at(number);
  asio::steady_timer patience(self->loop);
  in->expect_spawned(patience, number);
  co_await call->wait();
  co_await asio::post(self->loop, kAwait);  // First the answer goes its way.
  call->kill(EndReason::kNone, "");
  co_await call->wait_until_reaped();
  self->fill_ready();  // Not before: its work would take turns with the call's.
  if (auto used = call->take_scratch()) {
    // Of a child that may still come or write, no other call gets the folder.
    auto left = call->is_reaped() ? self->scratch_pool.put(*std::move(used)) : std::move(used);
    if (left && !left->remove_if_empty()) {
      if (!self->cleaner) {
        self->cleaner = std::make_unique<asio::thread_pool>(1);
      }
      co_await asio::co_spawn(*self->cleaner, remove_scratch(*std::move(left)), kAwait);
    }
  }
  in->drop_child(number);
  std::erase_if(self->draining, [](const auto& old) { return old->children().empty(); });
  self->changed.cancel();
  if (self->is_due()) {
    asio::co_spawn(self->loop, renew(self), asio::detached);
  }
}

Task<Expected<std::shared_ptr<RunningCall>>> Zygote::State::run_probe(
    std::shared_ptr<State> self, std::shared_ptr<ZygoteProcess> in, ChildSetup setup,
    ChildSpec spec) {
  NoEvents sink;
  auto call = self->start_call(in, std::move(setup), std::move(spec), sink);
  if (call) {
    co_await (*call)->wait_until_reaped();
  }
  co_return call;
}

/// Where the zygote turns out to be dead before anything ran, another one gets the call.
Task<Expected<CallOutcome>> Zygote::State::run_child(ChildSetup setup, ChildSpec spec,
                                                     EventSink& sink) {
  constexpr int kAttempts = 2;
  for (int attempt = 1;; ++attempt) {
    if (!process) {
      auto wanted = co_await ensure_running(spec.call_id);
      if (!wanted) {
        co_return std::unexpected(std::move(wanted.error()));
      }
      if (!*wanted) {
        co_return CallOutcome{.reason = EndReason::kKilled, .text = "cancelled"};
      }
    }
    was_called = true;
    auto call = start_call(process, setup, spec, sink);
    if (call) {
      co_await (*call)->wait();
      if ((*call)->setup().workspace) {
        co_await (*call)->wait_until_reaped();  // Until then it may write.
        co_await (*call)->check_workspace();
      }
      CallOutcome outcome = (*call)->outcome();
      name_want_of_memory(outcome);
      if (outcome.reason == EndReason::kNone && spec.tool != ToolName{} && setup == ready_setup) {
        expected = spec.tool;
        expected_limits = spec.limits;
      }
      co_return outcome;
    }
    if (call.error().code != ErrorCode::kUnavailable || attempt == kAttempts) {
      co_return std::unexpected(std::move(call.error()));
    }
  }
}

void Zygote::State::cancel(std::string_view call_id) {
  if (RunningCall* call = find(call_id)) {
    call->kill(EndReason::kKilled, "cancelled");
  }
  for (WaitingCall& waiting : waiting_calls) {
    waiting.cancelled = waiting.cancelled || (!call_id.empty() && waiting.id == call_id);
  }
}

std::size_t Zygote::State::in_flight() const {
  std::size_t count = process ? process->children().size() - ready_children.size() : 0;
  for (const auto& old : draining) {
    count += old->children().size();
  }
  return count;
}

RunningCall* Zygote::State::find(std::string_view call_id) const {
  const auto find_in = [&](const ZygoteProcess& in) -> RunningCall* {
    const auto found = std::ranges::find_if(
        in.children(), [&](const auto& child) { return child.second->spec().call_id == call_id; });
    return found == in.children().end() ? nullptr : found->second.get();
  };
  if (call_id.empty()) {
    return nullptr;
  }
  RunningCall* found = process ? find_in(*process) : nullptr;
  for (auto old = draining.begin(); found == nullptr && old != draining.end(); ++old) {
    found = find_in(**old);
  }
  return found;
}

// ---- The public class

Zygote::Zygote(std::shared_ptr<State> state) : state_(std::move(state)) {}

Zygote::~Zygote() {
  state_->stop();
}

Task<Expected<std::unique_ptr<Zygote>>> Zygote::start(asio::io_context& loop,
                                                      ZygoteOptions options) {
  auto state = std::make_shared<State>(loop, std::move(options));
  if (auto prepared = state->prepare(); !prepared) {
    co_return std::unexpected(std::move(prepared.error()));
  }
  if (auto started = co_await state->ensure_running(""); !started) {
    co_return std::unexpected(std::move(started.error()));
  }
  state->look_after_later();
  co_return std::unique_ptr<Zygote>(new Zygote(std::move(state)));
}

Task<Expected<CallOutcome>> Zygote::describe(Limits limits) {
  NoEvents sink;
  const auto deadline = steady_clock::now() + limits.wall;
  auto outcome = co_await state_->run_child(
      setup_of(SpawnTask::kCall, limits),
      {.deadline = deadline, .limits = limits, .request = R"("op":"describe")"}, sink);
  co_await wait_until_idle(deadline);  // Who is told of a set that is wrong ends this zygote.
  co_return outcome;
}

Task<Expected<CallOutcome>> Zygote::run(CallSpec spec, EventSink& sink) {
  if (spec.arguments.size() > kRequestBytesMax) {
    co_return fail(ErrorCode::kInvalidArgument, "arguments of {} bytes; at most {} are allowed",
                   spec.arguments.size(), kRequestBytesMax);
  }
  if (state_->find(spec.call_id) != nullptr) {
    co_return fail(ErrorCode::kAlreadyExists, "a call of this id is running");
  }
  ChildSpec child{
      .call_id = spec.call_id,
      .deadline = spec.deadline,
      .limits = spec.limits,
      .request = call_request(spec),
      .tool = spec.kind == sandbox::ItemKind::kTool ? ToolName{spec.file, spec.tool} : ToolName{},
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

Task<Expected<CallOutcome>> Zygote::serve(Limits limits,
                                          std::map<std::string, std::filesystem::path> mounts,
                                          ServerPeer& peer) {
  constexpr std::chrono::hours kNoEnd{24 * 365};
  ChildSetup setup = setup_of(SpawnTask::kServer, limits, mounts);
  setup.cpu_s = static_cast<std::uint32_t>(std::chrono::seconds(kNoEnd).count());
  limits.wall = kNoEnd;
  NoEvents sink;
  co_return co_await state_->run_child(
      std::move(setup), {.deadline = steady_clock::now() + kNoEnd, .limits = limits, .peer = &peer},
      sink);
}

void Zygote::cancel(std::string_view call_id) {
  state_->cancel(call_id);
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
  RunningCall* call = state_->find(call_id);
  if (call == nullptr) {
    return fail(ErrorCode::kNotFound, "no such call is in flight");
  }
  return call->reply(number, payload)
             ? Expected<void>{}
             : fail(ErrorCode::kFailedPrecondition, "the call does not wait for that answer");
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
  return state_->process ? state_->process->pid() : -1;
}

}  // namespace mcpgate::sandboxd
