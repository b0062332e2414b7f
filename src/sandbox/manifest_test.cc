#include "sandbox/manifest.h"

#include <gtest/gtest.h>

namespace mcpgate::sandbox {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string tool_json(std::string_view members) {
  return R"({"name":"t","inputSchema":{"type":"object"})" + std::string(members) + "}";
}

std::string manifest_json(std::string_view tools, std::string_view more = "") {
  return R"({"toolSet":"s","description":"d","digest":")" + kDigest +
         R"(","profile":"pod","instance":"i","tools":[)" + std::string(tools) + "]" +
         std::string(more) + "}";
}

TEST(Manifest, WhatIsWrittenIsReadBack) {
  Manifest manifest;
  manifest.tool_set = "log-analysis";
  manifest.description = "Reads \"logs\"";
  manifest.profile = "strict";
  manifest.instance = "00ff";
  auto tool = parse_tool_definition(
      R"({"annotations":{"readOnlyHint":true},"name":"log_store","title":"Logs","description":"é",
          "execution":{"taskSupport":"optional","x":1},
          "outputSchema":{"type":"object"},"inputSchema":{"type":"object", "properties":{}}})");
  ASSERT_TRUE(tool.has_value()) << tool.error().message;
  tool->digest = kDigest;
  manifest.tools.push_back(*tool);
  manifest.digest = manifest_digest(manifest);
  manifest.updates = {{0, 1}, {255, 7'000'000'000}};
  EXPECT_EQ(manifest_digest(manifest), manifest.digest);

  const auto read = parse_manifest(write_manifest(manifest));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->tool_set, manifest.tool_set);
  EXPECT_EQ(read->description, manifest.description);
  EXPECT_EQ(read->digest, manifest.digest);
  EXPECT_EQ(read->updates, manifest.updates);
  EXPECT_EQ(read->profile, "strict");
  EXPECT_EQ(read->instance, "00ff");
  ASSERT_EQ(read->tools.size(), 1U);
  EXPECT_EQ(read->tools[0].definition,
            R"({"name":"log_store","title":"Logs","description":"é",)"
            R"("inputSchema":{"type":"object","properties":{}},"outputSchema":{"type":"object"},)"
            R"("execution":{"taskSupport":"optional"},)"
            R"("annotations":{"readOnlyHint":true}})");
  EXPECT_EQ(read->tools[0].input_schema, R"({"type":"object","properties":{}})");
  EXPECT_EQ(read->tools[0].output_schema, R"({"type":"object"})");
  EXPECT_TRUE(read->tools[0].read_only);
  EXPECT_EQ(read->tools[0].task_support, TaskSupport::kOptional);
  EXPECT_EQ(read->tools[0].digest, kDigest);
  EXPECT_EQ(manifest_digest(*read), manifest.digest);
}

// Unknown members come from a newer daemon; they are dropped, so that nothing unchecked is spliced
// into tools/list.
TEST(Manifest, UnknownMembersAreDropped) {
  const auto read = parse_manifest(
      manifest_json(tool_json(R"(,"digest":")" + kDigest + R"(","x":1)"), R"(,"y":2)"));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->tools[0].definition, R"({"name":"t","inputSchema":{"type":"object"}})");
}

