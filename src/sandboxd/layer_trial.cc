#include "sandboxd/layer_trial.h"

#include <sys/wait.h>

#include "sandboxd/child_request.h"
#include "sandboxd/lockdown.h"
#include "sandboxd/verdict.h"

namespace mcpgate::sandboxd {
namespace {

using std::chrono::steady_clock;

/// Why a child could not be locked down, from its exit status and its words: `the sandbox could not
/// be locked: landlock: Function not implemented`.
std::optional<LayerFailure> layer_failure_of(int status, const std::string& text) {
  const int step = WIFEXITED(status) ? WEXITSTATUS(status) - kLockdownFailed : -1;
  if (step < 0 || step > static_cast<int>(Layer::kSeccomp)) {
    return std::nullopt;
  }
  std::string why = text.substr(text.rfind(':') + 1);
  why.erase(0, why.find_first_not_of(' '));
  return LayerFailure{.layer = static_cast<Layer>(step), .why = std::move(why)};
}

/// One child, which tries what belongs to it.
Task<Expected<void>> run_round(const SelfTest& test, ChildSetup setup, std::string& verdicts,
                               std::optional<LayerFailure>& failure) {
  Limits limits;
  limits.wall = std::chrono::seconds(60);
  auto call = co_await test.run_child(
      std::move(setup), {.deadline = steady_clock::now() + limits.wall, .limits = limits});
  if (!call) {
    co_return std::unexpected(std::move(call.error()));
  }
  const CallOutcome outcome = (*call)->outcome();
  if (outcome.reason == EndReason::kNone && merge_verdicts(verdicts, outcome.result)) {
    co_return Expected<void>{};
  }
  failure = layer_failure_of((*call)->wait_status(), outcome.text);
  co_return fail(ErrorCode::kFailedPrecondition, "profile {}: the self-test ended early: {}",
                 to_string(test.profile), outcome.text);
}

}  // namespace

Task<Expected<std::string>> run_self_test(SelfTest test, std::optional<LayerFailure>& failure) {
  const SharedMemoryWitness memory;
  Limits limits;
  limits.tmp_bytes = std::uint64_t{1} << 20;
  std::string verdicts;
  for (const LayerBits round : probe_rounds(kAllLayers & ~test.without)) {
    ChildSetup setup = setup_of(SpawnTask::kSelfTest, limits);
    setup.without = round;
    setup.witness = {.process = test.pid, .shared_memory = memory.id()};
    auto tried = co_await run_round(test, std::move(setup), verdicts, failure);
    if (!tried) {
      co_return std::unexpected(std::move(tried.error()));
    }
  }
  co_return verdicts;
}

Task<Expected<bool>> try_memory_group(SelfTest test, ControlGroup& group,
                                      std::uint64_t memory_bytes) {
  const std::uint64_t kills_before = group.kills();
  if (auto limited = group.set_memory_limit(group.used_bytes() + kMemoryTestBytes / 2); !limited) {
    co_return std::unexpected(std::move(limited.error()));
  }
  const Limits limits;
  auto call =
      co_await test.run_child(setup_of(SpawnTask::kMemoryTest, limits),
                              {.deadline = steady_clock::now() + limits.wall, .limits = limits});
  if (!call) {
    co_return std::unexpected(std::move(call.error()));
  }
  if (auto limited = group.set_memory_limit(memory_bytes); !limited) {
    co_return std::unexpected(std::move(limited.error()));
  }
  co_return group.kills() > kills_before;
}

Task<Expected<bool>> try_task_group(SelfTest test, ControlGroup& group, std::uint64_t tasks) {
  const std::uint64_t refused_before = group.refused_tasks();
  if (auto limited = group.set_task_limit(group.tasks() + kTaskTestThreads / 2); !limited) {
    co_return std::unexpected(std::move(limited.error()));
  }
  const Limits limits;
  auto call =
      co_await test.run_child(setup_of(SpawnTask::kTaskTest, limits),
                              {.deadline = steady_clock::now() + limits.wall, .limits = limits});
  if (!call) {
    co_return std::unexpected(std::move(call.error()));
  }
  if (auto limited = group.set_task_limit(tasks); !limited) {
    co_return std::unexpected(std::move(limited.error()));
  }
  co_return group.refused_tasks() > refused_before;
}

}  // namespace mcpgate::sandboxd
