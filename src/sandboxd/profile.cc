#include "sandboxd/profile.h"

#include <algorithm>

#include "json/write.h"

namespace mcpgate::sandboxd {
namespace {

constexpr LayerBits bits(std::initializer_list<Layer> layers) {
  LayerBits all = 0;
  for (const Layer layer : layers) {
    all |= layer_bit(layer);
  }
  return all;
}

/// What any Linux with Landlock gives to any process.
constexpr LayerBits kPodRequired =
    bits({Layer::kParentDeath, Layer::kDescriptors, Layer::kResourceLimits, Layer::kEnvironment,
          Layer::kCapabilities, Layer::kNoNewPrivileges, Layer::kNotDumpable, Layer::kLandlock,
          Layer::kSeccomp});
/// Limits for all calls together, which a pod has around it; second layers behind seccomp, from
/// Landlock ABI 4 and 6 on: RHEL 9 ends at 5.
constexpr LayerBits kPodOptional =
    bits({Layer::kMemoryGroup, Layer::kTaskGroup, Layer::kLandlockNet, Layer::kLandlockScope});

constexpr LayerBits kStrictRequired =
    kPodRequired |
    bits({Layer::kPrivateTmp, Layer::kUserNamespace, Layer::kNetNamespace, Layer::kIpcNamespace,
          Layer::kUtsNamespace, Layer::kMountNamespace, Layer::kPidNamespace});
/// Landlock's scopes have nothing left to stop there: no process and no abstract socket of others
/// can be named.
constexpr LayerBits kStrictOptional =
    bits({Layer::kMemoryGroup, Layer::kTaskGroup, Layer::kLandlockNet});

}  // namespace

std::string_view to_string(Profile profile) {
  switch (profile) {
    case Profile::kStrict:
      return "strict";
    case Profile::kPod:
      return "pod";
    case Profile::kDev:
      return "dev";
  }
  return "unknown";
}

std::optional<Profile> parse_profile(std::string_view name) {
  for (const Profile profile : {Profile::kStrict, Profile::kPod, Profile::kDev}) {
    if (to_string(profile) == name) {
      return profile;
    }
  }
  return std::nullopt;
}

LayerBits required_layers(Profile profile) {
  switch (profile) {
    case Profile::kStrict:
      return kStrictRequired;
    case Profile::kPod:
      return kPodRequired;
    case Profile::kDev:
      return 0;
  }
  return kAllLayers;
}

LayerBits demanded_layers(Profile profile) {
  switch (profile) {
    case Profile::kStrict:
    case Profile::kDev:
      return kStrictRequired | kStrictOptional;
    case Profile::kPod:
      return kPodRequired | kPodOptional;
  }
  return kAllLayers;
}

Demand demand(Profile profile, Layer layer) {
  return has(required_layers(profile), layer)   ? Demand::kRequired
         : has(demanded_layers(profile), layer) ? Demand::kOptional
                                                : Demand::kNone;
}

std::string_view to_string(Demand demand) {
  switch (demand) {
    case Demand::kNone:
      return "no";
    case Demand::kOptional:
      return "optional";
    case Demand::kRequired:
      return "required";
  }
  return "unknown";
}

void Confinement::is_for_server() {
  stdio = true;
  for (LayerReport& report : layers) {
    if (report.layer == Layer::kNotDumpable) {
      report = {
          .layer = report.layer,
          .wanted = Demand::kNone,
          .in_force = false,
          .proof = "ends where a program is executed; landlock and seccomp stop what it would"};
    }
  }
}

std::string Confinement::label() const {
  std::string label(to_string(profile));
  for (const LayerReport& report : layers) {
    // In dev nothing is required; what it has not is told by the strictest profile.
    const LayerBits named = required_layers(profile == Profile::kDev ? Profile::kStrict : profile);
    const bool lost = stdio && report.layer == Layer::kNotDumpable;
    if (has(named, report.layer) && !report.in_force && !lost) {
      label += '-';
      label += layer_name(report.layer);
    }
  }
  return label + (stdio ? "+stdio" : "");
}

const LayerReport* Confinement::first_gap() const {
  const auto gap = std::ranges::find_if(layers, [](const LayerReport& report) {
    return report.wanted == Demand::kRequired && !report.in_force;
  });
  return gap != layers.end() ? &*gap : nullptr;
}

void Confinement::write_members(json::Writer& writer) const {
  writer.field("profile", label()).key("layers").begin_array();
  for (const LayerReport& report : layers) {
    writer.begin_object().field("layer", layer_name(report.layer));
    writer.field("wanted", to_string(report.wanted)).field("inForce", report.in_force);
    writer.field("proof", report.proof).end_object();
  }
  writer.end_array();
}

}  // namespace mcpgate::sandboxd
