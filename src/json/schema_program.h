#pragma once

// What a schema is compiled to: a table of nodes, one a subschema, that refer to each other by
// index. Read schema_compiler.cc for how it comes to be, schema_evaluator.cc for how it is run.

#include <simdjson.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/number.h"
#include "json/parse.h"
#include "json/pattern.h"
#include "json/schema.h"

namespace mcpgate::json {

using NodeId = std::uint32_t;
using ResourceId = std::uint32_t;
inline constexpr NodeId kNoNode = std::numeric_limits<NodeId>::max();
inline constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

/// A set of JSON Schema's types. An integer is a number too.
using TypeSet = std::uint8_t;
inline constexpr TypeSet kNullType = 1;
inline constexpr TypeSet kBooleanType = 2;
inline constexpr TypeSet kObjectType = 4;
inline constexpr TypeSet kArrayType = 8;
inline constexpr TypeSet kStringType = 16;
inline constexpr TypeSet kNumberType = 32;
inline constexpr TypeSet kIntegerType = 64;
inline constexpr TypeSet kEveryType = 127;

/// `enum` and `const`.
struct ValueChecks {
  std::optional<std::vector<Element>> enumeration;
  std::optional<Element> constant;
};

/// The keywords for numbers.
struct NumberChecks {
  std::optional<Decimal> minimum;
  std::optional<Decimal> maximum;
  std::optional<Decimal> exclusive_minimum;
  std::optional<Decimal> exclusive_maximum;
  std::optional<Decimal> multiple_of;
};

/// A regular expression of the schema; `program` is empty where RE2 cannot run it, so that whether
/// it matches stays unknown.
struct SchemaPattern {
  std::string_view source;
  std::optional<Pattern> program;
};

/// The keywords for strings; lengths in code points.
struct StringChecks {
  std::uint64_t length_min = 0;
  std::uint64_t length_max = kNoLimit;
  std::optional<SchemaPattern> pattern;
};

/// What `properties` and `required` say of one name.
struct Property {
  std::string_view name;
  NodeId node = kNoNode;
  bool required = false;
};

/// One member of `patternProperties`.
struct PatternProperty {
  SchemaPattern pattern;
  NodeId node;
};

/// One member of `dependentRequired` or `dependentSchemas`.
struct Dependency {
  std::string_view name;
  std::vector<std::string_view> required;
  NodeId node = kNoNode;
};

/// The keywords for objects.
struct ObjectChecks {
  std::vector<Property> properties;  ///< sorted by property_less
  std::size_t required_count = 0;
  std::vector<PatternProperty> patterns;
  NodeId additional = kNoNode;
  NodeId names = kNoNode;
  std::vector<Dependency> dependencies;
  std::uint64_t size_min = 0;
  std::uint64_t size_max = kNoLimit;
};

/// By length first, so that most comparisons are of two integers.
[[nodiscard]] inline bool property_less(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

/// The keywords for arrays.
struct ArrayChecks {
  std::vector<NodeId> prefix;
  NodeId items = kNoNode;
  NodeId contains = kNoNode;
  std::uint64_t contains_min = 1;
  std::uint64_t contains_max = kNoLimit;
  std::uint64_t size_min = 0;
  std::uint64_t size_max = kNoLimit;
  bool unique = false;
};

/// Subschemas that are applied to the same instance.
struct InPlace {
  NodeId reference = kNoNode;
  NodeId dynamic_reference = kNoNode;  ///< where it leads when nothing overrides it
  std::string_view dynamic_anchor;     ///< empty: it behaves like `reference`
  std::vector<NodeId> all_of;
  std::vector<NodeId> any_of;
  std::vector<NodeId> one_of;
  NodeId negated = kNoNode;
  NodeId condition = kNoNode;
  NodeId then_branch = kNoNode;
  NodeId else_branch = kNoNode;
};

/// `unevaluatedProperties` and `unevaluatedItems`.
struct Unevaluated {
  NodeId properties = kNoNode;
  NodeId items = kNoNode;
};

/// One subschema. A part that is absent has nothing to check.
struct Node {
  TypeSet types = kEveryType;
  bool never = false;  ///< the schema `false`
  ResourceId resource = 0;
  std::unique_ptr<ValueChecks> values;
  std::unique_ptr<NumberChecks> number;
  std::unique_ptr<StringChecks> string;
  std::unique_ptr<ObjectChecks> object;
  std::unique_ptr<ArrayChecks> array;
  std::unique_ptr<InPlace> in_place;
  std::unique_ptr<Unevaluated> unevaluated;

  [[nodiscard]] bool asks_type_only() const {
    return !never && !values && !number && !string && !object && !array && !in_place &&
           !unevaluated;
  }
};

/// Dynamic anchors of one schema resource, by name.
using DynamicAnchors = std::map<std::string, NodeId, std::less<>>;

/// A compiled schema: nodes that refer to each other by index.
struct Schema::Program {
  /// The documents that names, patterns and enumerated values of the nodes are views into.
  std::vector<std::unique_ptr<simdjson::dom::document>> documents;
  std::vector<Node> nodes;                      ///< the first is the whole schema
  std::vector<DynamicAnchors> dynamic_anchors;  ///< by resource
  bool has_dynamic_references = false;
  std::vector<std::string> unsupported_patterns;
};

/// Runs a program. See Schema::validate.
[[nodiscard]] Expected<std::vector<Violation>> evaluate(const Schema::Program& program,
                                                        Element instance);

}  // namespace mcpgate::json
