#include "json/number.h"

#include <array>
#include <charconv>
#include <cmath>

namespace mcpgate::json {
namespace {

// 2^64 · 10^19 < 2^128, and aligned digits never need more.
__extension__ using Wide = unsigned __int128;
constexpr int kAlignMax = 19;

// 2^53: up to here doubles hold every integer.
constexpr double kExactMax = 9007199254740992.0;

Wide power_of_ten(int exponent) {
  Wide power = 1;
  while (exponent-- > 0) {
    power *= 10;
  }
  return power;
}

int count_digits(std::uint64_t number) {
  int count = 1;
  while (number >= 10) {
    number /= 10;
    ++count;
  }
  return count;
}

std::strong_ordering compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.exponent == b.exponent || a.digits == 0 || b.digits == 0) {
    return a.digits <=> b.digits;
  }
  const int a_size = count_digits(a.digits) + a.exponent;
  const int b_size = count_digits(b.digits) + b.exponent;
  if (a_size != b_size) {
    return a_size <=> b_size;
  }
  // Of equal size, so at most 19 places apart.
  const Wide a_aligned = a.digits * power_of_ten(a.exponent - b.exponent);
  const Wide b_aligned = b.digits * power_of_ten(b.exponent - a.exponent);
  return a_aligned < b_aligned   ? std::strong_ordering::less
         : a_aligned > b_aligned ? std::strong_ordering::greater
                                 : std::strong_ordering::equal;
}

}  // namespace

Decimal to_decimal(double number) {
  // What loops, sizes and ports are; the rest takes the long way.
  if (std::fabs(number) <= kExactMax && std::trunc(number) == number) {
    return normalized({std::signbit(number), static_cast<std::uint64_t>(std::fabs(number)), 0});
  }
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), std::fabs(number),
                                          std::chars_format::scientific);
  Decimal decimal{std::signbit(number), 0, 0};
  const char* at = text.data();
  int places = 0;
  for (bool point = false; at != end && *at != 'e'; ++at) {
    if (*at == '.') {
      point = true;
      continue;
    }
    decimal.digits = decimal.digits * 10 + static_cast<std::uint64_t>(*at - '0');
    places += point ? 1 : 0;
  }
  at += at != end ? 1 : 0;
  at += at != end && *at == '+' ? 1 : 0;
  std::from_chars(at, end, decimal.exponent);
  decimal.exponent -= places;
  return normalized(decimal);
}

std::optional<Decimal> to_decimal(Element element) {
  switch (element.type()) {
    case simdjson::dom::element_type::INT64: {
      const std::int64_t number = element.get_int64().value_unsafe();
      const auto bits = static_cast<std::uint64_t>(number);
      return Decimal{number < 0, number < 0 ? 0 - bits : bits, 0};
    }
    case simdjson::dom::element_type::UINT64:
      return Decimal{false, element.get_uint64().value_unsafe(), 0};
    case simdjson::dom::element_type::DOUBLE:
      return to_decimal(element.get_double().value_unsafe());
    default:
      return std::nullopt;
  }
}

Decimal normalized(Decimal number) {
  if (number.digits == 0) {
    return {};
  }
  while (number.digits % 10 == 0) {
    number.digits /= 10;
    ++number.exponent;
  }
  return number;
}

std::strong_ordering compare(const Decimal& a, const Decimal& b) {
  const bool a_negative = a.negative && a.digits != 0;
  const bool b_negative = b.negative && b.digits != 0;
  if (a_negative != b_negative) {
    return a_negative ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return a_negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

bool is_integer(const Decimal& number) {
  return number.exponent >= 0 || normalized(number).exponent >= 0;
}

bool is_multiple(const Decimal& number, const Decimal& divisor) {
  if (number.digits == 0) {
    return true;
  }
  int shift = number.exponent - divisor.exponent;
  if (shift < 0) {
    const Decimal small = normalized(number);
    shift = small.exponent - divisor.exponent;
    if (shift < 0) {
      return shift >= -kAlignMax && small.digits % (divisor.digits * power_of_ten(-shift)) == 0;
    }
    return is_multiple(small, divisor);
  }
  // digits · 10^shift modulo the divisor's digits, by squaring.
  Wide rest = number.digits % divisor.digits;
  Wide power = 10 % divisor.digits;
  for (; shift > 0; shift /= 2) {
    if (shift % 2 == 1) {
      rest = rest * power % divisor.digits;
    }
    power = power * power % divisor.digits;
  }
  return rest == 0;
}

}  // namespace mcpgate::json
