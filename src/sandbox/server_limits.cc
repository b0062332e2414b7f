#include "sandbox/server_limits.h"

namespace mcpgate::sandbox {

namespace {

using std::chrono::milliseconds;

using Row = LimitRow<ServerLimits>;
using Count = Row::Count;
using Time = Row::Time;

constexpr milliseconds kDay = std::chrono::hours{24};

constexpr Row kRows[] = {
    {"processes", Count{[](ServerLimits& l) -> std::size_t& { return l.processes; }, 1, 1024},
     "users who have a process at once, each up to `limits.memory`; the next takes the place of "
     "who "
     "has called nothing for longest, or is turned away while all are called"},
    {"idle", Time{[](ServerLimits& l) -> milliseconds& { return l.idle; }, milliseconds{100}, kDay},
     "time without a call after which a process is ended, and what it remembers with it"},
    {"start",
     Time{[](ServerLimits& l) -> milliseconds& { return l.start; }, milliseconds{100},
          std::chrono::hours{1}},
     "time from its start to its answer to `initialize`; and all that listing its tools may take"},
    {"cancelGrace",
     Time{[](ServerLimits& l) -> milliseconds& { return l.cancel_grace; }, milliseconds{0},
          milliseconds{10'000}},
     "time to answer a request that was cancelled or is out of time; a process that does not is "
     "killed, so that nothing of the call goes on"},
};

}  // namespace

ServerLimits read_server_limits(YamlMap map) {
  ServerLimits limits;
  read_limit_rows<ServerLimits>(kRows, map, limits);
  map.reject_unknown();
  return limits;
}

std::vector<LimitInfo> server_limits() {
  return limit_infos<ServerLimits>(kRows, "server");
}

}  // namespace mcpgate::sandbox
