// The one table of limits: it reads the file, and the reference page is compared with it.

#include <variant>

#include "cli/config.h"

namespace mcpgate::cli {
namespace {

using std::chrono::milliseconds;

/// A number of bytes or of things.
struct Bytes {
  std::size_t& (*of)(Limits&);
  std::uint64_t min, max;
};
struct Count {
  std::size_t& (*of)(Limits&);
  std::int64_t min, max;
};
struct Time {
  milliseconds& (*of)(Limits&);
  milliseconds min, max;
};

struct Row {
  std::string_view key;
  std::variant<Bytes, Count, Time> kind;
  std::string_view reason;
};

constexpr std::uint64_t kKi = 1024;
constexpr std::uint64_t kMi = kKi * 1024;
constexpr std::uint64_t kGi = kMi * 1024;

// Upper bounds keep a slip of the pen (4Gi for 4Mi) from disarming the limit.
const Row kRows[] = {
    {"head", Bytes{[](Limits& l) -> std::size_t& { return l.http.head_bytes_max; }, 8 * kKi, kMi},
     "request line and headers; above it 431"},
    {"headers", Count{[](Limits& l) -> std::size_t& { return l.http.headers_max; }, 16, 1024},
     "headers of one request; above it 431"},
    {"body", Bytes{[](Limits& l) -> std::size_t& { return l.http.body_bytes_max; }, kKi, 64 * kMi},
     "one request's body; above it 413"},
    {"buffered",
     Bytes{[](Limits& l) -> std::size_t& { return l.http.buffered_bytes_max; }, kMi, 64 * kGi},
     "request bytes that all connections of a loop hold together, so that many large bodies cannot "
     "exhaust memory; above it 503"},
    {"streamBuffer",
     Bytes{[](Limits& l) -> std::size_t& { return l.http.stream_buffer_bytes_max; }, 64 * kKi,
           64 * kMi},
     "bytes of one answer stream that wait for a slow reader, who is dropped above it"},
    {"connections",
     Count{[](Limits& l) -> std::size_t& { return l.http.connections_max; }, 16, 1'000'000},
     "open connections of a loop; at the limit the longest idle one makes room"},
    {"headTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.http.head_timeout; }, milliseconds(100),
          milliseconds(300'000)},
     "from a request's first byte to the end of its head, so that slow clients cannot hold "
     "connections; after it 408"},
    {"bodyTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.http.body_timeout; }, milliseconds(100),
          milliseconds(300'000)},
     "from the end of the head to the end of the body; after it 408"},
    {"idleTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.http.idle_timeout; }, milliseconds(1'000),
          milliseconds(3'600'000)},
     "a kept connection without a request; above the 60 s for which proxies usually keep theirs"},
    {"writeTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.http.write_timeout; }, milliseconds(100),
          milliseconds(300'000)},
     "for the client to take one answer, or one piece of a stream"},
    {"callsInFlight",
     Count{[](Limits& l) -> std::size_t& { return l.calls_in_flight_max; }, 1, 100'000},
     "tool calls of a loop at the same time; above it 503"},
    {"callTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.call_timeout; }, milliseconds(100),
          milliseconds(86'400'000)},
     "the longest that one call may take, whatever its tool set allows"},
    {"result", Bytes{[](Limits& l) -> std::size_t& { return l.result_bytes_max; }, kKi, 64 * kMi},
     "one answer of a sandbox"},
    {"drainTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.drain_timeout; }, milliseconds(0),
          milliseconds(3'600'000)},
     "for requests in flight after SIGTERM; Kubernetes kills after 30 s unless told otherwise"},
};

void read_row(YamlMap& map, const Row& row, Limits& limits) {
  if (const auto* bytes = std::get_if<Bytes>(&row.kind)) {
    std::size_t& value = bytes->of(limits);
    value = map.size(row.key, value, {.min = bytes->min, .max = bytes->max});
  } else if (const auto* count = std::get_if<Count>(&row.kind)) {
    std::size_t& value = count->of(limits);
    value = static_cast<std::size_t>(map.integer(row.key, static_cast<std::int64_t>(value),
                                                 {.min = count->min, .max = count->max}));
  } else if (const auto* time = std::get_if<Time>(&row.kind)) {
    milliseconds& value = time->of(limits);
    value = map.duration(row.key, value, {.min = time->min, .max = time->max});
  }
}

std::string default_of(const Row& row) {
  Limits limits;
  if (const auto* bytes = std::get_if<Bytes>(&row.kind)) {
    return format_size(bytes->of(limits));
  }
  if (const auto* count = std::get_if<Count>(&row.kind)) {
    return fmt::format("{}", count->of(limits));
  }
  return format_duration(std::get<Time>(row.kind).of(limits));
}

}  // namespace

Limits read_limits(YamlMap limits) {
  Limits read;
  for (const Row& row : kRows) {
    read_row(limits, row, read);
  }
  if (const YamlNode node = limits.find("resumeWindow")) {
    node.problem("not supported by this version");
  }
  limits.reject_unknown();
  return read;
}

std::vector<LimitInfo> config_limits() {
  std::vector<LimitInfo> all;
  for (const Row& row : kRows) {
    all.push_back({.key = fmt::format("limits.{}", row.key),
                   .default_value = default_of(row),
                   .reason = std::string(row.reason)});
  }
  return all;
}

}  // namespace mcpgate::cli
