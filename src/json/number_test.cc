#include "json/number.h"

#include <gtest/gtest.h>

namespace mcpgate::json {
namespace {

Decimal decimal_of(std::string_view text) {
  Parser parser(1 << 10);
  return *to_decimal(*parser.parse(text));
}

TEST(Decimal, ComparesExactly) {
  const auto expect_order = [](std::string_view smaller, std::string_view larger) {
    EXPECT_TRUE(compare(decimal_of(smaller), decimal_of(larger)) < 0) << smaller << ' ' << larger;
    EXPECT_TRUE(compare(decimal_of(larger), decimal_of(smaller)) > 0) << smaller << ' ' << larger;
  };
  expect_order("9007199254740992.0", "9007199254740993");
  expect_order("18446744073709551614", "18446744073709551615");
  expect_order("18446744073709551615", "1e20");
  expect_order("-1e300", "-1");
  expect_order("-1", "0");
  expect_order("0", "5e-324");
  expect_order("0.1", "0.11");
  expect_order("0.30000000000000004", "0.4");
  expect_order("-2", "-1.5");
  for (const std::string_view text : {"0", "1", "-7", "0.25", "1e300", "18446744073709551615"}) {
    EXPECT_TRUE(compare(decimal_of(text), decimal_of(text)) == 0);
  }
  EXPECT_TRUE(compare(decimal_of("-0.0"), decimal_of("0")) == 0);
  EXPECT_TRUE(compare(decimal_of("100"), decimal_of("1.0e2")) == 0);
}

TEST(Decimal, KnowsIntegers) {
  for (const std::string_view text : {"0", "-0.0", "1.0", "1e3", "1.5e1", "1e300", "-5"}) {
    EXPECT_TRUE(is_integer(decimal_of(text))) << text;
  }
  for (const std::string_view text : {"0.5", "1e-1", "-2.25", "5e-324", "4503599627370495.5"}) {
    EXPECT_FALSE(is_integer(decimal_of(text))) << text;
  }
}

TEST(Decimal, KnowsMultiplesExactly) {
  const auto multiple = [](std::string_view number, std::string_view divisor) {
    return is_multiple(decimal_of(number), decimal_of(divisor));
  };
  EXPECT_TRUE(multiple("0.3", "0.1"));
  EXPECT_TRUE(multiple("4.02", "0.01"));
  EXPECT_TRUE(multiple("0.0075", "0.0001"));
  EXPECT_FALSE(multiple("0.00751", "0.0001"));
  EXPECT_TRUE(multiple("1e308", "0.5"));
  EXPECT_FALSE(multiple("1e308", "0.123456789"));
  EXPECT_TRUE(multiple("12391239123", "1e-8"));
  EXPECT_FALSE(multiple("9007199254740993", "2"));
  EXPECT_TRUE(multiple("0", "5e-324"));
  EXPECT_TRUE(multiple("-9", "4.5"));
  EXPECT_FALSE(multiple("5e-324", "1e308"));
  EXPECT_TRUE(multiple("1000", "1e3"));
  EXPECT_FALSE(multiple("1100", "1e3"));
}

}  // namespace
}  // namespace mcpgate::json
