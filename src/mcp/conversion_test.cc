// The same tool and the same result, as each revision takes them.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "mcp/legacy.h"
#include "mcp/modern.h"
#include "mcp/server_info.h"

namespace mcpgate::mcp {
namespace {

class ConversionTest : public testing::Test {
 protected:
  std::string legacy_result(std::string_view text, Revision revision = kNewestLegacy) {
    return legacy::call_tool_result(*json::as_object(*parser_.parse(text)), text, revision);
  }
  std::string modern_result(std::string_view text) {
    return modern::call_tool_result(*json::as_object(*parser_.parse(text)), text);
  }

  json::Parser parser_{1 << 16};
};

const std::string kServerMeta =
    R"("io.modelcontextprotocol/serverInfo":)" + std::string(kServerInfo);

TEST_F(ConversionTest, LegacyPassesWhatItKnowsByteForByte) {
  for (const std::string_view text :
       {R"({"content":[]})",
        R"({ "content" : [ {"type":"text","text":"\u0061"} ], "isError":true })",
        R"({"content":[],"structuredContent":{"a":1.0}})",
        R"({"content":[],"_meta":{"io.mcpgate/reason":"timeout"},"isError":true})"}) {
    for (const Revision revision :
         {Revision::k20250326, Revision::k20250618, Revision::k20251125}) {
      EXPECT_EQ(legacy_result(text, revision), text);
    }
  }
}

TEST_F(ConversionTest, LegacyStructuredContentIsAnObject) {
  for (const std::string_view value : {"[1]", "1", "null", R"("s")", "true"}) {
    EXPECT_EQ(legacy_result(R"({"content":[ 1.0 ],"structuredContent":)" + std::string(value) +
                            R"(,"isError":false})"),
              R"({"content":[ 1.0 ],"isError":false})")
        << value;
  }
}

TEST_F(ConversionTest, TheOldestRevisionKnowsNoResourceLinks) {
  const std::string_view text =
      R"({"content":[{"type":"text","text":"\u0061"},)"
      R"({"type":"resource_link","uri":"file:///a","name":"a","title":"The \"a\""},)"
      R"({"type":"resource_link","uri":"file:///b","name":"b"},)"
      R"({"type":"resource_link","uri":"file:///c"}],"structuredContent":[1],"isError":false})";
  EXPECT_EQ(legacy_result(text, Revision::k20250326),
            R"({"content":[{"type":"text","text":"\u0061"},)"
            R"({"type":"text","text":"The \"a\": file:///a"},)"
            R"({"type":"text","text":"b: file:///b"},)"
            R"({"type":"text","text":"file:///c"}],"isError":false})");
  EXPECT_TRUE(legacy_result(text, Revision::k20250618).contains("resource_link"));
}

TEST_F(ConversionTest, LegacyOutputSchemasAreOfObjects) {
  const std::string_view object =
      R"({"name":"t","inputSchema":{"type":"object"},"outputSchema":{"type":"object"}})";
  EXPECT_EQ(legacy::tool_definition(object, parser_), object);
  const std::string_view none = R"({"name":"t","inputSchema":{"type":"object"}})";
  EXPECT_EQ(legacy::tool_definition(none, parser_), none);
  for (const std::string_view schema :
       {R"({"type":"array"})", "{}", R"({"type":["object","null"]})", R"({"$ref":"#/$defs/a"})"}) {
    EXPECT_EQ(
        legacy::tool_definition(
            R"({"name":"t","outputSchema":)" + std::string(schema) +
                R"(,"inputSchema":{"type":"object"},"annotations":{ "readOnlyHint" : true }})",
            parser_),
        R"({"name":"t","inputSchema":{"type":"object"},"annotations":{ "readOnlyHint" : true }})")
        << schema;
  }
}

TEST_F(ConversionTest, InitializeEchoesAVersionThatItKnows) {
  const auto version = [](std::string_view requested) {
    const std::string result = legacy::initialize_result(requested);
    return result.substr(0, result.find(','));
  };
  EXPECT_EQ(version("2025-03-26"), R"({"protocolVersion":"2025-03-26")");
  EXPECT_EQ(version("2025-06-18"), R"({"protocolVersion":"2025-06-18")");
  // Never a modern one, and no echo of what a client made up.
  for (const std::string_view other : {"2025-11-25", "2026-07-28", "2024-11-05", "", "\"},x"}) {
    EXPECT_EQ(version(other), R"({"protocolVersion":"2025-11-25")") << other;
  }
}

TEST_F(ConversionTest, LegacyListsHaveNoMembersOfTheModernEra) {
  EXPECT_EQ(legacy::list_result(List::Kind::kTools, {}, ""), R"({"tools":[]})");
  EXPECT_EQ(legacy::list_result(List::Kind::kTools, {R"({"a": 1})", "{}"}, ""),
            R"({"tools":[{"a": 1},{}]})");
}

TEST_F(ConversionTest, ModernResultsSayThatTheyAreComplete) {
  EXPECT_EQ(modern_result(R"({"content":[ 1.0 ],"structuredContent":[1]})"),
            R"({"resultType":"complete","content":[ 1.0 ],"structuredContent":[1],"_meta":{)" +
                kServerMeta + "}}");
}

TEST_F(ConversionTest, ModernMetaIsMergedWithTheResultsOwn) {
  EXPECT_EQ(
      modern_result(
          R"({"_meta":{"io.mcpgate/reason":"timeout", "a\n":[1]},"content":[],"isError":true})"),
      R"({"resultType":"complete","content":[],"isError":true,)"
      R"("_meta":{"io.mcpgate/reason":"timeout","a\n":[1],)" +
          kServerMeta + "}}");
  EXPECT_EQ(modern_result(R"({"content":[],"_meta":{}})"),
            R"({"resultType":"complete","content":[],"_meta":{)" + kServerMeta + "}}");
}

// A tool must not speak for the gateway, nor make its answer unreadable by a key that stands twice.
TEST_F(ConversionTest, AToolsOwnServerInfoGivesWayToOurs) {
  const std::string result = modern_result(
      R"({"content":[],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"evil"},"b":1}})");
  EXPECT_EQ(result,
            R"({"resultType":"complete","content":[],"_meta":{"b":1,)" + kServerMeta + "}}");
}

TEST_F(ConversionTest, ModernListsArePrivateAndMayBeKept) {
  EXPECT_EQ(modern::list_result(List::Kind::kTools, {"{}"}, ""),
            R"({"resultType":"complete","tools":[{}],"ttlMs":5000,"cacheScope":"private",)"
            R"("_meta":{)" +
                kServerMeta + "}}");
}

TEST_F(ConversionTest, DiscoverNamesVersionsAndCapabilities) {
  const std::string result = modern::discover_result();
  const auto object = json::as_object(*parser_.parse(result));
  ASSERT_TRUE(object);
  EXPECT_EQ(json::string_at(*object, "resultType"), "complete");
  EXPECT_EQ(json::string_at(*object, "cacheScope"), "public");
  EXPECT_GT(json::int_at(*object, "ttlMs"), 0);
  const auto versions = json::array_at(*object, "supportedVersions");
  ASSERT_TRUE(versions);
  ASSERT_EQ(versions->size(), 1U);
  EXPECT_EQ(json::as_string(versions->at(0)), "2026-07-28");
  EXPECT_TRUE(json::object_at(*json::object_at(*object, "capabilities"), "tools"));
}

}  // namespace
}  // namespace mcpgate::mcp