TEST(Manifest, HostileDocumentsAreRefusedWithTheMember) {
  const std::string digest = R"(,"digest":")" + kDigest + "\"";
  const std::string good = tool_json(digest);
  ASSERT_TRUE(parse_manifest(manifest_json(good)).has_value());
  std::string many = good;
  for (int i = 0; i < 1000; ++i) {
    many += R"(,{"name":"t)" + std::to_string(i) + R"(","inputSchema":{"type":"object"})" + digest +
            "}";
  }
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "manifest"},
      {"[]", "object"},
      {"{}", "toolSet"},
      {manifest_json(good).substr(0, 60), "manifest"},
      {manifest_json(good, R"(,"tools":[])"), "duplicate"},
      {manifest_json(good + "," + good), "another one"},
      {manifest_json("1"), "tools[0]"},
      {manifest_json(R"({"name":"a b","inputSchema":{"type":"object"}})"), "name"},
      {manifest_json(R"({"name":"","inputSchema":{"type":"object"}})"), "name"},
      {manifest_json(R"({"name":")" + std::string(129, 'a') + R"(","inputSchema":{}})"), "name"},
      {manifest_json(R"({"name":"t","inputSchema":{"type":"string"}})"), "inputSchema"},
      {manifest_json(R"({"name":"t","inputSchema":[]})"), "inputSchema"},
      {manifest_json(tool_json("")), "digest"},
      {manifest_json(tool_json(R"(,"digest":"sha256:A")")), "digest"},
      {manifest_json(tool_json(R"(,"title":1)")), "title"},
      {manifest_json(tool_json(R"(,"annotations":[])")), "annotations"},
      {manifest_json(tool_json(R"(,"outputSchema":true)")), "outputSchema"},
      {manifest_json(tool_json(R"(,"execution":{"taskSupport":"maybe"})")), "taskSupport"},
      {manifest_json(tool_json(R"(,"execution":{"taskSupport":true})")), "taskSupport"},
      {manifest_json(tool_json(R"(,"description":")" + std::string(70'000, 'x') + "\"")),
       "description"},
      {manifest_json(good, R"(,"resources":{})"), "resources"},
      {manifest_json(good, R"(,"prompts":[1])"), "prompts"},
      {manifest_json(good, R"(,"updates":[])"), "updates"},
      {manifest_json(good, R"(,"updates":{"256":1})"), "updates"},
      {manifest_json(good, R"(,"updates":{"":1})"), "updates"},
      {manifest_json(good, R"(,"updates":{"1x":1})"), "updates"},
      {manifest_json(good, R"(,"updates":{"1":-1})"), "updates"},
      {manifest_json(good, R"(,"updates":{"1":"1"})"), "updates"},
      {manifest_json(good, R"(,"updates":{"1":1,"1":2})"), "duplicate"},
      {manifest_json(many), "more than"},
      {manifest_json(std::string(10'000, '[')), "manifest"},
      {std::string(kManifestBytesMax + 1, ' '), "manifest"},
  };
  for (const auto& [json, word] : cases) {
    const auto read = parse_manifest(json);
    ASSERT_FALSE(read.has_value()) << json.substr(0, 200);
    EXPECT_NE(read.error().message.find(word), std::string::npos)
        << json.substr(0, 200) << " → " << read.error().message;
    EXPECT_LT(read.error().message.size(), 300U);
  }
  std::string no_instance = manifest_json(good);
  no_instance.replace(no_instance.find(R"("i")"), 3, R"("i\n")");
  EXPECT_FALSE(parse_manifest(no_instance).has_value());
}

TEST(ToolDigest, IsTheHashOfTheCanonicalForm) {
  // Made by Python's hashlib over the canonical text.
  const auto digest = tool_digest(R"({"name":"t","inputSchema":{"type":"object"}})",
                                  {{"a.py", "00"}, {"b/c.py", "11"}}, "");
  ASSERT_TRUE(digest.has_value());
  EXPECT_EQ(*digest, "sha256:277d2c39dd2f03cb316ccf1b0f94eafe6768a82eb39f0ec4558af5ab74b58db6");
}

TEST(ToolDigest, SameDataSameDigestWhateverTheSpelling) {
  const auto digest_of = [](std::string_view definition, const FileDigests& files,
                            std::string_view requirements = "") {
    return tool_digest(definition, files, requirements).value_or("none");
  };
  const std::string one = digest_of(R"({"a":1,"b":"é"})", {{"x", "0"}});
  EXPECT_TRUE(is_digest(one));
  EXPECT_EQ(one, digest_of(R"({ "b" : "\u00e9", "a" : 1.0 })", {{"x", "0"}}));
  EXPECT_NE(one, digest_of(R"({"a":1,"b":"e"})", {{"x", "0"}}));
  EXPECT_NE(one, digest_of(R"({"a":1,"b":"é"})", {{"x", "1"}}));
  EXPECT_NE(one, digest_of(R"({"a":1,"b":"é"})", {{"y", "0"}}));
  EXPECT_NE(one, digest_of(R"({"a":1,"b":"é"})", {{"x", "0"}}, "numpy"));
}

TEST(ManifestDigest, IgnoresWhoServesAndSeesWhatIsServed) {
  Manifest manifest{.tool_set = "s", .profile = "pod", .instance = "1"};
  const std::string digest = manifest_digest(manifest);
  manifest.instance = "2";
  manifest.profile = "strict";
  EXPECT_EQ(manifest_digest(manifest), digest);
  manifest.description = "x";
  EXPECT_NE(manifest_digest(manifest), digest);
}

}  // namespace
}  // namespace mcpgate::sandbox
