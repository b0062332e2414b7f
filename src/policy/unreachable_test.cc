#include "policy/unreachable.h"

#include <gtest/gtest.h>

namespace mcpgate::policy {
namespace {

const Condition kAlice{.test = PrincipalTest{.test = OneOf{{"alice"}}}};
const Condition kBob{.test = PrincipalTest{.test = OneOf{{"bob"}}}};

std::vector<std::string> of_grants(std::vector<Grant> grants, std::vector<DenyRule> rules = {}) {
  return find_unreachable({.roles = {{"r", std::move(grants)}}, .rules = std::move(rules)});
}

TEST(Unreachable, AGrantWithinAnotherOneOfItsRole) {
  const Grant all{.covers = {{"*"}}, .place = "all"};
  const Grant limited{.covers = {{"a"}}, .when = kAlice, .place = "limited"};
  EXPECT_EQ(
      of_grants({limited, all}),
      std::vector<std::string>{"limited: another grant of this role opens all of this already"});
  EXPECT_EQ(of_grants({all, all}).size(), 1U) << "of two that are the same one is too many";
  EXPECT_TRUE(of_grants({limited, {.covers = {{"*"}}, .read_only = true}}).empty());
  EXPECT_TRUE(of_grants({limited, {.covers = {{"*"}}, .when = kBob}}).empty());
  EXPECT_TRUE(of_grants({limited, {.covers = {{"*"}, {{"x"}}}}}).empty());
}

TEST(Unreachable, WhatARuleDeniesAlways) {
  const Grant grant{.covers = {{"a"}, {{"x"}}}, .place = "grant"};
  EXPECT_EQ(of_grants({grant}, {{.name = "n", .covers = {{"a"}}}}),
            std::vector<std::string>{"grant: rule n denies all of this"});
  EXPECT_TRUE(of_grants({grant}, {{.name = "n", .covers = {{"a"}}, .when = kAlice}}).empty());
  EXPECT_TRUE(of_grants({grant}, {{.name = "n", .covers = {{"b"}}}}).empty());
  EXPECT_TRUE(of_grants({{.covers = {}}}, {{.name = "n", .covers = {{"a"}}}}).empty());
}

TEST(Unreachable, ARuleBehindAnotherOne) {
  const DenyRule wide{.name = "wide", .covers = {{"a", "b"}}, .place = "1"};
  const DenyRule narrow{.name = "narrow", .covers = {{"b"}, {{"x"}}}, .when = kBob, .place = "2"};
  EXPECT_EQ(
      find_unreachable({.rules = {wide, narrow}}),
      std::vector<std::string>{"2: never decides, since rule wide before it denies all of this"});
  EXPECT_TRUE(find_unreachable({.rules = {narrow, wide}}).empty());
}

}  // namespace
}  // namespace mcpgate::policy
