#include "sandboxd/profile.h"

#include <gtest/gtest.h>

#include "json/write.h"
#include "sandboxd/verdict.h"

namespace mcpgate::sandboxd {
namespace {

/// As a self-test in which every attempt of a layer was answered alike.
std::string verdicts(LayerBits stopped, LayerBits tried = kAllLayers) {
  std::string all;
  for (const Probe& probe : probes()) {
    all += !has(tried, probe.layer)    ? kNotTried
           : has(stopped, probe.layer) ? kStopped
                                       : kNotStopped;
  }
  return all;
}

TEST(Profile, NamesComeBack) {
  for (const Profile profile : {Profile::kStrict, Profile::kPod, Profile::kDev}) {
    EXPECT_EQ(parse_profile(to_string(profile)), profile);
  }
  EXPECT_FALSE(parse_profile("none"));
  for (unsigned number = 0; number < kLayerCount; ++number) {
    const auto layer = static_cast<Layer>(number);
    EXPECT_EQ(parse_layer(layer_name(layer)), layer);
  }
  EXPECT_FALSE(parse_layer(""));
}

TEST(Profile, StrictDemandsAllThatPodRequires) {
  const LayerBits pod = required_layers(Profile::kPod);
  EXPECT_EQ(required_layers(Profile::kStrict) & pod, pod);
  EXPECT_EQ(required_layers(Profile::kDev), 0U);
  EXPECT_EQ(demand(Profile::kPod, Layer::kNetNamespace), Demand::kNone);
  EXPECT_EQ(demand(Profile::kStrict, Layer::kNetNamespace), Demand::kRequired);
  EXPECT_EQ(demand(Profile::kDev, Layer::kNetNamespace), Demand::kOptional);
}

TEST(Profile, EveryDemandedLayerIsTriedBySomething) {
  for (const Profile profile : {Profile::kStrict, Profile::kPod, Profile::kDev}) {
    const Confinement found = judge(profile, {}, verdicts(kAllLayers));
    for (const LayerReport& report : found.layers) {
      EXPECT_TRUE(report.in_force) << layer_name(report.layer) << ": " << report.proof;
    }
    EXPECT_EQ(found.label(), to_string(profile));
    EXPECT_EQ(found.first_gap(), nullptr);
  }
}

TEST(Profile, AGapIsNamedInTheLabel) {
  const LayerBits all_but = kAllLayers & ~layer_bit(Layer::kSeccomp);
  const Confinement found =
      judge(Profile::kPod, {{Layer::kLandlock, "Function not implemented"}}, verdicts(all_but));
  EXPECT_EQ(found.label(), "pod-landlock-seccomp");
  ASSERT_NE(found.first_gap(), nullptr);
  EXPECT_EQ(found.first_gap()->layer, Layer::kLandlock);
  EXPECT_EQ(found.first_gap()->proof, "cannot be had here: Function not implemented");
}

TEST(Profile, AnOptionalGapIsNoneOfTheLabel) {
  const LayerBits old = kAllLayers & ~layer_bit(Layer::kLandlockScope);
  const Confinement found = judge(Profile::kPod, {}, verdicts(old));
  EXPECT_EQ(found.label(), "pod");
  EXPECT_EQ(found.first_gap(), nullptr);
  EXPECT_EQ(found.layers.back().proof, "a child could signal another process");
  EXPECT_EQ(
      judge(Profile::kDev, {}, verdicts(kAllLayers & ~layer_bit(Layer::kNetNamespace))).label(),
      "dev-netns");
}

TEST(Profile, WhatWasNotTriedIsNotInForce) {
  const Confinement found =
      judge(Profile::kPod, {}, verdicts(kAllLayers, kAllLayers & ~layer_bit(Layer::kSeccomp)));
  ASSERT_NE(found.first_gap(), nullptr);
  EXPECT_EQ(found.first_gap()->proof, "not tried: socket(AF_INET)");
  EXPECT_NE(judge(Profile::kPod, {}, verdicts(0)).first_gap(), nullptr);
}

TEST(Profile, RoundsMergeAndNothingElseDoes) {
  std::string all;
  EXPECT_TRUE(merge_verdicts(all, std::string(probes().size(), kNotTried)));
  EXPECT_TRUE(merge_verdicts(all, verdicts(kAllLayers, layer_bit(Layer::kSeccomp))));
  EXPECT_TRUE(merge_verdicts(all, verdicts(0, layer_bit(Layer::kLandlock))));
  EXPECT_EQ(all, verdicts(layer_bit(Layer::kSeccomp),
                          layer_bit(Layer::kSeccomp) | layer_bit(Layer::kLandlock)));
  EXPECT_FALSE(merge_verdicts(all, ""));
  EXPECT_FALSE(merge_verdicts(all, std::string(probes().size(), 'x')));
  EXPECT_FALSE(merge_verdicts(all, all + kStopped));
}

TEST(Profile, IsWrittenAsJson) {
  std::string json;
  json::Writer writer(json);
  writer.begin_object();
  Confinement{.profile = Profile::kPod,
              .layers = {{.layer = Layer::kLandlock,
                          .wanted = Demand::kRequired,
                          .in_force = false,
                          .proof = "a child could list /"}}}
      .write_members(writer);
  writer.end_object();
  EXPECT_EQ(json, R"({"profile":"pod-landlock","layers":[{"layer":"landlock","wanted":"required",)"
                  R"("inForce":false,"proof":"a child could list /"}]})");
}

}  // namespace
}  // namespace mcpgate::sandboxd
