#include "policy/terms.h"

#include <gtest/gtest.h>

namespace mcpgate::policy {
namespace {

Condition user(std::string name) {
  return {.test = PrincipalTest{.test = OneOf{{std::move(name)}}}};
}

TEST(Terms, SayWhatOpensAndWhatDenies) {
  const Policy::Options options{.roles = {{"all", {{.covers = {{"*"}}}}},
                                          {"reader", {{.covers = {{"a"}}, .read_only = true}}},
                                          {"some",
                                           {{.covers = {{"a"}, {{"x"}}}, .when = user("u")},
                                            {.covers = {{"*"}, {{"x"}}}, .when = user("v")}}}},
                                .tool_sets = {{"a", "owner"}, {"b", ""}, {"c", ""}},
                                .rules = {{.name = "n", .covers = {{"b"}}, .when = user("w")},
                                          {.name = "m", .covers = {{"c"}}}}};
  const auto terms = [&](const char* role, const Action& action) {
    return terms_of(options, role, action);
  };
  EXPECT_EQ(terms("owner", {"a", "x", false}), "yes");
  EXPECT_EQ(terms("owner", {"b", "x", false}), "no");
  EXPECT_EQ(terms("reader", {"a", "x", true}), "yes");
  EXPECT_EQ(terms("reader", {"a", "x", false}), "no");
  EXPECT_EQ(terms("some", {"a", "x", false}), R"(when user equals "u", or user equals "v")");
  EXPECT_EQ(terms("some", {"a", "y", false}), "no");
  EXPECT_EQ(terms("all", {"b", "y", false}), R"(yes, unless user equals "w")");
  EXPECT_EQ(terms("some", {"b", "x", false}), R"(when user equals "v", unless user equals "w")");
  EXPECT_EQ(terms("all", {"c", "x", true}), "no") << "a rule denies it always";
  EXPECT_EQ(terms("all", {"gone", "x", true}), "no");
  EXPECT_EQ(terms("", {"b", "x", true}), "no") << "an empty role is no requiredRole";
}

}  // namespace
}  // namespace mcpgate::policy
