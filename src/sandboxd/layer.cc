#include "sandboxd/layer.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace mcpgate::sandboxd {
namespace {

/// In the order of the enumeration.
constexpr auto kNames = std::to_array<std::string_view>({
    "cgroup",       "pids",     "userns",      "netns",        "ipcns",
    "utsns",        "mntns",    "pidns",       "parent-death", "descriptors",
    "tmpfs",        "rlimits",  "environment", "capabilities", "no-new-privs",
    "not-dumpable", "landlock", "seccomp",     "landlock-net", "landlock-scope",
});
static_assert(kNames.size() == kLayerCount);

}  // namespace

std::string_view layer_name(Layer layer) {
  return kNames[static_cast<std::size_t>(layer)];
}

std::optional<Layer> parse_layer(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<Layer>(std::distance(kNames.begin(), found));
}

}  // namespace mcpgate::sandboxd
