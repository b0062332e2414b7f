// The examples of RFC 3986, section 5.4, as far as JSON Schema needs them.

#include "json/uri.h"

#include <gtest/gtest.h>

namespace mcpgate::json {
namespace {

TEST(Uri, ResolvesTheRfcsExamples) {
  const auto resolve = [](std::string_view reference) {
    return resolve_uri("http://a/b/c/d;p?q", reference);
  };
  EXPECT_EQ(resolve("g:h"), "g:h");
  EXPECT_EQ(resolve("g"), "http://a/b/c/g");
  EXPECT_EQ(resolve("./g/"), "http://a/b/c/g/");
  EXPECT_EQ(resolve("/g"), "http://a/g");
  EXPECT_EQ(resolve("//g"), "http://g");
  EXPECT_EQ(resolve("?y"), "http://a/b/c/d;p?y");
  EXPECT_EQ(resolve("g?y#s"), "http://a/b/c/g?y#s");
  EXPECT_EQ(resolve("#s"), "http://a/b/c/d;p?q#s");
  EXPECT_EQ(resolve(""), "http://a/b/c/d;p?q");
  EXPECT_EQ(resolve(".."), "http://a/b/");
  EXPECT_EQ(resolve("../../g"), "http://a/g");
  EXPECT_EQ(resolve("../../../g"), "http://a/g");
  EXPECT_EQ(resolve("./../g"), "http://a/b/g");
  EXPECT_EQ(resolve_uri("urn:x:y", "#z"), "urn:x:y#z");
  EXPECT_EQ(resolve_uri("http://a", "g"), "http://a/g");
  EXPECT_EQ(resolve_uri("", "#/x"), "#/x");
}

TEST(Uri, FragmentIsDecoded) {
  EXPECT_EQ(split_fragment("a#/x%25%2Fy%zz").second, "/x%/y%zz");
  EXPECT_EQ(split_fragment("a").first, "a");
  EXPECT_EQ(split_fragment("a#").second, "");
}

}  // namespace
}  // namespace mcpgate::json
