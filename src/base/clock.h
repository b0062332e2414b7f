#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mcpgate {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Time as an injected value, so that tests decide what it is.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  /// For what people and other machines read: records, expiry. May jump.
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  /// For durations and deadlines. Never goes back.
  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

/// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall_now() const override { return std::chrono::system_clock::now(); }
  [[nodiscard]] SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }
};

/// A clock that moves only when a test says so.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime{std::chrono::seconds{1'800'000'000}})
      : wall_(start) {}
  [[nodiscard]] WallTime wall_now() const override { return wall_; }
  [[nodiscard]] SteadyTime steady_now() const override { return steady_; }
  void advance(std::chrono::nanoseconds by) {
    wall_ += std::chrono::duration_cast<WallTime::duration>(by);
    steady_ += std::chrono::duration_cast<SteadyTime::duration>(by);
  }

 private:
  WallTime wall_;
  SteadyTime steady_{};
};

/// `2026-11-22T08:54:11.123Z`: RFC 3339 in UTC with milliseconds.
[[nodiscard]] std::string format_rfc3339(WallTime time);
/// Reads RFC 3339 with `Z` or an offset, with or without a fraction (kept to the microsecond); also
/// a bare date, `2027-02-20`, which is its first moment in UTC. Years 1970 to 2200, as far as
/// WallTime reaches. Nothing for anything else.
[[nodiscard]] std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace mcpgate
