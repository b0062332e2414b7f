// Vectors from RFC 8785, section 3.2.3, and appendix B.

#include "json/canonical.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "json/write.h"

namespace mcpgate::json {
namespace {

std::string canonical_of(std::string_view text) {
  Parser parser(1 << 20);
  const auto out = canonical(*parser.parse(text));
  return out ? *out : out.error().message;
}

TEST(Canonical, Rfc8785Example) {
  EXPECT_EQ(canonical_of(R"({
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false] })"),
            R"({"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],)"
            "\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(Canonical, KeysSortByUtf16) {
  EXPECT_EQ(canonical_of(R"({"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,)"
                         R"("\u00f6":7})"),
            "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"\u00f6\":7,\"\u20ac\":1,\"\U0001F600\":5,"
            "\"\uFB33\":3}");
  EXPECT_EQ(canonical_of(R"({"b":1,"a":{"d":1,"c":2},"":0,"aa":3})"),
            R"({"":0,"a":{"c":2,"d":1},"aa":3,"b":1})");
}

TEST(Canonical, NumbersOfAppendixB) {
  const std::vector<std::pair<std::uint64_t, std::string>> vectors = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0xffefffffffffffff, "-1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0xc340000000000000, "-9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x41b3de4355555553, "333333333.3333332"},
      {0x41b3de4355555554, "333333333.33333325"},
      {0x41b3de4355555555, "333333333.3333333"},
      {0x41b3de4355555556, "333333333.3333334"},
      {0x41b3de4355555557, "333333333.33333343"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"},
      {0x43143ff3c1cb0959, "1424953923781206.2"},
  };
  for (const auto& [bits, expected] : vectors) {
    std::string out;
    append_number(out, std::bit_cast<double>(bits));
    EXPECT_EQ(out, expected);
  }
}

// As ECMAScript does: an integer beyond 2^53 is the nearest double.
TEST(Canonical, LargeIntegersAreDoubles) {
  EXPECT_EQ(canonical_of("[9007199254740993,18446744073709551615,-9223372036854775808,1.0]"),
            "[9007199254740992,18446744073709552000,-9223372036854776000,1]");
}

TEST(Canonical, EmptyContainers) {
  EXPECT_EQ(canonical_of(R"([{},[],""])"), R"([{},[],""])");
}

TEST(Canonical, DuplicateKeyIsRefused) {
  EXPECT_EQ(canonical_of(R"({"a":{"b":1,"\u0062":2}})"),
            "no canonical form: an object has a key twice");
  EXPECT_EQ(canonical_of(R"({"":1,"":2})"), "no canonical form: an object has a key twice");
}

}  // namespace
}  // namespace mcpgate::json
