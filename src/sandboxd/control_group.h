#pragma once

// Control groups around one zygote and its calls: what they use together, memory (that of temporary
// file systems included) and tasks, stays below one limit each. A group for each call would be
// nearer, but to move a process into one takes the kernel 5–20 ms on a quiet machine (it waits for
// every processor).

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/random.h"

namespace mcpgate::sandboxd {

/// What a group can limit. A thread is a task.
enum class Controller : std::uint8_t { kMemory, kTasks };

/// Where groups can be made: the folder of this process's own group.
struct GroupHierarchy {
  std::filesystem::path folder = {};
  /// Version 2, with other names of files than version 1.
  bool unified = false;

  friend bool operator==(const GroupHierarchy&, const GroupHierarchy&) = default;
};

/// Finds the controller, of version 1 where that has it, else of version 2. `own` is what
/// /proc/self/cgroup says (cgroups(7)), `root` where the hierarchies are mounted: /sys/fs/cgroup.
[[nodiscard]] Expected<GroupHierarchy> find_hierarchy(Controller controller, std::string_view own,
                                                      const std::filesystem::path& root);

/// Owned by the zygote's owner; the destructor removes the group once its processes are gone.
class ControlGroup {
 public:
  /// Makes an empty group below this process's own and removes those that ended daemons have left:
  /// whose owner lives is told by a lock on the folder (flock(2)), as for ScratchRoot.
  /// kPermissionDenied or kUnavailable where there is no right to, as in an ordinary pod.
  [[nodiscard]] static Expected<std::shared_ptr<ControlGroup>> create(
      const GroupHierarchy& hierarchy, Random& random);
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  ~ControlGroup();

  [[nodiscard]] const GroupHierarchy& hierarchy() const { return hierarchy_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  /// The process and all that it forks from now on.
  [[nodiscard]] Expected<void> take_in(pid_t pid);

  // Of a group in a hierarchy that has the memory controller.
  [[nodiscard]] Expected<void> set_memory_limit(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t used_bytes() const;
  /// How many of its processes the kernel has killed for want of memory.
  [[nodiscard]] std::uint64_t kills() const;

  // Of a group in one that has the tasks controller.
  [[nodiscard]] Expected<void> set_task_limit(std::uint64_t tasks);
  [[nodiscard]] std::uint64_t tasks() const;
  /// How many tasks the kernel has refused to start.
  [[nodiscard]] std::uint64_t refused_tasks() const;

 private:
  ControlGroup(GroupHierarchy hierarchy, std::filesystem::path folder, UniqueFd lock)
      : hierarchy_(std::move(hierarchy)), folder_(std::move(folder)), lock_(std::move(lock)) {}
  GroupHierarchy hierarchy_;
  std::filesystem::path folder_;
  UniqueFd lock_;
};

/// Those around one zygote: in version 2 the same one. Null where none can be had.
struct ControlGroups {
  std::shared_ptr<ControlGroup> memory = {};
  std::shared_ptr<ControlGroup> tasks = {};

  [[nodiscard]] Expected<void> take_in(pid_t pid) const;
};

}  // namespace mcpgate::sandboxd
