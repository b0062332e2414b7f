#pragma once

// The layers of a child's confinement, by name. Known to daemon and zygote alike.

#include <cstdint>
#include <optional>
#include <string_view>

namespace mcpgate::sandboxd {

/// What is taken away from a child, each by a means of its own, in order of time.
enum class Layer : std::uint8_t {
  // Put around the zygote by the daemon.
  kMemoryGroup,
  kTaskGroup,
  // Entered by the zygote once, but for the process ids, which are each call's own.
  kUserNamespace,
  kNetNamespace,
  kIpcNamespace,
  kUtsNamespace,
  kMountNamespace,
  kPidNamespace,
  // The steps of lock_down() in each child: later ones would forbid what earlier ones need.
  kParentDeath,
  kDescriptors,
  kPrivateTmp,
  kResourceLimits,
  kEnvironment,
  kCapabilities,
  kNoNewPrivileges,
  kNotDumpable,
  kLandlock,
  kSeccomp,
  // What later versions of Landlock stop besides files; parts of that step.
  kLandlockNet,
  kLandlockScope,
};
inline constexpr unsigned kLayerCount = 20;

/// `landlock`, `seccomp`, `userns`, …
[[nodiscard]] std::string_view layer_name(Layer layer);
[[nodiscard]] std::optional<Layer> parse_layer(std::string_view name);

/// A set of layers, as bits.
using LayerBits = std::uint32_t;
[[nodiscard]] constexpr LayerBits layer_bit(Layer layer) {
  return LayerBits{1} << static_cast<unsigned>(layer);
}
[[nodiscard]] constexpr bool has(LayerBits layers, Layer layer) {
  return (layers & layer_bit(layer)) != 0;
}
inline constexpr LayerBits kAllLayers = (LayerBits{1} << kLayerCount) - 1;

}  // namespace mcpgate::sandboxd
