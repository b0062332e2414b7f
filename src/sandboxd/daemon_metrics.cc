#include "sandboxd/daemon_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace mcpgate::sandboxd {

namespace {

void append_single(std::string& out, std::string_view name, std::string_view type,
                   std::string_view help, std::uint64_t value) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help,
                 type, value);
}

/// The processes of a stdio server.
void append_servers(std::string& out, const ServerCounts& servers) {
  append_single(out, "mcpgate_sandbox_servers", "gauge", "Processes of the stdio server that live.",
                servers.living());
  append_single(out, "mcpgate_sandbox_servers_started_total", "counter", "Those that were started.",
                servers.started);
  out +=
      "# HELP mcpgate_sandbox_servers_ended_total Those that ended: stopped when idle, or why.\n"
      "# TYPE mcpgate_sandbox_servers_ended_total counter\n";
  for (std::size_t i = 0; i < servers.ended.size(); ++i) {
    const auto reason = static_cast<EndReason>(i);
    fmt::format_to(std::back_inserter(out),
                   "mcpgate_sandbox_servers_ended_total{{reason=\"{}\"}} {}\n",
                   reason == EndReason::kNone ? "stopped" : to_string(reason), servers.ended[i]);
  }
}

}  // namespace

void DaemonMetrics::count_turned_away(int status) {
  const auto* const found = std::ranges::find(kStatuses, status);
  if (found != kStatuses.end()) {
    ++turned_away_[static_cast<std::size_t>(found - kStatuses.begin())];
  }
}

void DaemonMetrics::count_call(bool is_error, std::optional<sandbox::Reason> reason,
                               std::chrono::nanoseconds duration) {
  if (reason) {
    ++ended_[static_cast<std::size_t>(*reason)];
  } else {
    ++(is_error ? tool_errors_ : succeeded_);
  }
  ++calls_;
  duration_sum_ += duration;
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto* const bucket = std::ranges::lower_bound(kBuckets, seconds);
  if (bucket != kBuckets.end()) {
    ++durations_[static_cast<std::size_t>(bucket - kBuckets.begin())];
  }
}

std::string DaemonMetrics::write(const DaemonGauges& gauges) const {
  std::string out;
  const auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "# HELP mcpgate_sandbox_calls_total Calls that ended, by how.\n"
                 "# TYPE mcpgate_sandbox_calls_total counter\n"
                 "mcpgate_sandbox_calls_total{{outcome=\"success\"}} {}\n"
                 "mcpgate_sandbox_calls_total{{outcome=\"tool_error\"}} {}\n",
                 succeeded_, tool_errors_);
  for (std::size_t i = 0; i < ended_.size(); ++i) {
    fmt::format_to(to, "mcpgate_sandbox_calls_total{{outcome=\"{}\"}} {}\n",
                   sandbox::to_string(static_cast<sandbox::Reason>(i)), ended_[i]);
  }
  out +=
      "# HELP mcpgate_sandbox_refusals_total Requests refused by their signature.\n"
      "# TYPE mcpgate_sandbox_refusals_total counter\n";
  for (std::size_t i = 0; i < refusals_.size(); ++i) {
    fmt::format_to(to, "mcpgate_sandbox_refusals_total{{reason=\"{}\"}} {}\n",
                   sandbox::to_string(static_cast<sandbox::Refusal>(i)), refusals_[i]);
  }
  out +=
      "# HELP mcpgate_sandbox_turned_away_total Signed requests that started nothing.\n"
      "# TYPE mcpgate_sandbox_turned_away_total counter\n";
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    fmt::format_to(to, "mcpgate_sandbox_turned_away_total{{status=\"{}\"}} {}\n", kStatuses[i],
                   turned_away_[i]);
  }
  out +=
      "# HELP mcpgate_sandbox_call_duration_seconds From arrival to answer, waiting included.\n"
      "# TYPE mcpgate_sandbox_call_duration_seconds histogram\n";
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < kBuckets.size(); ++i) {
    cumulative += durations_[i];
    fmt::format_to(to, "mcpgate_sandbox_call_duration_seconds_bucket{{le=\"{}\"}} {}\n",
                   kBuckets[i], cumulative);
  }
  fmt::format_to(to,
                 "mcpgate_sandbox_call_duration_seconds_bucket{{le=\"+Inf\"}} {}\n"
                 "mcpgate_sandbox_call_duration_seconds_sum {}\n"
                 "mcpgate_sandbox_call_duration_seconds_count {}\n",
                 calls_, std::chrono::duration<double>(duration_sum_).count(), calls_);
  append_single(out, "mcpgate_sandbox_calls_in_flight", "gauge", "Calls that run now.",
                gauges.in_flight);
  append_single(out, "mcpgate_sandbox_calls_waiting", "gauge", "Calls that wait for a place.",
                gauges.waiting);
  append_single(out, "mcpgate_sandbox_ready_children", "gauge",
                "Children that wait, locked down, for a call.", gauges.ready_children);
  append_single(out, "mcpgate_sandbox_detached_calls", "gauge", "Detached calls that are kept.",
                gauges.detached_calls);
  append_single(out, "mcpgate_sandbox_detached_bytes", "gauge",
                "What those said, and room for what they will.", gauges.detached_bytes);
  append_single(out, "mcpgate_sandbox_ready", "gauge",
                "Whether a version of the tool set is served.", gauges.ready ? 1 : 0);
  append_single(out, "mcpgate_sandbox_events_dropped_total", "counter",
                "Progress and log events that the reader was too slow for.", events_dropped_);
  append_single(out, "mcpgate_sandbox_reloads_total", "counter", "Versions that came into force.",
                gauges.reloads.done);
  append_single(out, "mcpgate_sandbox_reload_failures_total", "counter",
                "Edits that are not served, since they do not load.", gauges.reloads.failed);
  append_servers(out, gauges.servers);
  return out;
}

}  // namespace mcpgate::sandboxd
