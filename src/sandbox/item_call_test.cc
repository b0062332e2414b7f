#include "sandbox/item_call.h"

#include <gtest/gtest.h>

namespace mcpgate::sandbox {
namespace {

using Check = Expected<void> (*)(json::Element);

bool passes(Check check, std::string_view text) {
  json::Parser parser(1 << 20);
  const auto element = parser.parse(text);
  EXPECT_TRUE(element) << text;
  return check(*element).has_value();
}

TEST(ItemCall, OrdersSayWhatIsAsked) {
  EXPECT_EQ(write_read_order("a://1\"", {{"id", "1"}}),
            R"({"read":{"uri":"a://1\"","variables":{"id":"1"}}})");
  EXPECT_EQ(write_get_order(R"({"a": "b"})"), R"({"get":{"a": "b"}})");
  EXPECT_EQ(write_complete_order("city", "Par", "{}"),
            R"({"complete":{"argument":"city","value":"Par","arguments":{}}})");
}

TEST(ItemCall, WhatMcpKnowsPasses) {
  EXPECT_TRUE(passes(&check_read_result, R"({"contents":[]})"));
  EXPECT_TRUE(
      passes(&check_read_result,
             R"({"contents":[{"uri":"a:b","mimeType":"x","text":""},{"uri":"c","blob":""}]})"));
  EXPECT_TRUE(passes(&check_get_result, R"({"description":"","messages":[
      {"role":"user","content":{"type":"text","text":"x"}}]})"));
  EXPECT_TRUE(passes(&check_complete_result, R"({"values":["a"],"total":1,"hasMore":false})"));
}

TEST(ItemCall, WhatMcpDoesNotKnowIsRefused) {
  for (const char* text :
       {"[]", "{}", R"({"contents":{}})", R"({"contents":[{}]})", R"({"contents":[{"uri":"a"}]})",
        R"({"contents":[{"uri":"a","text":"","blob":""}]})",
        R"({"contents":[{"uri":"a","text":"","text":""}]})", R"({"contents":[],"contents":[]})",
        R"({"contents":[],"resultType":"x"})", R"({"contents":[],"_meta":{}})"}) {
    EXPECT_FALSE(passes(&check_read_result, text)) << text;
  }
  for (const char* text :
       {"{}", R"({"messages":[1]})", R"({"messages":[{"role":"user"}]})",
        R"({"messages":[{"role":"system","content":{"type":"text","text":"x"}}]})",
        R"({"messages":[{"role":"user","content":{"type":"video"}}]})",
        R"({"messages":[{"role":"user","content":{"type":"text","text":"x"},"x":1}]})",
        R"({"messages":[],"description":1})", R"({"messages":[],"_meta":{}})"}) {
    EXPECT_FALSE(passes(&check_get_result, text)) << text;
  }
  std::string many = R"({"values":[)";
  for (std::size_t i = 0; i <= kCompletionValuesMax; ++i) {
    many += i == 0 ? R"("v")" : R"(,"v")";
  }
  for (const std::string& text :
       {std::string("{}"), many + "]}", std::string(R"({"values":[1]})"),
        std::string(R"({"values":[],"total":-1})"), std::string(R"({"values":[],"hasMore":1})")}) {
    EXPECT_FALSE(passes(&check_complete_result, text)) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace mcpgate::sandbox
