#include "base/yaml.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"

namespace mcpgate {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;
using Problems = std::vector<std::string>;

/// The problems of a file that is only parsed.
Problems parse_problems(std::string_view yaml) {
  return YamlDocument::parse("f.yaml", yaml).problems();
}

TEST(Yaml, ReadsEachTypeAndTheFallbackOfWhatIsAbsent) {
  YamlDocument document = YamlDocument::parse("f.yaml",
                                              "name: no\n"
                                              "number: 007\n"
                                              "on: true\n"
                                              "count: -3\n"
                                              "body: 4Mi\n"
                                              "wait: 90d\n"
                                              "ttl: never\n"
                                              "tags: [a, 'b c']\n"
                                              "nested: {deep: {er: x}}\n");
  YamlMap root = document.root();
  EXPECT_EQ(root.string("name"), "no");
  EXPECT_EQ(root.string("number"), "007");
  EXPECT_TRUE(root.boolean("on"));
  EXPECT_EQ(root.integer("count", 0, {.min = -5, .max = 5}), -3);
  EXPECT_EQ(root.size("body", 0, {}), 4U << 20);
  EXPECT_EQ(root.duration("wait", seconds(1), {}), std::chrono::hours(90 * 24));
  EXPECT_EQ(root.duration("ttl", seconds(1), {.max = kNever}), kNever);
  EXPECT_EQ(root.strings("tags"), (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(root.map("nested").map("deep").string("er"), "x");
  EXPECT_EQ(root.string("absent", "fallback"), "fallback");
  EXPECT_EQ(root.map("absent").map("too").integer("x", 7, {}), 7);
  EXPECT_FALSE(root.find("absent"));
  root.reject_unknown();
  EXPECT_EQ(document.problems(), Problems{});
  EXPECT_TRUE(document.check());
}

TEST(Yaml, AllProblemsOfAFileAreNamedInItsOrder) {
  YamlDocument document = YamlDocument::parse("f.yaml",
                                              "sandbox:\n"
                                              "  memoryLimt: 1Gi\n"
                                              "  inFlight: many\n"
                                              "  wall: 3 s\n"
                                              "  on: yes\n"
                                              "  quoted: 'true'\n"
                                              "  list: x\n"
                                              "  big: 2Ti\n"
                                              "  empty:\n"
                                              "durability: maybe\n"
                                              "xyzzy: 1\n"
                                              "items: [1, [2], {a: b}]\n");
  YamlMap root = document.root();
  YamlMap sandbox = root.map("sandbox");
  (void)root.one_of("durability", "written", std::array<std::string_view, 2>{"written", "synced"});
  (void)sandbox.size("memoryLimit", 0, {});
  EXPECT_EQ(sandbox.integer("inFlight", 4, {}), 4);
  EXPECT_EQ(sandbox.duration("wall", seconds(30), {}), seconds(30));
  EXPECT_FALSE(sandbox.boolean("on"));
  EXPECT_FALSE(sandbox.boolean("quoted"));
  EXPECT_TRUE(sandbox.strings("list").empty());
  EXPECT_EQ(sandbox.size("big", 1, {.min = 1024, .max = 4096}), 1U);
  EXPECT_EQ(sandbox.string("empty", "e"), "e");
  EXPECT_EQ(root.strings("items"), std::vector<std::string>{"1"});
  sandbox.reject_unknown();
  root.reject_unknown();
  EXPECT_EQ(document.problems(),
            (Problems{"f.yaml:2:3: sandbox.memoryLimt: unknown key; did you mean memoryLimit?",
                      "f.yaml:3:13: sandbox.inFlight: expected a whole number",
                      "f.yaml:4:9: sandbox.wall: expected a duration such as 500ms, 30s or 90d",
                      "f.yaml:5:7: sandbox.on: expected true or false",
                      "f.yaml:6:11: sandbox.quoted: expected true or false",
                      "f.yaml:7:9: sandbox.list: expected a list, found a single value",
                      "f.yaml:8:8: sandbox.big: must be from 1Ki to 4Ki",
                      "f.yaml:9:3: sandbox.empty: expected a string, found nothing",
                      "f.yaml:10:13: durability: expected written or synced",
                      "f.yaml:11:1: xyzzy: unknown key",
                      "f.yaml:12:12: items[1]: expected a string, found a list",
                      "f.yaml:12:17: items[2]: expected a string, found a map"}));
  const auto checked = document.check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
}

TEST(Yaml, NumbersOutOfRangeAndTooLargeForAnyTypeAreRefused) {
  YamlDocument document =
      YamlDocument::parse("f.yaml", "a: 70000\nb: 99999999999999999999\nc: 1.0\nd: '1'\n");
  YamlMap root = document.root();
  EXPECT_EQ(root.integer("a", 1, {.min = 0, .max = 65535}), 1);
  EXPECT_EQ(root.integer("b", 2, {.min = 0, .max = 65535}), 2);
  EXPECT_EQ(root.integer("c", 3, {}), 3);
  EXPECT_EQ(root.integer("d", 4, {}), 4);
  EXPECT_EQ(document.problems(), (Problems{"f.yaml:1:4: a: must be from 0 to 65535",
                                           "f.yaml:2:4: b: must be from 0 to 65535",
                                           "f.yaml:3:4: c: expected a whole number",
                                           "f.yaml:4:4: d: expected a whole number"}));
}

TEST(Yaml, ADuplicateKeyNamesBothPlaces) {
  EXPECT_EQ(parse_problems("a:\n  - b: 1\n    c: 2\n    b: 3\n"),
            Problems{"f.yaml:4:5: a[0].b: this key is there twice, first in line 2"});
}

TEST(Yaml, SyntaxErrorsHaveTheirPlace) {
  EXPECT_EQ(parse_problems("a: 1\nb: [1, 2\n"),
            Problems{"f.yaml:3:1: end of sequence flow not found"});
  EXPECT_EQ(parse_problems("a: *nowhere\n").size(), 1U);
  EXPECT_EQ(parse_problems("\tx: 1\n").size(), 1U);
}

TEST(Yaml, WhatCouldBeReadTwoWaysIsRefused) {
  EXPECT_EQ(parse_problems("a: 1\n---\nb: 2\n"),
            Problems{"f.yaml:3:1: a second document: only one is read"});
  EXPECT_EQ(parse_problems("a: !!binary aGk=\n"), Problems{"f.yaml:1:4: tags are not supported"});
  EXPECT_EQ(parse_problems("? [a]\n: 1\n"), Problems{"f.yaml:1:3: a key must be text"});
  EXPECT_EQ(parse_problems("a: 1\nb: \x04\nc: 2\n"), Problems{"f.yaml:2:4: a control character"});
  EXPECT_EQ(parse_problems("\xff\xfe"
                           "a"),
            Problems{"f.yaml:1:1: not UTF-8"});
}

TEST(Yaml, ARootThatIsNoMapIsAProblemAndAnEmptyFileIsNot) {
  YamlDocument list = YamlDocument::parse("f.yaml", "- a\n");
  (void)list.root();
  EXPECT_EQ(list.problems(), Problems{"f.yaml:1:1: expected a map, found a list"});
  for (const char* empty : {"", "# nothing\n", "---\n", "{}"}) {
    YamlDocument document = YamlDocument::parse("f.yaml", empty);
    document.root().reject_unknown();
    EXPECT_EQ(document.problems(), Problems{}) << empty;
  }
}

TEST(Yaml, AliasesAreCopiedWithTheirOwnPlace) {
  YamlDocument document =
      YamlDocument::parse("f.yaml", "a: &limits {wall: 1s}\nb: *limits\nc: *limits\n");
  YamlMap root = document.root();
  EXPECT_EQ(root.map("b").duration("wall", seconds(9), {}), seconds(1));
  EXPECT_EQ(root.find("b").line(), 2);
  EXPECT_TRUE(document.ok());
}

// A billion laughs: nine levels, nine aliases each.
TEST(Yaml, AnAliasBombIsRefused) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format("a{0}: &a{0} [*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1},*a{1}]\n", i,
                        i - 1);
  }
  const Problems problems = parse_problems(bomb);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("more than 100000 values, expanded aliases included"),
            std::string::npos);
  EXPECT_EQ(parse_problems("a: &a [*a]\n"),
            Problems{"f.yaml:1:8: an alias inside the value that it stands for"});
}

