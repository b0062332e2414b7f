#pragma once

// The self-test of a zygote: children of it attempt what each layer must stop.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/task.h"
#include "sandboxd/control_group.h"
#include "sandboxd/layer.h"
#include "sandboxd/profile.h"
#include "sandboxd/running_call.h"
#include "sandboxd/zygote_process.h"

namespace mcpgate::sandboxd {

/// What it works with.
struct SelfTest {
  /// Runs a child of the zygote to its end.
  using RunChild =
      std::function<Task<Expected<std::shared_ptr<RunningCall>>>(ChildSetup setup, ChildSpec spec)>;

  Profile profile = Profile::kPod;
  /// Layers that are left out, and so not tried.
  LayerBits without = 0;
  /// The zygote's.
  int pid = -1;
  RunChild run_child;
};

/// The children's verdicts, for judge(). Where a child could not be locked down at all:
/// kFailedPrecondition, and `failure` names the layer if it is known.
[[nodiscard]] Task<Expected<std::string>> run_self_test(SelfTest test,
                                                        std::optional<LayerFailure>& failure);

/// Whether the kernel ends a child that takes more memory than `group` has left. No other child may
/// run meanwhile. Afterwards the limit is `memory_bytes`.
[[nodiscard]] Task<Expected<bool>> try_memory_group(SelfTest test, ControlGroup& group,
                                                    std::uint64_t memory_bytes);

/// The same of one that starts more threads than `group` has room for; afterwards that is `tasks`.
[[nodiscard]] Task<Expected<bool>> try_task_group(SelfTest test, ControlGroup& group,
                                                  std::uint64_t tasks);

}  // namespace mcpgate::sandboxd
