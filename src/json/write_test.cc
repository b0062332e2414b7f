#include "json/write.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace mcpgate::json {
namespace {

std::string string_of(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

TEST(AppendString, EscapesWhatMustBe) {
  EXPECT_EQ(string_of("a\"b\\c\n\t\b\f\r"), R"("a\"b\\c\n\t\b\f\r")");
  EXPECT_EQ(string_of(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(string_of("h\u00e9 \U0001F600"), "\"h\u00e9 \U0001F600\"");
}

TEST(AppendString, EscapesAtEachPosition) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string padding(size, 'x');
    EXPECT_EQ(string_of(padding + "\n" + padding), "\"" + padding + "\\n" + padding + "\"");
  }
}

TEST(AppendString, InvalidUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(string_of("a\xFFz"), "\"a\uFFFDz\"");
  EXPECT_EQ(string_of("\xE2\x82"), "\"\uFFFD\uFFFD\"");
  EXPECT_EQ(string_of("\xED\xA0\x80\""), "\"\uFFFD\uFFFD\uFFFD\\\"\"");
  EXPECT_EQ(string_of("\xC3\xA9\xC3"), "\"\u00e9\uFFFD\"");
}

// Any bytes whatever make a string that parses.
TEST(AppendString, IsAlwaysValid) {
  Parser parser(1 << 20);
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; second += 3) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), 'x'};
      EXPECT_TRUE(parser.parse(string_of(text))) << first << ' ' << second;
    }
  }
}

TEST(AppendNumber, NotFiniteIsNull) {
  std::string out;
  append_number(out, std::numeric_limits<double>::quiet_NaN());
  append_number(out, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(out, "nullnull");
}

TEST(Writer, MakesADocument) {
  std::string out;
  Writer(out)
      .begin_object()
      .field("jsonrpc", "2.0")
      .raw_field("id", "\"a\"")
      .key("result")
      .begin_object()
      .field("ok", true)
      .field("n", -3)
      .field("u", std::uint64_t{18446744073709551615ULL})
      .field("d", 0.5)
      .field("s", std::string("x"))
      .key("list")
      .begin_array()
      .value(1)
      .value("two")
      .null()
      .begin_array()
      .end_array()
      .end_array()
      .end_object()
      .end_object();
  EXPECT_EQ(out, R"({"jsonrpc":"2.0","id":"a","result":{"ok":true,"n":-3,"u":18446744073709551615,)"
                 R"("d":0.5,"s":"x","list":[1,"two",null,[]]}})");
}

TEST(Writer, PrettyHasOneMemberALine) {
  std::string out;
  Parser parser(1 << 20);
  append(out, *parser.parse(R"({"a":[1,{"b":null}],"c":{},"d":[]})"), Layout::kPretty);
  EXPECT_EQ(out,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": {},\n"
            "  \"d\": []\n}");
}

TEST(Append, KeepsValues) {
  Parser parser(1 << 20);
  std::string out;
  append(out, *parser.parse(R"([1.50,1e3,-0.001,"\u0041",true,false,null,-5,1e20])"));
  EXPECT_EQ(out, R"([1.5,1000.0,-0.001,"A",true,false,null,-5,100000000000000000000.0])");
}

}  // namespace
}  // namespace mcpgate::json