TEST(Yaml, DeepNestingIsRefused) {
  EXPECT_EQ(parse_problems(std::string(40, '[') + std::string(40, ']')),
            Problems{"f.yaml:1:33: nested deeper than 32"});
  EXPECT_EQ(parse_problems(std::string(100'000, '[')).size(), 1U);
  EXPECT_TRUE(parse_problems(std::string(30, '[') + std::string(30, ']')).empty());
}

TEST(Yaml, AFileThatIsTooLargeOrAbsentIsAProblem) {
  EXPECT_EQ(parse_problems(std::string(kSmallFileBytesMax + 1, ' ')),
            Problems{"f.yaml:1:1: larger than 1Mi"});
  EXPECT_EQ(
      YamlDocument::load("/nonexistent/f.yaml").problems(),
      Problems{"/nonexistent/f.yaml:1:1: open /nonexistent/f.yaml: No such file or directory"});
}

TEST(Yaml, EntriesGiveFreeNamesInTheFilesOrder) {
  YamlDocument document = YamlDocument::parse("f.yaml", "z: {x: 1}\na: {x: 2}\n");
  YamlMap root = document.root();
  std::string names;
  for (auto& [name, node] : root.entries()) {
    YamlMap entry = node.map();
    names += name + entry.string("x") + node.path();
    entry.reject_unknown();
  }
  root.reject_unknown();
  EXPECT_EQ(names, "z1za2a");
  EXPECT_TRUE(document.ok());
}

TEST(Yaml, ProblemsAreBoundedInNumber) {
  std::string yaml;
  for (int i = 0; i < 1000; ++i) {
    yaml += fmt::format("k{}: 1\n", i);
  }
  YamlDocument document = YamlDocument::parse("f.yaml", yaml);
  document.root().reject_unknown();
  EXPECT_EQ(document.problems().size(), kYamlProblemsMax);
}

TEST(Yaml, TheNearestWordIsOneThatWasProbablyMeant) {
  const std::vector<std::string> known{"requiredRole", "sandbox", "signingKey", "tools"};
  EXPECT_EQ(nearest_word("requiredrole", known), "requiredRole");
  EXPECT_EQ(nearest_word("sandobx", known), "sandbox");
  EXPECT_EQ(nearest_word("tool", known), "tools");
  EXPECT_EQ(nearest_word("upstream", known), std::nullopt);
  EXPECT_EQ(nearest_word("", known), std::nullopt);
  EXPECT_EQ(nearest_word(std::string(100'000, 'x'), known), std::nullopt);
}

}  // namespace
}  // namespace mcpgate
