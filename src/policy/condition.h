#pragma once

// When a grant opens or a rule denies: tests on the arguments of a request, on who asks, from where
// and when. Plain data, built once by whoever reads the configuration, and then only read.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/identity.h"
#include "json/number.h"
#include "json/parse.h"
#include "json/pattern.h"

namespace mcpgate::policy {

/// One JSON value that is neither object nor array nor null.
using Literal = std::variant<bool, json::Decimal, std::string>;

/// The value is one of these; of one alone: it equals it. 7 and 7.0 are equal, 7 and "7" are not.
struct OneOf {
  std::vector<Literal> values;
};
/// The value is a string in which this pattern of JSON Schema is found, anywhere unless anchored.
struct Matches {
  std::string pattern;
  std::shared_ptr<const json::Pattern> compiled;
};
/// The value is a number, and not greater.
struct AtMost {
  json::Decimal limit;
};
/// The value is a path that is `directory` or beneath it once `.`, `..` and doubled slashes are
/// resolved by their text; a link is not followed. An absolute path is never beneath a relative
/// one, nor the other way around.
struct PathPrefix {
  std::string directory;
};
using Test = std::variant<OneOf, Matches, AtMost, PathPrefix>;

struct Condition;

/// Every part holds.
struct AllOf {
  std::vector<Condition> parts;
};
/// At least one part holds.
struct AnyOf {
  std::vector<Condition> parts;
};
/// The one part does not hold.
struct Not {
  std::vector<Condition> part;
};
/// A value in the arguments passes the test. One that is not there passes none.
struct ArgumentTest {
  /// A JSON pointer's tokens, unescaped; `*` stands for every item of a list and every member of an
  /// object.
  std::vector<std::string> pointer;
  /// Whether every value that the pointer names must pass (and there must be one), or some.
  enum class Of : std::uint8_t { kEvery, kSome } of = Of::kEvery;
  Test test;
};
/// What is known of the principal passes the test; of its roles: one of them does.
struct PrincipalTest {
  enum class Field : std::uint8_t { kUser, kSubject, kIssuer, kRole, kAuthType, kKeyId };
  Field field = Field::kUser;
  Test test;
};
/// The client's address is in one of the networks.
struct AddressTest {
  std::vector<Network> networks;
};
/// The time of day, UTC, is from `from` on and before `to`, on one of the days. Where `to` is not
/// after `from` the span ends on the next day, and counts to the day on which it began.
struct TimeTest {
  std::chrono::minutes from{0};
  std::chrono::minutes to{1440};
  std::uint8_t days = 0x7F;  ///< bit 0 is Sunday, as in std::chrono::weekday
};

/// Any of these; lists and `Not` hold others, so that it is a tree.
struct Condition {
  std::variant<AllOf, AnyOf, Not, ArgumentTest, PrincipalTest, AddressTest, TimeTest> test;
};

/// What a request is asked with.
struct Arguments {
  /// Whatever it may be, as for a list: then `these` says nothing.
  bool any = false;
  /// Nothing: no arguments.
  std::optional<json::Object> these = std::nullopt;
};

/// What a request is asked with, from where and when.
struct Circumstances {
  Arguments arguments = {};
  /// An IP address without port; any other text is in no network.
  std::string_view address;
  WallTime now;
};

/// Whether a condition holds: kUnknown depends on arguments that may be any.
enum class Truth : std::uint8_t { kFalse, kUnknown, kTrue };

[[nodiscard]] Truth evaluate(const Condition& condition, const Principal& principal,
                             const Circumstances& circumstances);

/// Whether a single value passes. For checks of the configuration itself.
[[nodiscard]] bool passes(const Test& test, const Literal& value);

/// Why no request can ever fulfil the condition, for whoever wrote it; nothing where none is seen:
/// tests within one `all` that contradict each other are.
[[nodiscard]] std::optional<std::string> find_contradiction(const Condition& condition);

/// For people, and the same text for the same condition: `argument /limit at most 1000`.
[[nodiscard]] std::string describe(const Condition& condition);

}  // namespace mcpgate::policy
