#include "cli/tools_command.h"

#include <gtest/gtest.h>

namespace mcpgate::cli {
namespace {

TEST(ReadableResult, IsTheTextBlockByBlock) {
  EXPECT_EQ(readable_result(R"({"content":[{"type":"text","text":"one"},)"
                            R"({"type":"text","text":"two\nlines"}]})"),
            "one\ntwo\nlines");
  EXPECT_EQ(readable_result(R"({"content":[]})"), "");
}

TEST(ReadableResult, ShowsTheStructureOfJsonInText) {
  EXPECT_EQ(readable_result(R"({"content":[{"type":"text","text":"{\"a\":[1]}"}]})"),
            "{\n  \"a\": [\n    1\n  ]\n}");
  EXPECT_EQ(readable_result(R"({"content":[{"type":"text","text":"12"}]})"), "12");
}

TEST(ReadableResult, NamesWhatIsNoText) {
  EXPECT_EQ(readable_result(R"({"content":[{"type":"image","data":"AA==","mimeType":"image/png"},)"
                            R"({"type":"resource_link","uri":"file:///a","name":"a"}]})"),
            "[image image/png]\n[resource_link file:///a]");
}

// The server may be anybody's.
TEST(ReadableResult, SurvivesWhatIsNoResult) {
  for (const char* json :
       {"", "1", "{}", R"({"content":1})", "{\"content\":[{\"type\":\"text\"}]}"}) {
    EXPECT_EQ(readable_result(json), "") << json;
  }
  EXPECT_EQ(readable_result(R"({"content":[1,null,[],"x"]})"), "[ ]\n[ ]\n[ ]\n[ ]");
}

}  // namespace
}  // namespace mcpgate::cli
