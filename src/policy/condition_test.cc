#include "policy/condition.h"

#include <gtest/gtest.h>

namespace mcpgate::policy {
namespace {

Condition argument(std::vector<std::string> pointer, Test test,
                   ArgumentTest::Of of = ArgumentTest::Of::kEvery) {
  return {.test = ArgumentTest{.pointer = std::move(pointer), .of = of, .test = std::move(test)}};
}

OneOf equals(Literal value) {
  return {.values = {std::move(value)}};
}

Matches matches(std::string pattern) {
  auto compiled = json::Pattern::compile(pattern);
  return {.pattern = std::move(pattern),
          .compiled = std::make_shared<const json::Pattern>(*std::move(compiled))};
}

class ConditionTest : public testing::Test {
 protected:
  Truth with(const Condition& condition, std::string_view arguments) {
    const auto element = parser_.parse(arguments);
    return evaluate(condition, principal_, {.arguments = {.these = json::as_object(*element)}});
  }
  bool holds(const Condition& condition, std::string_view arguments) {
    return with(condition, arguments) == Truth::kTrue;
  }
  bool path_passes(std::string_view directory, std::string_view path) {
    return passes(PathPrefix{.directory = std::string(directory)}, std::string(path));
  }

  json::Parser parser_{4096};
  Principal principal_{.user = "alice",
                       .issuer = "https://i",
                       .subject = "7",
                       .auth_type = AuthType::kAccessToken,
                       .roles = {"r", "s"}};
};

TEST_F(ConditionTest, EqualityIsOfTypeAndValue) {
  const Condition seven = argument({"x"}, equals(json::Decimal{.digits = 7}));
  EXPECT_TRUE(holds(seven, R"({"x":7})"));
  EXPECT_TRUE(holds(seven, R"({"x":7.0})"));
  EXPECT_TRUE(holds(seven, R"({"x":70e-1})"));
  for (const char* other : {R"({"x":"7"})", R"({"x":-7})", R"({"x":[7]})", R"({"x":true})",
                            R"({"x":null})", R"({"X":7})", "{}"}) {
    EXPECT_FALSE(holds(seven, other)) << other;
  }
  const Condition several = argument({"x"}, OneOf{{"a", true}});
  EXPECT_TRUE(holds(several, R"({"x":"a"})"));
  EXPECT_TRUE(holds(several, R"({"x":"\u0061"})")) << "by value, not by spelling";
  EXPECT_TRUE(holds(several, R"({"x":true})"));
  EXPECT_FALSE(holds(several, R"({"x":null})"));
  EXPECT_FALSE(holds(several, R"({"x":false})"));
  EXPECT_FALSE(holds(several, "{}"));
}

TEST_F(ConditionTest, NumbersAreCompared) {
  const Condition limit = argument({"n"}, AtMost{.limit = {.digits = 100}});
  EXPECT_TRUE(holds(limit, R"({"n":100})"));
  EXPECT_TRUE(holds(limit, R"({"n":-1e300})"));
  EXPECT_FALSE(holds(limit, R"({"n":100.0000001})"));
  EXPECT_FALSE(holds(limit, R"({"n":"5"})"));
}

TEST_F(ConditionTest, APatternIsSearchedUnlessAnchored) {
  EXPECT_TRUE(holds(argument({"t"}, matches("b+")), R"({"t":"abbc"})"));
  EXPECT_FALSE(holds(argument({"t"}, matches("^b+$")), R"({"t":"abbc"})"));
  EXPECT_FALSE(holds(argument({"t"}, matches("1")), R"({"t":1})"));
}

TEST_F(ConditionTest, APathIsResolvedByItsText) {
  for (const char* inside :
       {"/var/log", "/var/log/", "/var/log/a", "//var/./log//a", "/var/log/..a",
        "/etc/../var/log/x", "/../var/log", "/var/log/a/../b"}) {
    EXPECT_TRUE(path_passes("/var/log", inside)) << inside;
    EXPECT_TRUE(path_passes("/var/log/", inside)) << inside;
  }
  for (const char* outside : {"", "/", "/var", "/var/logs", "/var/log/..", "/var/log/../../etc/x",
                              "var/log", "./var/log", "/var/log/a/../../x"}) {
    EXPECT_FALSE(path_passes("/var/log", outside)) << outside;
  }
  EXPECT_TRUE(path_passes("data", "data/x"));
  EXPECT_TRUE(path_passes("data", "./x/../data"));
  EXPECT_FALSE(path_passes("data", "data/../x"));
  EXPECT_FALSE(path_passes(".", "../x"));
  EXPECT_TRUE(path_passes(".", "x"));
  EXPECT_TRUE(path_passes("/", "/x"));
}

TEST_F(ConditionTest, AStarStandsForEveryOrSomeValue) {
  const AtMost two{.limit = {.digits = 2}};
  const Condition every = argument({"l", "*", "n"}, two);
  const Condition some = argument({"l", "*", "n"}, two, ArgumentTest::Of::kSome);
  EXPECT_TRUE(holds(every, R"({"l":[{"n":1},{"n":2}]})"));
  EXPECT_FALSE(holds(every, R"({"l":[{"n":1},{"n":3}]})"));
  EXPECT_TRUE(holds(some, R"({"l":[{"n":3},{"n":2}]})"));
  EXPECT_FALSE(holds(some, R"({"l":[{"n":3}]})"));
  EXPECT_FALSE(holds(every, R"({"l":[{"n":1},{}]})")) << "what is missing does not pass";
  for (const char* nothing : {R"({"l":[]})", R"({"l":{}})", R"({"l":1})", "{}"}) {
    EXPECT_FALSE(holds(every, nothing)) << nothing;
    EXPECT_FALSE(holds(some, nothing)) << nothing;
  }
  EXPECT_TRUE(holds(every, R"({"l":{"a":{"n":1}}})")) << "members of an object as well";
  const Condition top = argument({"*"}, two, ArgumentTest::Of::kSome);
  EXPECT_TRUE(holds(top, R"({"a":5,"b":1})"));
  EXPECT_FALSE(holds(top, "{}"));
  EXPECT_TRUE(holds(argument({"l", "1"}, two), R"({"l":[9,1]})")) << "an index";
}

TEST_F(ConditionTest, WhoAsks) {
  using Field = PrincipalTest::Field;
  const auto is = [this](Field field, std::string value) {
    return evaluate({.test = PrincipalTest{field, equals(std::move(value))}}, principal_, {}) ==
           Truth::kTrue;
  };
  EXPECT_TRUE(is(Field::kUser, "alice"));
  EXPECT_FALSE(is(Field::kUser, "Alice"));
  EXPECT_TRUE(is(Field::kIssuer, "https://i"));
  EXPECT_TRUE(is(Field::kSubject, "7"));
  EXPECT_TRUE(is(Field::kAuthType, "access_token"));
  EXPECT_TRUE(is(Field::kRole, "s"));
  EXPECT_FALSE(is(Field::kRole, "t"));
  EXPECT_FALSE(is(Field::kKeyId, "k"));
}

TEST_F(ConditionTest, FromWhere) {
  const Condition inside{
      .test = AddressTest{{*Network::parse("10.0.0.0/8"), *Network::parse("2001:db8::/32")}}};
  const auto from = [&](std::string_view address) {
    return evaluate(inside, principal_, {.address = address}) == Truth::kTrue;
  };
  EXPECT_TRUE(from("10.1.2.3"));
  EXPECT_TRUE(from("::ffff:10.1.2.3"));
  EXPECT_TRUE(from("2001:db8::7"));
  for (const char* outside : {"11.0.0.1", "2001:db9::1", "", "unknown", "10.1.2.3:80"}) {
    EXPECT_FALSE(from(outside)) << outside;
  }
}

TEST_F(ConditionTest, WhenInUtc) {
  const auto at = [this](const TimeTest& time, std::string_view now) {
    return evaluate({.test = time}, principal_, {.now = *parse_rfc3339(now)}) == Truth::kTrue;
  };
  using std::chrono::minutes;
  constexpr std::uint8_t kMondayToFriday = 0b0111110;
  const TimeTest office{minutes{8 * 60}, minutes{18 * 60}, kMondayToFriday};
  EXPECT_TRUE(at(office, "2026-11-23T08:00:00Z"));  // a Monday
  EXPECT_TRUE(at(office, "2026-11-23T17:59:59Z"));
  EXPECT_FALSE(at(office, "2026-11-23T18:00:00Z"));
  EXPECT_FALSE(at(office, "2026-11-22T12:00:00Z"));
  EXPECT_FALSE(at(office, "2026-11-23T08:30:00+02:00"));
  // Over midnight: the night that begins on Friday ends on Saturday.
  const TimeTest night{minutes{22 * 60}, minutes{6 * 60}, kMondayToFriday};
  EXPECT_TRUE(at(night, "2026-11-27T23:00:00Z"));
  EXPECT_TRUE(at(night, "2026-11-28T05:59:00Z"));
  EXPECT_FALSE(at(night, "2026-11-28T06:00:00Z"));
  EXPECT_FALSE(at(night, "2026-11-28T22:30:00Z"));
  EXPECT_FALSE(at(night, "2026-11-23T03:00:00Z")) << "Sunday's night";
  EXPECT_TRUE(at({}, "2026-11-22T23:59:59Z"));
}

TEST_F(ConditionTest, OnlyArgumentsAreUnknown) {
  const Condition one = argument({"n"}, AtMost{.limit = {.digits = 1}});
  const Condition alice{.test = PrincipalTest{.test = equals("alice")}};
  const Condition bob{.test = PrincipalTest{.test = equals("bob")}};
  const auto truth = [this](Condition condition) {
    return evaluate(condition, principal_, {.arguments = {.any = true}});
  };
  EXPECT_EQ(truth(one), Truth::kUnknown);
  EXPECT_EQ(truth({.test = Not{{one}}}), Truth::kUnknown);
  EXPECT_EQ(truth({.test = AllOf{{one, alice}}}), Truth::kUnknown);
  EXPECT_EQ(truth({.test = AllOf{{one, bob}}}), Truth::kFalse);
  EXPECT_EQ(truth({.test = AnyOf{{one, alice}}}), Truth::kTrue);
  EXPECT_EQ(truth({.test = AnyOf{{one, bob}}}), Truth::kUnknown);
}

TEST_F(ConditionTest, SeesWhatNeverHolds) {
  const Condition a = argument({"x"}, equals("a"));
  const auto contradiction = [](std::vector<Condition> parts) {
    return find_contradiction({.test = AllOf{std::move(parts)}}).value_or("");
  };
  EXPECT_EQ(contradiction({a, argument({"x"}, equals("b"))}),
            R"(argument /x equals "a" and argument /x equals "b" never hold together)");
  EXPECT_NE(contradiction({a, argument({"x"}, matches("^b"))}), "");
  EXPECT_NE(contradiction({a, argument({"x"}, AtMost{})}), "");
  EXPECT_NE(contradiction({argument({"x"}, matches("b")), argument({"x"}, AtMost{})}), "");
  EXPECT_NE(contradiction({a, {.test = Not{{a}}}}), "");
  EXPECT_NE(contradiction({argument({"x"}, PathPrefix{"/a"}), argument({"x"}, PathPrefix{"/b"})}),
            "");
  EXPECT_EQ(contradiction({argument({"x"}, PathPrefix{"/a"}), argument({"x"}, PathPrefix{"/a/b"})}),
            "");
  EXPECT_EQ(contradiction({a, argument({"y"}, equals("b"))}), "");
  EXPECT_EQ(contradiction({a, argument({"x"}, OneOf{{"a", "b"}})}), "");
  // Of some items and of roles both may hold.
  EXPECT_EQ(contradiction({argument({"l", "*"}, equals("a"), ArgumentTest::Of::kSome),
                           argument({"l", "*"}, equals("b"), ArgumentTest::Of::kSome)}),
            "");
  const auto role = [](std::string name) {
    return Condition{.test = PrincipalTest{PrincipalTest::Field::kRole, equals(std::move(name))}};
  };
  EXPECT_EQ(contradiction({role("r"), role("s")}), "");
  EXPECT_NE(contradiction({{.test = PrincipalTest{.test = equals("alice")}},
                           {.test = PrincipalTest{.test = equals("bob")}}}),
            "");
}

}  // namespace
}  // namespace mcpgate::policy
