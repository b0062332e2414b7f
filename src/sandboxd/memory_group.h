#pragma once

// A control group around one zygote and its calls: what they use together, memory of temporary file
// systems included, stays below one limit. A group for each call would be nearer, but to move a
// process into one takes the kernel 5–20 ms on a quiet machine (it waits for every processor).

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/random.h"

namespace mcpgate::sandboxd {

/// Where groups can be made: the folder of this process's own group.
struct GroupHierarchy {
  std::filesystem::path folder = {};
  /// Version 2, with other names of files than version 1.
  bool unified = false;

  friend bool operator==(const GroupHierarchy&, const GroupHierarchy&) = default;
};

/// Finds the memory controller, of version 1 where that has it, else of version 2. `own` is what
/// /proc/self/cgroup says (cgroups(7)), `root` where the hierarchies are mounted: /sys/fs/cgroup.
[[nodiscard]] Expected<GroupHierarchy> find_memory_hierarchy(std::string_view own,
                                                             const std::filesystem::path& root);

/// Owned by the zygote's owner; the destructor removes the group once its processes are gone.
class MemoryGroup {
 public:
  /// Makes an empty group below this process's own and removes those that ended daemons have left:
  /// whose owner lives is told by a lock on the folder (flock(2)), as for ScratchRoot.
  /// kPermissionDenied or kUnavailable where there is no right to, as in an ordinary pod.
  [[nodiscard]] static Expected<std::unique_ptr<MemoryGroup>> create(
      const GroupHierarchy& hierarchy, Random& random);
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup();

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  /// The process and all that it forks from now on.
  [[nodiscard]] Expected<void> take_in(pid_t pid);
  [[nodiscard]] Expected<void> set_limit(std::uint64_t bytes);
  [[nodiscard]] std::uint64_t used_bytes() const;
  /// How many of its processes the kernel has killed for want of memory.
  [[nodiscard]] std::uint64_t kills() const;

 private:
  MemoryGroup(std::filesystem::path folder, bool unified, UniqueFd lock)
      : folder_(std::move(folder)), unified_(unified), lock_(std::move(lock)) {}
  std::filesystem::path folder_;
  bool unified_;
  UniqueFd lock_;
};

}  // namespace mcpgate::sandboxd
