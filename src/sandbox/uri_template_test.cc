#include "sandbox/uri_template.h"

#include <gtest/gtest.h>

namespace mcpgate::sandbox {
namespace {

/// `a=1 b=2`, or `no`.
std::string matched(std::string_view text, std::string_view uri) {
  const auto parsed = UriTemplate::parse(text);
  EXPECT_TRUE(parsed) << text;
  const auto values = parsed->match(uri);
  if (!values) {
    return "no";
  }
  std::string out;
  for (const auto& [name, value] : *values) {
    out.append(out.empty() ? "" : " ").append(name).append("=").append(value);
  }
  return out;
}

TEST(UriTemplate, VariablesGetWhatStandsInTheirPlace) {
  EXPECT_EQ(matched("notes://{day}/text", "notes://monday/text"), "day=monday");
  EXPECT_EQ(matched("notes://{day}/{part}", "notes://monday/2"), "day=monday part=2");
  EXPECT_EQ(matched("file:///{+path}", "file:///a/b/c.txt"), "path=a/b/c.txt");
  EXPECT_EQ(matched("a://{x}-{y}", "a://1-2-3"), "x=1 y=2-3");
  EXPECT_EQ(matched("a://{x}", "a://caf%C3%A9%20au%20lait"), "x=café au lait");
}

TEST(UriTemplate, AnotherUriDoesNotFit) {
  for (const char* uri : {"notes://monday", "notes:///text", "notes://monday/text/", "notes://",
                          "note://monday/text", "notes://a/b/text", "", "/text"}) {
    EXPECT_EQ(matched("notes://{day}/text", uri), "no") << uri;
  }
}

// What a tool set does with a value is its own affair; a value that climbs is nobody's.
TEST(UriTemplate, AWayRoundFitsNothing) {
  for (const char* uri :
       {"f://../x", "f://./x", "f://%2e%2E/x", "f://a%2Fb/x", "f://a%00/x", "f://a%0a/x",
        "f://%ff/x", "f://%4/x", "f://%zz/x", "f://a b/x", "f://a\n/x", "f://caf\xc3\xa9/x"}) {
    EXPECT_EQ(matched("f://{name}/x", uri), "no") << uri;
  }
  for (const char* uri : {"f://a/../b", "f://../b", "f://a/..", "f://a/./b", "f://a%2F..%2Fb"}) {
    EXPECT_EQ(matched("f://{+path}", uri), "no") << uri;
  }
  EXPECT_EQ(matched("f://{+path}", "f://a/..b/c"), "path=a/..b/c");
}

TEST(UriTemplate, WhatIsNoTemplateIsRefused) {
  for (const char* text : {"", "a://b", "{x}", "a://{x", "a://x}", "a://{}", "a://{x}{y}",
                           "a://{x}/{x}", "a://{?q}", "a://{1x}", "a://{x y}", "a:// {x}"}) {
    EXPECT_FALSE(UriTemplate::parse(text)) << text;
  }
}

TEST(UriTemplate, AUriHasAScheme) {
  EXPECT_TRUE(is_uri("test://static-text"));
  EXPECT_TRUE(is_uri("urn:a:b"));
  for (const char* text : {"", "a", "a:", "://b", "1a://b", "a b://c", "a://b c", "a://\xc3\xa9"}) {
    EXPECT_FALSE(is_uri(text)) << text;
  }
}

}  // namespace
}  // namespace mcpgate::sandbox
