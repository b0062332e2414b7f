#pragma once

// What a locked child must not be able to do, tried by one: a layer counts as in force only when an
// attempt was stopped. Each row of the table names the layer that answers it.

#include <cstdint>
#include <span>

namespace mcpgate::sandboxd {

/// One attempt of the self-test at what a layer forbids.
struct Probe {
  /// As layer_name() spells it.
  const char* layer;
  /// For people: `open /etc/passwd`.
  const char* attempt;
  /// Tries it; whether it was stopped. Runs in a child after lock_down().
  bool (*stopped)();
};

/// All probes; fewer than 64.
[[nodiscard]] std::span<const Probe> probes();

/// Tries all of them: bit i is set where probe i was stopped.
[[nodiscard]] std::uint64_t run_probes();

}  // namespace mcpgate::sandboxd
