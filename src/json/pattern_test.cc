#include "json/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace mcpgate::json {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  const auto compiled = Pattern::compile(pattern);
  EXPECT_TRUE(compiled) << pattern;
  return compiled && compiled->matches(text);
}

TEST(Pattern, MatchesAnywhereUnlessAnchored) {
  EXPECT_TRUE(matches("b", "abc"));
  EXPECT_FALSE(matches("^b", "abc"));
  EXPECT_TRUE(matches("^a+$", "aaa"));
  EXPECT_FALSE(matches("^a+$", "aaa\n"));
  EXPECT_FALSE(matches("^b", "a\nb"));
}

TEST(Pattern, ClassesAreEcmas) {
  EXPECT_FALSE(matches(R"(\d)", "\u0967"));
  EXPECT_FALSE(matches(R"(\w)", "\u00e9"));
  EXPECT_TRUE(matches(R"(^\s$)", "\u00a0"));
  EXPECT_TRUE(matches(R"(^\s$)", "\v"));
  EXPECT_FALSE(matches(R"(\S)", "\u2028\ufeff \t"));
  EXPECT_TRUE(matches(R"(^[\S]$)", "\u00e9"));
  EXPECT_TRUE(matches(R"(^[^\s]+$)", "ab"));
  EXPECT_FALSE(matches("^.$", "\u2028"));
  EXPECT_TRUE(matches(R"(^[\b]$)", "\b"));
  EXPECT_TRUE(matches("^[[a]$", "["));
  EXPECT_TRUE(matches("^[^]$", "\n"));
  EXPECT_FALSE(matches("[]", "x"));
}

TEST(Pattern, EscapesAreEcmas) {
  EXPECT_TRUE(matches(R"(^\cC$)", "\x03"));
  EXPECT_TRUE(matches(R"(^\u00e9\/\-$)", "\u00e9/-"));
  EXPECT_TRUE(matches(R"(^\ud83d\ude00$)", "\U0001F600"));
  EXPECT_TRUE(matches(R"(^\u{1F600}$)", "\U0001F600"));
  EXPECT_TRUE(matches(R"(^\p{Letter}+$)", "\u00e9a"));
  EXPECT_TRUE(matches(R"(^\p{Script=Greek}\P{Lu}$)", "\u03b1\u03b1"));
  EXPECT_TRUE(matches(R"(^(?<year>\d{4})-(?:a|b)$)", "2026-b"));
  EXPECT_TRUE(matches(R"(^\x41\0$)", std::string_view("A\0", 2)));
}

TEST(Pattern, WhatRe2CannotRunIsUnsupported) {
  for (const std::string_view pattern :
       {R"((?=a))", R"((?!a))", R"((?<=a))", R"((?<!a))", R"((a)\1)", R"((?<n>a)\k<n>)", "(", "[a",
        "a{1001}", "*", R"(\)", R"(\u12)", R"(\u{110000})", R"(\ud800)", R"(\cÄ)", R"(\p{Nope})",
        R"(\p{)", R"(\x4)", R"(\u{)"}) {
    EXPECT_FALSE(Pattern::compile(pattern)) << pattern;
  }
}

// RE2 would give these a meaning that ECMA-262 does not.
TEST(Pattern, WhatOnlyRe2KnowsIsUnsupported) {
  for (const std::string_view pattern :
       {R"(\Aa)", R"(a\z)", R"(\Qa\E)", R"(\C)", "(?i)a", "(?P<n>a)", R"(\pL)", R"(\a)"}) {
    EXPECT_FALSE(Pattern::compile(pattern)) << pattern;
  }
  EXPECT_FALSE(matches("^[[:alpha:]]$", "b"));
  EXPECT_TRUE(matches("^[[:alpha:]]$", "a]"));
}

TEST(Pattern, TakesLinearTime) {
  EXPECT_FALSE(matches("^(a+)+$", std::string(100'000, 'a') + "b"));
}

}  // namespace
}  // namespace mcpgate::json
