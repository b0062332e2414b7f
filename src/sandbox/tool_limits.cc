#include "sandbox/tool_limits.h"

#include <algorithm>

namespace mcpgate::sandbox {

namespace {

using std::chrono::milliseconds;

using Row = LimitRow<ToolLimits>;
using Bytes = Row::Bytes;
using Count = Row::Count;
using Time = Row::Time;

constexpr milliseconds kHour = std::chrono::hours{1};
/// Native libraries and thread arenas reserve far more than they touch.
constexpr std::size_t kAddressSpacePerMemory = 4;

constexpr Row kRows[] = {
    // An interpreter with its preloads alone needs some 30 MiB; less than that could not start.
    {"memory", Bytes{[](ToolLimits& l) -> std::size_t& { return l.memory_bytes; }, 32 * kMi, kTi},
     "resident memory: ample for text work; a data-science set raises it. Above it the reason is "
     "`memory`"},
    {"addressSpace",
     Bytes{[](ToolLimits& l) -> std::size_t& { return l.address_space_bytes; }, 32 * kMi, 16 * kTi},
     "memory that may be reserved, touched or not: a backstop, at least `memory` and by default 4 "
     "times as much. Above it Python raises MemoryError; untaken, the reason is `memory`"},
    {"cpu",
     Time{[](ToolLimits& l) -> milliseconds& { return l.cpu; }, std::chrono::seconds{1}, kHour},
     "CPU time over all threads: below `wall`, so that spinning ends earlier "
     "than "
     "waiting. Above it the reason is `cpu`"},
    {"wall", Time{[](ToolLimits& l) -> milliseconds& { return l.wall; }, milliseconds{10}, kHour},
     "time from start to end; `@tool(timeout=…)` and the gateway's `limits.callTimeout` may be "
     "nearer. Above it the reason is `timeout`"},
    {"output", Bytes{[](ToolLimits& l) -> std::size_t& { return l.output_bytes; }, kKi, 64 * kMi},
     "all that a call returns, logs, reports and asks: as large as the gateway's largest body. "
     "Above it the reason is `output`"},
    {"tmp", Bytes{[](ToolLimits& l) -> std::size_t& { return l.tmp_bytes; }, 0, 64 * kGi},
     "bytes in the call's temporary directory, in one file or many, so that no call fills the "
     "disk. Above it the reason is `output`"},
    {"files", Count{[](ToolLimits& l) -> std::size_t& { return l.files; }, 1, 1'000'000},
     "files and directories there: a bound on what removing them costs. Above it the reason is "
     "`output`"},
    {"openFiles", Count{[](ToolLimits& l) -> std::size_t& { return l.open_files; }, 16, 65'536},
     "open descriptors, the four that it starts with included. Above it the tool gets an OSError, "
     "EMFILE"},
    {"threads", Count{[](ToolLimits& l) -> std::size_t& { return l.threads; }, 1, 32'768},
     "threads at once, the first included: more than a pool of workers needs. Above it the reason "
     "is `killed`"},
    {"inFlight", Count{[](ToolLimits& l) -> std::size_t& { return l.in_flight; }, 1, 1024, "cores"},
     "calls that run at once: above the number of cores each only gets slower. A tool's own counts "
     "within its set's, and is none by default"},
    {"queue", Count{[](ToolLimits& l) -> std::size_t& { return l.queue; }, 0, 10'000},
     "calls that wait for a place; the next is turned away with the time after which to try again"},
};

using DetachedRow = LimitRow<DetachedLimits>;

constexpr DetachedRow kDetachedRows[] = {
    {"calls",
     DetachedRow::Count{[](DetachedLimits& l) -> std::size_t& { return l.calls; }, 0, 100'000},
     "detached calls that are kept, running or ended; the next is turned away. `0`: none may be "
     "detached"},
    {"callsPerUser",
     DetachedRow::Count{[](DetachedLimits& l) -> std::size_t& { return l.calls_per_user; }, 1,
                        100'000},
     "of them, those of one user, so that nobody takes all the room"},
    {"bytes",
     DetachedRow::Bytes{[](DetachedLimits& l) -> std::size_t& { return l.bytes; }, 0, 64 * kGi},
     "what they said and answered, together; one that runs counts with twice its `limits.output`"},
    {"ttl",
     DetachedRow::Time{[](DetachedLimits& l) -> milliseconds& { return l.ttl; },
                       std::chrono::seconds{1}, 24 * kHour},
     "the longest that one is kept, from its acceptance on; what the gateway asks for is cut to "
     "it"},
};

using WorkspaceRow = LimitRow<WorkspaceLimits>;

constexpr WorkspaceRow kWorkspaceRows[] = {
    {"size",
     WorkspaceRow::Bytes{[](WorkspaceLimits& l) -> std::size_t& { return l.bytes; }, 64 * kKi, kTi},
     "bytes that a user may keep, so that no user fills the disk. Above it the reason is `output`"},
    {"files",
     WorkspaceRow::Count{[](WorkspaceLimits& l) -> std::size_t& { return l.files; }, 1, 100'000},
     "files and directories that a user may keep: they are counted before, during and after each "
     "call. Above it the reason is `output`"},
    {"expires",
     WorkspaceRow::Time{[](WorkspaceLimits& l) -> milliseconds& { return l.expires; },
                        std::chrono::minutes{1}, 87'600 * kHour},
     "time without a call of that user, after which the workspace is removed with all that is in "
     "it"},
    {"users",
     WorkspaceRow::Count{[](WorkspaceLimits& l) -> std::size_t& { return l.users; }, 1, 1'000'000},
     "workspaces that the set may have: with `size` a bound on the disk. A call of another user is "
     "refused until one expires"},
};

using RecycleRow = LimitRow<RecycleLimits>;

constexpr RecycleRow kRecycleRows[] = {
    {"calls",
     RecycleRow::Count{[](RecycleLimits& l) -> std::size_t& { return l.calls; }, 1, 100'000'000},
     "children that one interpreter forks: they share its hash seed and the layout of its memory"},
    {"age",
     RecycleRow::Time{[](RecycleLimits& l) -> milliseconds& { return l.age; },
                      std::chrono::seconds{1}, 24 * 30 * kHour},
     "how long it serves, where it served any call"},
};

/// Reads what the file says; `limits` holds what counts where it says nothing.
void read_rows(YamlMap& map, ToolLimits& limits) {
  read_limit_rows<ToolLimits>(kRows, map, limits);
  if (const YamlNode address_space = map.key("addressSpace"); !address_space) {
    limits.address_space_bytes =
        std::max(limits.address_space_bytes, kAddressSpacePerMemory * limits.memory_bytes);
  } else if (limits.address_space_bytes < limits.memory_bytes) {
    address_space.problem("less than memory");
  }
  map.reject_unknown();
}

}  // namespace

ToolLimits server_defaults() {
  return {.address_space_bytes = 64 * kGi, .open_files = 1024};
}

ToolLimits read_set_limits(YamlMap map, const ToolLimits& defaults) {
  ToolLimits limits = defaults;
  read_rows(map, limits);
  return limits;
}

ToolLimits read_tool_limits(YamlMap map, const ToolLimits& set) {
  ToolLimits limits = set;
  limits.in_flight = 0;
  read_rows(map, limits);
  // It would be a promise that the set breaks.
  if (set.in_flight != 0 && limits.in_flight > set.in_flight) {
    map.key("inFlight").problem(fmt::format("more than the set's {}", set.in_flight));
  }
  if (limits.queue > set.queue) {
    map.key("queue").problem(fmt::format("more than the set's {}", set.queue));
  }
  return limits;
}

DetachedLimits read_detached_limits(YamlMap map) {
  DetachedLimits limits;
  read_limit_rows<DetachedLimits>(kDetachedRows, map, limits);
  map.reject_unknown();
  return limits;
}

WorkspaceLimits read_workspace_limits(YamlMap map) {
  WorkspaceLimits limits;
  read_limit_rows<WorkspaceLimits>(kWorkspaceRows, map, limits);
  map.reject_unknown();
  return limits;
}

RecycleLimits read_recycle_limits(YamlMap map) {
  RecycleLimits limits;
  read_limit_rows<RecycleLimits>(kRecycleRows, map, limits);
  map.reject_unknown();
  return limits;
}

std::vector<LimitInfo> recycle_limits() {
  return limit_infos<RecycleLimits>(kRecycleRows, "recycle");
}

std::vector<LimitInfo> detached_limits() {
  return limit_infos<DetachedLimits>(kDetachedRows, "detached");
}

std::vector<LimitInfo> tool_limits() {
  return limit_infos<ToolLimits>(kRows);
}

std::vector<LimitInfo> workspace_limits() {
  return limit_infos<WorkspaceLimits>(kWorkspaceRows, "workspace");
}

}  // namespace mcpgate::sandbox
