// The files are those of the kernel's admin-guide: cgroup-v1/memory, cgroup-v1/pids and
// cgroup-v2.

#include "sandboxd/control_group.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <system_error>
#include <thread>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"

namespace mcpgate::sandboxd {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{64} << 10;
constexpr std::string_view kPrefix = "mcpgate-";
constexpr std::size_t kNameBytes = 8;
/// Names that are tried: a daemon that starts at the same moment may take one for abandoned.
constexpr int kMakeAttempts = 10;
/// How long the end of the last processes is waited for; it takes less than a millisecond usually.
constexpr int kRemoveAttempts = 100;
constexpr std::chrono::milliseconds kRemovePause{1};

Expected<void> write_value(const std::filesystem::path& file, std::string_view value) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return fail_errno("write " + file.string());
  }
  return {};
}

std::string read_text(const std::filesystem::path& file) {
  return read_file(file, kFileBytesMax).value_or("");
}

std::uint64_t number_at(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The number that follows a key in a file of events.
std::uint64_t event_count(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string_view::npos ? 0 : number_at(text.substr(at + key.size()));
}

/// The folder of a line `7:memory:/path` of /proc/self/cgroup; `controller` is empty for version 2.
std::string path_of(std::string_view own, std::string_view controller) {
  while (!own.empty()) {
    const std::string_view line = own.substr(0, own.find('\n'));
    own.remove_prefix(std::min(line.size() + 1, own.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second != std::string_view::npos &&
        line.substr(first + 1, second - first - 1) == controller) {
      return std::string(line.substr(second + 1));
    }
  }
  return {};
}

/// Locked by us, where nobody else has it: its owner is gone, or it is new.
UniqueFd lock_group(const std::filesystem::path& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd) : UniqueFd();
}

void remove_abandoned_groups(const std::filesystem::path& parent) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(parent, error)) {
    if (entry.path().filename().native().starts_with(kPrefix) && lock_group(entry.path())) {
      ::rmdir(entry.path().c_str());
    }
  }
}

}  // namespace

Expected<GroupHierarchy> find_hierarchy(Controller controller, std::string_view own,
                                        const std::filesystem::path& root) {
  const std::string_view name = controller == Controller::kMemory ? "memory" : "pids";
  std::error_code ignored;
  if (const std::string path = path_of(own, name); !path.empty()) {
    return GroupHierarchy{.folder = root / name / path.substr(1), .unified = false};
  }
  const std::string path = path_of(own, "");
  const std::filesystem::path folder = root / (path.empty() ? path : path.substr(1));
  if (path.empty() ||
      read_text(folder / "cgroup.subtree_control").find(name) == std::string::npos) {
    return fail(ErrorCode::kUnavailable, "no {} controller is delegated to this process", name);
  }
  return GroupHierarchy{.folder = folder, .unified = true};
}

Expected<std::shared_ptr<ControlGroup>> ControlGroup::create(const GroupHierarchy& hierarchy,
                                                             Random& random) {
  remove_abandoned_groups(hierarchy.folder);
  for (int attempt = 0; attempt < kMakeAttempts; ++attempt) {
    const std::filesystem::path folder =
        hierarchy.folder / (std::string(kPrefix) + random.hex(kNameBytes));
    if (::mkdir(folder.c_str(), 0755) != 0) {
      return fail_errno("make a control group");
    }
    // Before it was locked, another may have removed it as abandoned.
    UniqueFd lock = lock_group(folder);
    if (lock && ::access(folder.c_str(), F_OK) == 0) {
      return std::shared_ptr<ControlGroup>(new ControlGroup(hierarchy, folder, std::move(lock)));
    }
  }
  return fail(ErrorCode::kUnavailable, "make a control group that stays");
}

ControlGroup::~ControlGroup() {
  for (int attempt = 0; attempt < kRemoveAttempts; ++attempt) {
    if (::rmdir(folder_.c_str()) == 0 || errno != EBUSY) {
      return;
    }
    std::this_thread::sleep_for(kRemovePause);
  }
  log_warn("the control group {} is still in use", folder_.string());
}

Expected<void> ControlGroup::take_in(pid_t pid) {
  return write_value(folder_ / "cgroup.procs", std::to_string(pid));
}

Expected<void> ControlGroup::set_memory_limit(std::uint64_t bytes) {
  return write_value(folder_ / (hierarchy_.unified ? "memory.max" : "memory.limit_in_bytes"),
                     std::to_string(bytes));
}

std::uint64_t ControlGroup::used_bytes() const {
  return number_at(
      read_text(folder_ / (hierarchy_.unified ? "memory.current" : "memory.usage_in_bytes")));
}

std::uint64_t ControlGroup::kills() const {
  return event_count(
      read_text(folder_ / (hierarchy_.unified ? "memory.events" : "memory.oom_control")),
      "oom_kill ");
}

Expected<void> ControlGroup::set_task_limit(std::uint64_t tasks) {
  return write_value(folder_ / "pids.max", std::to_string(tasks));
}

std::uint64_t ControlGroup::tasks() const {
  return number_at(read_text(folder_ / "pids.current"));
}

std::uint64_t ControlGroup::refused_tasks() const {
  return event_count(read_text(folder_ / "pids.events"), "max ");
}

Expected<void> ControlGroups::take_in(pid_t pid) const {
  if (memory) {
    TRY_VOID(memory->take_in(pid));
  }
  if (tasks && tasks != memory) {
    TRY_VOID(tasks->take_in(pid));
  }
  return {};
}

}  // namespace mcpgate::sandboxd
