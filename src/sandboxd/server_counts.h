#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "sandboxd/call.h"

namespace mcpgate::sandboxd {

/// The processes of a set's stdio server since the daemon's start, over all versions of the set;
/// those that list the tools included. Belongs to one loop.
struct ServerCounts {
  std::uint64_t started = 0;
  /// By EndReason; kNone of those that were told to end: idle, replaced, not wanted any more.
  std::array<std::uint64_t, static_cast<std::size_t>(EndReason::kCrashed) + 1> ended{};

  void count_end(EndReason reason) { ++ended[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] std::uint64_t living() const {
    return started - std::accumulate(ended.begin(), ended.end(), std::uint64_t{0});
  }
};

}  // namespace mcpgate::sandboxd
