#pragma once

// What a locked child must not be able to do, tried by one: a layer counts as in force only when
// its attempts were stopped. Where two layers stop the same thing, the one in front is left out of
// the child that tries the one behind.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sandboxd/layer.h"

namespace mcpgate::sandboxd {

/// Things outside, made or named by the daemon, which a child must not reach.
struct Witness {
  /// A process of the same uid; not the first one of a pid namespace, whose number is inside too.
  std::int32_t process = -1;
  /// A segment of System V shared memory; -1: there is none, and nothing is proven by it.
  std::int32_t shared_memory = -1;

  friend bool operator==(const Witness&, const Witness&) = default;
};

/// One attempt of the self-test at what a layer forbids.
struct Probe {
  Layer layer;
  /// For people: `open /etc/passwd`.
  const char* attempt;
  /// Layers that would stop it too, and that are therefore left out of the child that tries it.
  LayerBits without;
  /// Tries it; whether it was stopped. Runs in a child after lock_down(). Null where it is the
  /// daemon that tries it.
  bool (*stopped)(const Witness& witness);
};

/// All probes.
[[nodiscard]] std::span<const Probe> probes();

/// The children that a self-test of these layers takes: what is left out of each.
[[nodiscard]] std::vector<LayerBits> probe_rounds(LayerBits layers);

/// What run_probes() says of a probe.
inline constexpr char kStopped = '1';
inline constexpr char kNotStopped = '0';
inline constexpr char kNotTried = '-';

/// Tries those of `layers` that belong to the child without `without`: one character for each probe
/// there is.
[[nodiscard]] std::string run_probes(LayerBits layers, LayerBits without, const Witness& witness);

}  // namespace mcpgate::sandboxd
