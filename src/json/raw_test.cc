#include "json/raw.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mcpgate::json {
namespace {

std::vector<std::string> members_of(std::string_view text) {
  Parser parser(1 << 20);
  std::vector<std::string> found;
  const auto root = parser.parse(text);
  for (const Member& member : Members(*as_object(*root), text)) {
    found.push_back(std::string(member.key) + "=" + std::string(member.raw));
  }
  return found;
}

using Strings = std::vector<std::string>;

TEST(Members, AreSlicedAsTheyWereSpelt) {
  EXPECT_EQ(members_of("{}"), Strings{});
  EXPECT_EQ(
      members_of(" {\n\"id\" : 1.0e2 ,\t\"a\":[ 1, {\"x\":\"]}\"} ] , \"s\":\"q\\\"}\\\\\"\r}\n"),
      (Strings{"id=1.0e2", "a=[ 1, {\"x\":\"]}\"} ]", "s=\"q\\\"}\\\\\""}));
  EXPECT_EQ(members_of(R"({"t":true,"f":false,"n":null,"e":{},"l":[]})"),
            (Strings{"t=true", "f=false", "n=null", "e={}", "l=[]"}));
}

TEST(Members, KeysAreDecoded) {
  EXPECT_EQ(members_of(R"({"na\u006de":1,"a\"b{":2,"":3})"), (Strings{"name=1", "a\"b{=2", "=3"}));
}

TEST(Members, DuplicatesAreBothThere) {
  EXPECT_EQ(members_of(R"({"a":1,"a":2})"), (Strings{"a=1", "a=2"}));
}

TEST(Members, TheLastEndsWithItsObject) {
  EXPECT_EQ(members_of("{\"a\":{\"b\":[{}]}}"), (Strings{"a={\"b\":[{}]}"}));
  EXPECT_EQ(members_of("{\"a\" : {\"b\":\"}\" } \n}\r\n "), (Strings{"a={\"b\":\"}\" }"}));
  EXPECT_EQ(members_of("{\"a\":\" \" }"), (Strings{"a=\" \""}));
  EXPECT_EQ(members_of("{\"b\":1,\"a\":-1\t}"), (Strings{"b=1", "a=-1"}));
}

// Brackets and quotes around the edges of the 16 bytes that are looked at together.
TEST(Members, LongStringsOfEachLength) {
  for (std::size_t size = 0; size < 70; ++size) {
    const std::string value = "\"" + std::string(size, 'x') + "\\\"}]\"";
    EXPECT_EQ(members_of("{\"a\":" + value + ",\"b\":[" + value + "]}"),
              (Strings{"a=" + value, "b=[" + value + "]"}));
  }
}

TEST(Members, OfASliceAreSlicesAgain) {
  const std::string text = R"({"params":{"name":"t","arguments":{"q":[1]}}})";
  Parser parser(1 << 20);
  const auto root = parser.parse(text);
  const auto params = find_member(*as_object(*root), text, "params");
  ASSERT_TRUE(params);
  const auto arguments = find_member(*as_object(params->value), params->raw, "arguments");
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->raw, R"({"q":[1]})");
  EXPECT_FALSE(find_member(*as_object(*root), text, "name"));
}

TEST(Items, AreSlicedAsTheyWereSpelt) {
  const std::string text = "[ 1 , \"a,]\",[ ],{\"x\":[2]} ]";
  Parser parser(1 << 20);
  Strings found;
  const auto root = parser.parse(text);
  for (const Item& item : Items(*as_array(*root), text)) {
    found.emplace_back(item.raw);
  }
  EXPECT_EQ(found, (Strings{"1", "\"a,]\"", "[ ]", "{\"x\":[2]}"}));
}

// The contract asks for validated text; whatever it gets, it stays inside and ends.
TEST(RawScanner, StaysWithinAnyText) {
  for (const std::string_view text :
       {"", "{", "[", "{\"", "{\"a", "{\"a\\", "{\"a\":", "{\"a\":[", "{\"a\":[\"", "{\"a\":[\"\\",
        "{\"a\":1", "}}}}", ",,,,", "{:}"}) {
    RawScanner scanner(text);
    for (int i = 0; i < 4; ++i) {
      for (const std::string_view part :
           {scanner.next_key(), scanner.next_value(), RawScanner(scanner).last_value()}) {
        EXPECT_TRUE(part.empty() || (part.data() >= text.data() &&
                                     part.data() + part.size() <= text.data() + text.size()));
      }
    }
  }
}

}  // namespace
}  // namespace mcpgate::json
