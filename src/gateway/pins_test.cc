#include "gateway/pins.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gateway/catalogue.h"
#include "gateway/gateway_test_support.h"

namespace mcpgate::gateway {
namespace {

using sandbox::ItemKind;

const std::string kDigest = "sha256:" + std::string(64, 'a');
const std::string kOther = "sha256:" + std::string(64, 'b');

Pin pin(std::string_view definition, const std::string& digest = kDigest) {
  return *make_pin(definition, digest);
}

/// What parse_pins() finds wrong with a file of the set `demo`.
std::string problem_of(std::string_view yaml) {
  const auto pins = parse_pins("pins.yaml", yaml, "demo");
  return pins ? "" : pins.error().message;
}

TEST(PinsTest, WhatIsWrittenIsReadAgain) {
  const Pins pins{
      {{ItemKind::kTool, "read"},
       pin(R"({"name":"read","description":"Liest Größen: \"quoted\", 'single' #no\n- list: x",)"
           R"("inputSchema":{"type":"object","properties":{"a":{"maximum":1e3}}}})")},
      {{ItemKind::kResource, "x://{a}\t: \"b\""}, pin(R"({"uri":"x://y"})")},
      {{ItemKind::kPrompt, "read"}, pin("{}", kOther)}};
  const std::string yaml = write_pins("demo", pins);
  const auto read = parse_pins("pins.yaml", yaml, "demo");
  ASSERT_TRUE(read) << read.error().message << yaml;
  EXPECT_EQ(*read, pins);
  EXPECT_NE(yaml.find("Größen"), std::string::npos);
}

// A full manifest's pins are larger than any other file of a configuration.
TEST(PinsTest, AThousandToolsAreReadAgain) {
  Pins pins;
  const std::string text(4000, 'x');
  for (std::size_t i = 0; i < sandbox::kManifestToolsMax; ++i) {
    pins.emplace(PinKey(ItemKind::kTool, fmt::format("tool-{}", i)),
                 pin(fmt::format(R"({{"description":"{}"}})", text)));
  }
  const auto read = parse_pins("pins.yaml", write_pins("demo", pins), "demo");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, pins);
}

// Whoever reviews the file must see what a model would read.
TEST(PinsTest, HiddenCharactersAreShown) {
  const std::string hidden = "a\u202eb\u200bc\U000e0041d\u0085e\u007ff\u2028g";
  const Pins pins{{{ItemKind::kTool, "t"}, pin("{\"title\":\"" + hidden + "\"}")}};
  const std::string yaml = write_pins("demo", pins);
  EXPECT_NE(yaml.find(R"(a\u202eb\u200bc\udb40\udc41d\u0085e\u007ff\u2028g)"), std::string::npos)
      << yaml;
  EXPECT_EQ(*parse_pins("pins.yaml", yaml, "demo"), pins);
}

TEST(PinsTest, AFileThatIsNotThereApprovesNothing) {
  const TempDirectory directory;
  const auto pins = load_pins(directory.path / "absent.yaml", "demo");
  ASSERT_TRUE(pins);
  EXPECT_TRUE(pins->empty());
  EXPECT_FALSE(load_pins(directory.path, "demo"));
}

TEST(PinsTest, WhatIsWrongIsSaidWithItsPlace) {
  const std::string head = "version: 1\ntoolSet: demo\n";
  EXPECT_EQ(problem_of(head), "");
  EXPECT_EQ(problem_of("version: 2\ntoolSet: demo\n"),
            "pins.yaml:1:10: version: only version 1 is known here");
  EXPECT_EQ(problem_of("version: 1\ntoolSet: other\n"),
            "pins.yaml:2:10: toolSet: these are the pins of another tool set than demo");
  EXPECT_EQ(problem_of(head + "tool: []\n"),
            "pins.yaml:3:1: tool: unknown key; did you mean tools?");
  const std::string entry = "tools:\n  - name: t\n    digest: " + kDigest + "\n";
  EXPECT_EQ(problem_of(head + entry + "    definition: '{}'\n"), "");
  EXPECT_EQ(problem_of(head + entry), "pins.yaml:4:5: tools[0]: definition is missing");
  EXPECT_EQ(problem_of(head + entry + "    definition: '[]'\n"),
            "pins.yaml:6:17: tools[0].definition: expected the JSON object that was approved: not "
            "an object");
  EXPECT_EQ(problem_of(head + "prompts:\n  - {name: p, digest: abc, definition: '{}'}\n"),
            "pins.yaml:4:23: prompts[0].digest: expected sha256: and 64 lower-case hex characters");
  const std::string twice = entry.substr(entry.find('\n') + 1) + "    definition: '{}'\n";
  EXPECT_EQ(problem_of(head + "tools:\n" + twice + twice),
            "pins.yaml:7:11: tools[1].name: this name is there twice");
  for (const std::string_view wrong :
       {"", "[]", "version: {}", "a: [", "tools: {}", "version: 1"}) {
    EXPECT_NE(problem_of(wrong), "") << wrong;
  }
}

TEST(PinsTest, DifferencesAreOfAKind) {
  const std::string base = R"({"name":"t","description":"D","inputSchema":{"type":"object"},)"
                           R"("annotations":{"title":"T","readOnlyHint":true}})";
  const Pin approved = pin(base);
  const auto changes = [&](std::string_view from, std::string_view to) {
    std::string changed = base;
    changed.replace(changed.find(from), from.size(), to);
    const Pin offered = pin(changed, kOther);
    EXPECT_EQ(changes_of(compare(&approved, &approved, false)), "");
    return changes_of(compare(&approved, &offered, true));
  };
  EXPECT_EQ(changes("\"D\"", "\"E\""), "wording");
  EXPECT_EQ(changes("\"T\"", "\"U\""), "wording");
  EXPECT_EQ(changes(R"({"type":"object"})", R"({"type":"object","required":["a"]})"), "schema");
  EXPECT_EQ(changes("true", "false"), "power");
  EXPECT_EQ(changes("\"title\":\"T\",", "\"openWorldHint\":true,"), "wording, power");
  EXPECT_EQ(changes("\"D\"", "\"D\",\"unheard\":1"), "power");
  const Pin other_code = pin(base, kOther);
  EXPECT_EQ(changes_of(compare(&approved, &other_code, false)), "code");
  EXPECT_EQ(changes_of(compare(nullptr, &approved, false)), "new");
  EXPECT_EQ(changes_of(compare(&approved, nullptr, false)), "gone");
  const Pin empty_hints = pin(R"({"annotations":{}})");
  const Pin no_hints = pin("{}");
  EXPECT_EQ(changes_of(compare(&empty_hints, &no_hints, true)), "code");
}

TEST(PinsTest, OnlyWhatIsApprovedIsServed) {
  const sandbox::Manifest manifest = demo_manifest();
  const sandbox::ManifestTool& read = manifest.tools.front();
  ToolSetView view{.name = "demo", .prefix = "d_", .pins = Pins()};
  view.pins->emplace(PinKey(ItemKind::kTool, read.name), pin(read.definition, read.digest));
  const auto set = compile_tools(view, manifest);
  ASSERT_EQ(set->tools.size(), 1U);
  EXPECT_EQ(set->tools.front().name, "d_read");
  ASSERT_EQ(set->unapproved.size(), 4U) << "one tool, two resources, one prompt";
  EXPECT_EQ(set->unapproved.front().name, "d_write");
  EXPECT_EQ(set->unapproved.front().changes, "new");
  EXPECT_EQ(set->withheld, 4U);
}

// A daemon says the digest itself: one that lies about it must not change what models read.
TEST(PinsTest, TheDigestAloneApprovesNothing) {
  const sandbox::Manifest manifest = demo_manifest();
  const sandbox::ManifestTool& read = manifest.tools.front();
  ToolSetView view{.name = "demo", .pins = Pins()};
  view.pins->emplace(PinKey(ItemKind::kTool, read.name), pin("{}", read.digest));
  EXPECT_TRUE(compile_tools(view, manifest)->tools.empty());
}

}  // namespace
}  // namespace mcpgate::gateway
