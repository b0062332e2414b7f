#include "sandbox/connection.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace mcpgate::sandbox {

namespace {

using std::chrono::milliseconds;

using Row = LimitRow<ConnectionLimits>;
using Bytes = Row::Bytes;
using Count = Row::Count;
using Time = Row::Time;

constexpr std::size_t kConnectionsMax = 16;
constexpr std::size_t kNameBytesMax = 64;
constexpr auto kTypes = std::to_array<std::string_view>({"postgresql"});

constexpr Row kRows[] = {
    {"rows", Count{[](ConnectionLimits& l) -> std::size_t& { return l.rows; }, 1, 100'000},
     "rows of one answer; it says `truncated` where there were more"},
    // The answer travels in one frame to the child, of at most 16Mi.
    {"bytes", Bytes{[](ConnectionLimits& l) -> std::size_t& { return l.bytes; }, kKi, 8 * kMi},
     "bytes of these rows as JSON, likewise"},
    {"time",
     Time{[](ConnectionLimits& l) -> milliseconds& { return l.time; }, milliseconds{10},
          std::chrono::hours{1}},
     "time of one query, connecting and planning included, and the wait for a free process; the "
     "call's own `limits.wall` goes on meanwhile"},
    {"cost",
     Count{[](ConnectionLimits& l) -> std::size_t& { return l.cost; }, 1, 1'000'000'000'000'000},
     "what the planner may expect a query to cost (EXPLAIN, in its own unit); one above it is not "
     "run"},
    {"processes", Count{[](ConnectionLimits& l) -> std::size_t& { return l.processes; }, 1, 64},
     "broker processes, each with one connection and one query at a time; further queries wait"},
};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

Connections read_connections(YamlMap map) {
  Connections connections;
  for (const auto& [name, node] : map.entries()) {
    if (!is_name(name)) {
      node.problem("a connection's name is 1 to 64 of a-z 0-9 _ -");
    }
    if (connections.size() == kConnectionsMax) {
      node.problem(fmt::format("more than {} connections", kConnectionsMax));
      break;
    }
    YamlMap connection = node.map();
    if (connection.node() && !connection.key("type")) {
      node.problem("type is missing: postgresql");
    }
    (void)connection.one_of("type", kTypes.front(), kTypes);
    ConnectionLimits limits;
    read_limit_rows<ConnectionLimits>(kRows, connection, limits);
    connection.reject_unknown();
    connections.emplace(name, limits);
  }
  return connections;
}

std::vector<LimitInfo> connection_limits() {
  return limit_infos<ConnectionLimits>(kRows, "connections.*");
}

}  // namespace mcpgate::sandbox
