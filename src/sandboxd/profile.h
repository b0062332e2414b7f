#pragma once

// How much confinement is demanded, and what a self-test found of it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandboxd/layer.h"

namespace mcpgate::json {
class Writer;
}

namespace mcpgate::sandboxd {

/// kStrict has namespaces besides what kPod has; kPod is what an ordinary Kubernetes pod can do;
/// kDev serves with whatever this machine has, and says what is missing.
enum class Profile : std::uint8_t { kStrict, kPod, kDev };

[[nodiscard]] std::string_view to_string(Profile profile);
[[nodiscard]] std::optional<Profile> parse_profile(std::string_view name);

/// What a profile says of a layer: without a required one nothing is served; an optional one is
/// taken where it can be had.
enum class Demand : std::uint8_t { kNone, kOptional, kRequired };
[[nodiscard]] Demand demand(Profile profile, Layer layer);
[[nodiscard]] std::string_view to_string(Demand demand);
/// The layers that a profile demands, and those of them that it requires.
[[nodiscard]] LayerBits demanded_layers(Profile profile);
[[nodiscard]] LayerBits required_layers(Profile profile);

/// One layer of the confinement, as the attempts of the self-test showed it.
struct LayerReport {
  Layer layer = {};
  Demand wanted = Demand::kNone;
  bool in_force = false;
  /// For people. In force: `stopped: open /etc/passwd; list /`. Else what went wrong: `a child
  /// could list /`, `cannot be had here: Function not implemented`.
  std::string proof = {};
};

/// What holds here, layer by layer.
struct Confinement {
  Profile profile = Profile::kPod;
  std::vector<LayerReport> layers = {};
  /// Whether it is a stdio server's: then it has no `not-dumpable`.
  bool stdio = false;

  /// Says of a proven confinement what becomes of it in a child that executes a program.
  void is_for_server();
  /// The profile, and after it every layer that it should have and has not, and what it is for:
  /// `pod`, `pod-landlock`, `strict+stdio`. This stands in manifests, answers and audit records.
  [[nodiscard]] std::string label() const;
  /// The first required layer that is not in force; null where all are.
  [[nodiscard]] const LayerReport* first_gap() const;
  /// Writes the members `"profile","layers":[{"layer","wanted","inForce","proof"}]`.
  void write_members(json::Writer& writer) const;
};

}  // namespace mcpgate::sandboxd
