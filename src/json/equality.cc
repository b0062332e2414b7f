#include "json/equality.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

#include "json/number.h"

namespace mcpgate::json {
namespace {

using simdjson::dom::element_type;
using simdjson::dom::key_value_pair;

// 2^64 divided by the golden ratio: spreads any bits over all.
constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;

constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * kMultiplier;
  return hash ^ (hash >> 32);
}

std::uint64_t hash_text(std::string_view text) {
  return std::hash<std::string_view>()(text);
}

std::vector<key_value_pair> sorted_members(Object object) {
  std::vector<key_value_pair> members;
  for (const auto field : object) {
    members.push_back(field);
  }
  std::ranges::sort(members, {}, &key_value_pair::key);
  return members;
}

bool equal_objects(Object a, Object b, Budget& budget) {
  if (a.size() != b.size()) {
    return false;
  }
  const auto a_members = sorted_members(a);
  const auto b_members = sorted_members(b);
  return std::ranges::equal(a_members, b_members, [&](const auto& x, const auto& y) {
    return x.key == y.key && equal(x.value, y.value, budget);
  });
}

bool equal_arrays(Array a, Array b, Budget& budget) {
  auto at = b.begin();
  for (const Element item : a) {
    if (!(at != b.end()) || !equal(item, *at, budget)) {
      return false;
    }
    ++at;
  }
  return !(at != b.end());
}

}  // namespace

bool equal(Element a, Element b, Budget& budget) {
  if (!budget.spend(1)) {
    return false;
  }
  if (a.type() == element_type::STRING && b.type() == element_type::STRING) {
    return a.get_string().value_unsafe() == b.get_string().value_unsafe();
  }
  if (const auto number = to_decimal(a)) {
    const auto other = to_decimal(b);
    return other && compare(*number, *other) == std::strong_ordering::equal;
  }
  if (a.type() != b.type()) {
    return false;
  }
  switch (a.type()) {
    case element_type::OBJECT:
      return equal_objects(a.get_object().value_unsafe(), b.get_object().value_unsafe(), budget);
    case element_type::ARRAY:
      return equal_arrays(a.get_array().value_unsafe(), b.get_array().value_unsafe(), budget);
    case element_type::BOOL:
      return a.get_bool().value_unsafe() == b.get_bool().value_unsafe();
    default:
      return true;  // null
  }
}

std::uint64_t hash(Element element, Budget& budget) {
  const auto type = static_cast<std::uint64_t>(element.type());
  if (!budget.spend(1)) {
    return 0;
  }
  if (const auto number = to_decimal(element)) {
    const Decimal decimal = normalized(*number);
    return mix(mix(decimal.digits, static_cast<std::uint64_t>(decimal.exponent)),
               decimal.negative ? 1 : 0);
  }
  std::uint64_t result = mix(0, type);
  switch (element.type()) {
    case element_type::OBJECT:
      for (const auto field : element.get_object().value_unsafe()) {
        result += mix(hash_text(field.key), hash(field.value, budget));  // in any order
      }
      return result;
    case element_type::ARRAY:
      for (const Element item : element.get_array().value_unsafe()) {
        result = mix(result, hash(item, budget));
      }
      return result;
    case element_type::STRING: {
      const std::string_view text = element.get_string().value_unsafe();
      budget.spend(text.size() / 64);
      return mix(result, hash_text(text));
    }
    case element_type::BOOL:
      return mix(result, element.get_bool().value_unsafe() ? 2 : 1);
    default:
      return result;
  }
}

}  // namespace mcpgate::json
