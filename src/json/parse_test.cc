#include "json/parse.h"

#include <gtest/gtest.h>

#include <string>

namespace mcpgate::json {
namespace {

constexpr std::size_t kBytesMax = std::size_t{1} << 20;

std::string error_of(std::string_view text) {
  Parser parser(kBytesMax);
  const auto element = parser.parse(text);
  return element ? "no error" : element.error().message;
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Parser, ReadsEachType) {
  Parser parser(kBytesMax);
  const auto root =
      parser.parse(R"( {"s":"x","o":{"n":1},"a":[1,2],"i":-7,"b":true,"z":null,"d":1.5} )");
  ASSERT_TRUE(root);
  const Object object = *as_object(*root);
  EXPECT_EQ(string_at(object, "s"), "x");
  EXPECT_EQ(int_at(*object_at(object, "o"), "n"), 1);
  EXPECT_EQ(array_at(object, "a")->size(), 2U);
  EXPECT_EQ(int_at(object, "i"), -7);
  EXPECT_EQ(bool_at(object, "b"), true);
  EXPECT_FALSE(string_at(object, "i"));
  EXPECT_FALSE(find(object, "missing"));
}

TEST(Parser, EscapedKeyIsTheSameKey) {
  Parser parser(kBytesMax);
  const auto root = parser.parse(R"({"na\u006de":"t"})");
  EXPECT_EQ(string_at(*as_object(*root), "name"), "t");
}

TEST(Parser, RefusesWhatIsNotJson) {
  for (const std::string_view text :
       {"",        " ",     "{",     "}",   "[1,]",  "{\"a\":1,}", "{\"a\" 1}", "tru",
        "nul",     "01",    "1.",    "+1",  "NaN",   "\"a",        "\"\\x\"",   "\"\\ud800\"",
        "\"\t\"",  "{a:1}", "[1 2]", "1 2", "{} {}", "[1]]",       "{\"a\":1]", "\xEF\xBB\xBF{}",
        "// c\n1", "'a'"}) {
    EXPECT_TRUE(error_of(text).starts_with("not JSON: ")) << text << ": " << error_of(text);
  }
}

TEST(Parser, ZeroBytesDoNotEndTheText) {
  EXPECT_NE(error_of(std::string_view("{}\0{", 4)), "no error");
  EXPECT_NE(error_of(std::string_view("{}\0", 3)), "no error");
}

TEST(Parser, NamesTheByteOfInvalidUtf8) {
  EXPECT_EQ(error_of("[\"ab\xFF\"]"), "not JSON: invalid UTF-8 at byte 4");
  EXPECT_EQ(error_of("[\"" + std::string(9000, 'a') + "\xC0\x80\"]"),
            "not JSON: invalid UTF-8 at byte 9002");
}

TEST(Parser, DepthIsLimited) {
  EXPECT_EQ(error_of(nested(kDepthMax)), "no error");
  EXPECT_EQ(error_of(nested(kDepthMax + 1)), "nested deeper than 64 objects and arrays at byte 64");
  EXPECT_EQ(error_of("[\"[[\\\"[[\"," + nested(kDepthMax) + "]"),
            "nested deeper than 64 objects and arrays at byte 73");
  // Unclosed too, and as deep as a body can be.
  EXPECT_NE(error_of(std::string(kBytesMax, '[')), "no error");
  EXPECT_NE(error_of(nested(10'000)), "no error");
}

TEST(Parser, SizeIsLimited) {
  Parser parser(4);
  EXPECT_TRUE(parser.parse("1234"));
  const auto longer = parser.parse("12345");
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, ErrorCode::kResourceExhausted);
}

TEST(Parser, SaysWhereANumberIsThatItCannotHold) {
  Parser parser(kBytesMax);
  for (const std::string_view number :
       {"18446744073709551615", "-9223372036854775808", "1e308", "1e-999", "-0", "0.1e+5"}) {
    EXPECT_TRUE(parser.parse(number)) << number;
  }
  for (const std::string number : {"18446744073709551616", "-9223372036854775809", "1e999",
                                   "-1e400", "36893488147419103231"}) {
    const auto element = parser.parse(R"({"1e999":"1e999","a":[1,-2.5e3,)" + number + "]}");
    ASSERT_FALSE(element) << number;
    EXPECT_EQ(element.error().code, ErrorCode::kOutOfRange) << number;
    EXPECT_EQ(element.error().message,
              "a number out of range at byte 31: neither 64 bits nor a double hold it");
  }
  EXPECT_EQ(error_of("[1,1e999,01]"),
            "a number out of range at byte 3: neither 64 bits nor a double hold it");
  EXPECT_EQ(error_of("[1,01,1e999]"), "not JSON: a malformed number at byte 3");
  for (const std::string_view number : {"01", "1.", "-", "1e", "1e+", "-01", "1.e1", "2-1"}) {
    EXPECT_EQ(error_of(number), "not JSON: a malformed number at byte 0") << number;
  }
}

// After a long document the buffers are small again, and the parser still works.
TEST(Parser, IsReusableAfterLongDocumentsAndErrors) {
  Parser parser(kBytesMax);
  const std::string text = "[\"" + std::string(600'000, 'x') + "\"]";
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(parser.parse(text));
    EXPECT_FALSE(parser.parse("["));
    const auto small = parser.parse("[1]");
    ASSERT_TRUE(small);
    EXPECT_EQ(as_array(*small)->size(), 1U);
  }
}

TEST(DuplicateKey, IsFoundWhateverItsSpelling) {
  Parser parser(kBytesMax);
  EXPECT_EQ(duplicate_key(*as_object(*parser.parse(R"({"name":1,"na\u006de":2})"))), "name");
  EXPECT_FALSE(duplicate_key(*as_object(*parser.parse(R"({"a":{"b":1},"b":{"a":1}})"))));
}

TEST(DuplicateKey, IsFoundInLargeObjects) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) {
    text += "\"k" + std::to_string(i) + "\":0,";
  }
  Parser parser(kBytesMax);
  EXPECT_FALSE(duplicate_key(*as_object(*parser.parse(text + "\"z\":0}"))));
  EXPECT_EQ(duplicate_key(*as_object(*parser.parse(text + "\"k7\":0}"))), "k7");
}

TEST(DuplicateKey, IsFoundAtEachSize) {
  Parser parser(kBytesMax);
  for (int size = 1; size < 30; ++size) {
    std::string text = "{\"twin\":0";
    for (int i = 1; i < size; ++i) {
      text += ",\"k" + std::to_string(i) + "\":0";
    }
    EXPECT_FALSE(duplicate_key(*as_object(*parser.parse(text + "}")))) << size;
    EXPECT_EQ(duplicate_key(*as_object(*parser.parse(text + ",\"twin\":1}"))), "twin") << size;
  }
}

TEST(DuplicateKey, DeepOneHasItsPointer) {
  Parser parser(kBytesMax);
  EXPECT_EQ(find_duplicate_key(*parser.parse(R"({"a/b":[0,{"x":1,"x":2}]})")), "/a~1b/1/x");
  EXPECT_FALSE(find_duplicate_key(*parser.parse(R"([{"x":1},{"x":2}])")));
}

}  // namespace
}  // namespace mcpgate::json
