#pragma once

// The daemon's own counters, as Prometheus text (exposition format 0.0.4). The gateway shows them
// again with a `tool_set` label. All labels are words of ours.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "sandbox/execute.h"
#include "sandbox/signature.h"
#include "sandboxd/catalogue.h"

namespace mcpgate::sandboxd {

/// What is read at the moment of the question.
struct DaemonGauges {
  std::size_t in_flight = 0;
  std::size_t waiting = 0;
  std::size_t ready_children = 0;
  /// Kept, running or ended; their bytes with what is reserved for those that run.
  std::size_t detached_calls = 0;
  std::uint64_t detached_bytes = 0;
  bool ready = false;
  Catalogue::Reloads reloads;
  ServerCounts servers;
};

/// Belongs to one loop.
class DaemonMetrics {
 public:
  void count_refusal(sandbox::Refusal refusal) { ++refusals_[static_cast<std::size_t>(refusal)]; }
  /// A verified request that was turned away before anything started, by its HTTP status.
  void count_turned_away(int status);
  /// A call that ended: by the tool's own word, or for a reason of the sandbox.
  void count_call(bool is_error, std::optional<sandbox::Reason> reason,
                  std::chrono::nanoseconds duration);
  /// Progress and log events that the reader was too slow for.
  void count_dropped_event() { ++events_dropped_; }

  [[nodiscard]] std::string write(const DaemonGauges& gauges) const;

 private:
  /// Seconds: from a fresh confined call to the longest wall limit that is usual.
  static constexpr std::array<double, 11> kBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                      0.1,   0.5,    1,     5,    30};
  static constexpr std::array<int, 7> kStatuses = {400, 404, 405, 409, 413, 429, 503};

  std::array<std::uint64_t, sandbox::kRefusals> refusals_{};
  std::array<std::uint64_t, kStatuses.size()> turned_away_{};
  std::uint64_t succeeded_ = 0;
  std::uint64_t tool_errors_ = 0;
  std::array<std::uint64_t, sandbox::kReasons> ended_{};
  std::array<std::uint64_t, kBuckets.size()> durations_{};  // Not cumulative; written so.
  std::uint64_t calls_ = 0;
  std::chrono::nanoseconds duration_sum_{0};
  std::uint64_t events_dropped_ = 0;
};

}  // namespace mcpgate::sandboxd
