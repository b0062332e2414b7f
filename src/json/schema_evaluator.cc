// An instance is first checked without noting why it fails, which needs no memory and stops at the
// first failure; only when it is invalid is it checked again, for the violations.
//
// Whether a pattern matches that RE2 cannot run is unknown, so a verdict has three values (Kleene's
// logic), and what stays unknown is let through: no instance is refused for what was not checked.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

#include "json/equality.h"
#include "json/pointer.h"
#include "json/schema_documents.h"
#include "json/schema_program.h"
#include "json/utf8.h"
#include "json/write.h"

namespace mcpgate::json {
namespace {

using simdjson::dom::element_type;

enum class Verdict { kInvalid, kUnknown, kValid };

Verdict inverse(Verdict verdict) {
  return verdict == Verdict::kValid     ? Verdict::kInvalid
         : verdict == Verdict::kInvalid ? Verdict::kValid
                                        : Verdict::kUnknown;
}

// How much of a property's name a violation shows.
constexpr std::size_t kNameBytesMax = 64;

// Where in the instance an evaluation is: a list from the leaf to the root, on the stack.
class Path {
 public:
  Path() = default;
  Path(const Path& parent, std::string_view key) : parent_(&parent), key_(key) {}
  Path(const Path& parent, std::size_t index) : parent_(&parent), index_(index), is_item_(true) {}

  [[nodiscard]] std::string pointer() const {
    std::string pointer;
    append_to(pointer);
    return pointer;
  }

 private:
  void append_to(std::string& pointer) const {
    if (parent_ != nullptr) {
      parent_->append_to(pointer);
      append_pointer_token(
          pointer, is_item_ ? std::to_string(index_) : std::string(cut_utf8(key_, kNameBytesMax)));
    }
  }

  const Path* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_item_ = false;
};

// Which members or items of one instance some subschema has looked at, by position.
class Evaluated {
 public:
  void mark(std::size_t position) {
    if (position >= marks_.size()) {
      marks_.resize(std::max(position + 1, 2 * marks_.size()));
    }
    marks_[position] = true;
  }
  [[nodiscard]] bool has(std::size_t position) const {
    return position < marks_.size() && marks_[position];
  }
  void merge(const Evaluated& other, Verdict verdict) {
    uncertain_ = uncertain_ || other.uncertain_ || verdict == Verdict::kUnknown;
    for (std::size_t i = 0; i < other.marks_.size(); ++i) {
      if (other.marks_[i]) {
        mark(i);
      }
    }
  }
  // Some marks rest on an unknown verdict.
  void set_uncertain() { uncertain_ = true; }
  [[nodiscard]] bool uncertain() const { return uncertain_; }

 private:
  std::vector<bool> marks_;
  bool uncertain_ = false;
};

std::string_view name_of(TypeSet type) {
  switch (type) {
    case kNullType:
      return "null";
    case kBooleanType:
      return "boolean";
    case kObjectType:
      return "object";
    case kArrayType:
      return "array";
    case kStringType:
      return "string";
    case kIntegerType:
      return "integer";
    default:
      return "number";
  }
}

// `integer`, `string or null`.
std::string names_of(TypeSet types) {
  if ((types & kNumberType) != 0) {
    types &= static_cast<TypeSet>(~kIntegerType);
  }
  std::string names;
  for (const TypeSet type :
       {kStringType, kIntegerType, kNumberType, kBooleanType, kObjectType, kArrayType, kNullType}) {
    if ((types & type) != 0) {
      names.append(names.empty() ? "" : " or ").append(name_of(type));
    }
  }
  return names;
}

TypeSet types_of(Element instance) {
  switch (instance.type()) {
    case element_type::OBJECT:
      return kObjectType;
    case element_type::ARRAY:
      return kArrayType;
    case element_type::STRING:
      return kStringType;
    case element_type::INT64:
    case element_type::UINT64:
      return kIntegerType | kNumberType;
    case element_type::DOUBLE:
      return is_integer(*to_decimal(instance)) ? kIntegerType | kNumberType : kNumberType;
    case element_type::BOOL:
      return kBooleanType;
    default:
      return kNullType;
  }
}

std::string_view type_name(Element instance) {
  const TypeSet types = types_of(instance);
  return name_of((types & kIntegerType) != 0 ? kIntegerType : types);
}

std::string shown(Element value) {
  std::string text;
  append(text, value);
  constexpr std::size_t kShownMax = 64;
  const std::string_view start = cut_utf8(text, kShownMax);
  return start.size() < text.size() ? std::string(start) + "…" : text;
}

std::string shown(const Decimal& number) {
  std::string text;
  append_number(text, number);
  return text;
}

// Levenshtein's, of short names; for suggestions.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

class Evaluator {
 public:
  explicit Evaluator(const Schema::Program& program, std::vector<Violation>* violations)
      : program_(program), violations_(violations) {}

  Verdict check(NodeId id, Element instance, const Path& path, Evaluated* evaluated);

  // Why the evaluation was given up, or nothing.
  [[nodiscard]] const char* exhausted() const {
    return too_deep_ ? "deep" : budget_.exhausted() ? "long" : nullptr;
  }

 private:
  // The verdict of several checks that must all hold.
  class All {
   public:
    explicit All(const Evaluator& evaluator) : evaluator_(evaluator) {}
    // Whether the rest need not be checked.
    bool add(Verdict verdict) {
      verdict_ = std::min(verdict_, verdict);
      return verdict_ == Verdict::kInvalid && !evaluator_.wants_more();
    }
    [[nodiscard]] Verdict verdict() const { return verdict_; }

   private:
    const Evaluator& evaluator_;
    Verdict verdict_ = Verdict::kValid;
  };

  // Checks of which only the verdict counts, or whose violations go elsewhere.
  class Redirect {
   public:
    Redirect(Evaluator& evaluator, std::vector<Violation>* to)
        : evaluator_(evaluator), before_(std::exchange(evaluator.violations_, to)) {}
    ~Redirect() { evaluator_.violations_ = before_; }
    Redirect(const Redirect&) = delete;
    Redirect& operator=(const Redirect&) = delete;

   private:
    Evaluator& evaluator_;
    std::vector<Violation>* before_;
  };

  [[nodiscard]] bool wants_more() const {
    return violations_ != nullptr && violations_->size() < kViolationsMax && !too_deep_ &&
           !budget_.exhausted();
  }

  // Notes a violation; the message is made only where somebody wants it.
  Verdict violated(const Path& path, std::string_view keyword, const auto& make_message) {
    if (wants_more()) {
      violations_->push_back({path.pointer(), std::string(keyword), make_message()});
    }
    return Verdict::kInvalid;
  }

  Verdict check_parts(const Node& node, Element instance, const Path& path, Evaluated* evaluated);
  Verdict check_values(const ValueChecks& checks, Element instance, const Path& path);
  Verdict check_number(const NumberChecks& checks, Element instance, const Path& path);
  Verdict check_string(const StringChecks& checks, std::string_view text, const Path& path);
  Verdict matches(const SchemaPattern& pattern, std::string_view text);

  Verdict check_object(const ObjectChecks& checks, Element instance, const Path& path,
                       Evaluated* evaluated);
  Verdict check_member(const ObjectChecks& checks, const Property* property,
                       const simdjson::dom::key_value_pair& member, const Path& path,
                       bool& looked_at);
  Verdict check_name(NodeId id, std::string_view name, const Path& path);
  Verdict check_size(std::uint64_t size, std::uint64_t size_min, std::uint64_t size_max,
                     const Path& path, std::string_view what);
  Verdict check_required(const ObjectChecks& checks, Object object, const Path& path);
  Verdict check_dependencies(const ObjectChecks& checks, Element instance, const Path& path,
                             Evaluated* evaluated);
  Verdict unexpected_member(const ObjectChecks& checks, std::string_view name, const Path& path);

  Verdict check_array(const ArrayChecks& checks, Array array, const Path& path,
                      Evaluated* evaluated);
  Verdict check_contains(const ArrayChecks& checks, Array array, const Path& path,
                         Evaluated* evaluated);
  Verdict check_unique(Array array, const Path& path);
  Verdict check_unique_pairwise(Array array, const Path& path);
  Verdict not_unique(std::size_t first, std::size_t second, const Path& path);

  Verdict check_in_place(const InPlace& parts, Element instance, const Path& path,
                         Evaluated* evaluated);
  Verdict check_dynamic(const InPlace& parts, Element instance, const Path& path,
                        Evaluated* evaluated);
  Verdict check_any_of(const InPlace& parts, Element instance, const Path& path,
                       Evaluated* evaluated);
  Verdict check_one_of(const InPlace& parts, Element instance, const Path& path,
                       Evaluated* evaluated);
  Verdict check_condition(const InPlace& parts, Element instance, const Path& path,
                          Evaluated* evaluated);
  Verdict check_branch(NodeId id, Element instance, const Path& path, Evaluated* evaluated);
  Verdict no_alternative(const std::vector<NodeId>& branches, std::string_view keyword,
                         Element instance, const Path& path);
  Verdict check_unevaluated(const Unevaluated& parts, Element instance, const Path& path,
                            Evaluated& evaluated);
  [[nodiscard]] TypeSet declared_types(NodeId id) const;

  const Schema::Program& program_;
  std::vector<Violation>* violations_;
  std::optional<Parser> name_parser_;
  Budget budget_{kEvaluationStepsMax};
  bool too_deep_ = false;
  std::size_t depth_ = 0;
  // The dynamic scope: resources entered, outermost first. Only kept where references need it.
  std::array<ResourceId, kEvaluationDepthMax> scope_;
  std::size_t scope_size_ = 0;
};

Verdict Evaluator::check(NodeId id, Element instance, const Path& path, Evaluated* evaluated) {
  const Node& node = program_.nodes[id];
  if (!budget_.spend(1) || too_deep_) {
    return Verdict::kInvalid;
  }
  if (depth_ == kEvaluationDepthMax) {
    too_deep_ = true;
    return Verdict::kInvalid;
  }
  const std::size_t scope_before = scope_size_;
  if (program_.has_dynamic_references &&
      (scope_size_ == 0 || scope_[scope_size_ - 1] != node.resource)) {
    scope_[scope_size_++] = node.resource;
  }
  ++depth_;
  Verdict verdict = Verdict::kValid;
  if (node.never) {
    verdict = violated(path, "false", [] { return "no value is allowed here"; });
  } else if (node.types != kEveryType && (types_of(instance) & node.types) == 0) {
    verdict = violated(path, "type", [&] {
      return fmt::format("expected {}, got {}", names_of(node.types), type_name(instance));
    });
  } else if (!node.unevaluated) {
    verdict = check_parts(node, instance, path, evaluated);
  } else {
    Evaluated own;
    verdict = check_parts(node, instance, path, &own);
    if (verdict != Verdict::kInvalid) {
      verdict = std::min(verdict, check_unevaluated(*node.unevaluated, instance, path, own));
    }
    if (evaluated != nullptr) {
      evaluated->merge(own, verdict);
    }
  }
  --depth_;
  scope_size_ = scope_before;
  return verdict;
}

Verdict Evaluator::check_parts(const Node& node, Element instance, const Path& path,
                               Evaluated* evaluated) {
  All all(*this);
  if (node.values && all.add(check_values(*node.values, instance, path))) {
    return all.verdict();
  }
  switch (instance.type()) {
    case element_type::OBJECT:
      if (node.object) {
        all.add(check_object(*node.object, instance, path, evaluated));
      }
      break;
    case element_type::ARRAY:
      if (node.array) {
        all.add(check_array(*node.array, instance.get_array().value_unsafe(), path, evaluated));
      }
      break;
    case element_type::STRING:
      if (node.string) {
        all.add(check_string(*node.string, instance.get_string().value_unsafe(), path));
      }
      break;
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      if (node.number) {
        all.add(check_number(*node.number, instance, path));
      }
      break;
    default:
      break;
  }
  if (node.in_place && !all.add(Verdict::kValid)) {
    all.add(check_in_place(*node.in_place, instance, path, evaluated));
  }
  return all.verdict();
}

Verdict Evaluator::check_values(const ValueChecks& checks, Element instance, const Path& path) {
  const auto same = [&](Element allowed) { return equal(instance, allowed, budget_); };
  if (checks.constant && !same(*checks.constant)) {
    return violated(path, "const", [&] { return "expected " + shown(*checks.constant); });
  }
  if (checks.enumeration && std::ranges::none_of(*checks.enumeration, same)) {
    return violated(path, "enum", [&] {
      constexpr std::size_t kListedMax = 20;
      std::string message = "expected one of ";
      for (std::size_t i = 0; i < checks.enumeration->size(); ++i) {
        message += i == 0 ? "" : ", ";
        if (i == kListedMax) {
          return message + "…";
        }
        message += shown((*checks.enumeration)[i]);
      }
      return message;
    });
  }
  return Verdict::kValid;
}

Verdict Evaluator::check_number(const NumberChecks& checks, Element instance, const Path& path) {
  const Decimal number = *to_decimal(instance);
  All all(*this);
  const auto require = [&](const std::optional<Decimal>& limit, auto&& holds,
                           std::string_view keyword, std::string_view words) {
    if (!limit || holds(*limit)) {
      return false;
    }
    return all.add(violated(path, keyword,
                            [&] { return fmt::format("expected {} {}", words, shown(*limit)); }));
  };
  const auto at_least = [&](const Decimal& limit) { return compare(number, limit) >= 0; };
  const auto at_most = [&](const Decimal& limit) { return compare(number, limit) <= 0; };
  const auto above = [&](const Decimal& limit) { return compare(number, limit) > 0; };
  const auto below = [&](const Decimal& limit) { return compare(number, limit) < 0; };
  const auto multiple = [&](const Decimal& divisor) { return is_multiple(number, divisor); };
  std::ignore = require(checks.minimum, at_least, "minimum", "at least") ||
                require(checks.maximum, at_most, "maximum", "at most") ||
                require(checks.exclusive_minimum, above, "exclusiveMinimum", "more than") ||
                require(checks.exclusive_maximum, below, "exclusiveMaximum", "less than") ||
                require(checks.multiple_of, multiple, "multipleOf", "a multiple of");
  return all.verdict();
}

Verdict Evaluator::check_string(const StringChecks& checks, std::string_view text,
                                const Path& path) {
  All all(*this);
  // As many bytes are at least a quarter as many characters, and at most as many.
  const bool surely_within =
      text.size() / 4 >= checks.length_min && text.size() <= checks.length_max;
  if (!surely_within) {
    budget_.spend(text.size() / 64);
    if (all.add(check_size(count_characters(text), checks.length_min, checks.length_max, path,
                           "Length"))) {
      return all.verdict();
    }
  }
  if (checks.pattern) {
    const Verdict matched = matches(*checks.pattern, text);
    all.add(matched != Verdict::kInvalid ? matched : violated(path, "pattern", [&] {
      return "expected a string that matches " + quote(checks.pattern->source);
    }));
  }
  return all.verdict();
}

Verdict Evaluator::matches(const SchemaPattern& pattern, std::string_view text) {
  if (!pattern.program) {
    return Verdict::kUnknown;
  }
  if (!budget_.spend(1 + text.size() / 16)) {
    return Verdict::kInvalid;
  }
  return pattern.program->matches(text) ? Verdict::kValid : Verdict::kInvalid;
}

Verdict Evaluator::check_size(std::uint64_t size, std::uint64_t size_min, std::uint64_t size_max,
                              const Path& path, std::string_view what) {
  if (size >= size_min && size <= size_max) {
    return Verdict::kValid;
  }
  const bool small = size < size_min;
  return violated(path, fmt::format("{}{}", small ? "min" : "max", what), [&] {
    const std::string_view unit = what == "Length"  ? "characters"
                                  : what == "Items" ? "items"
                                                    : "properties";
    return fmt::format("expected {} {} {}, got {}", small ? "at least" : "at most",
                       small ? size_min : size_max, unit, size);
  });
}

Verdict Evaluator::check_object(const ObjectChecks& checks, Element instance, const Path& path,
                                Evaluated* evaluated) {
  All all(*this);
  std::size_t size = 0;
  std::size_t required_seen = 0;
  const Object object = instance.get_object().value_unsafe();
  for (const auto member : object) {
    const auto place =
        std::ranges::lower_bound(checks.properties, member.key, property_less, &Property::name);
    const Property* property =
        place != checks.properties.end() && place->name == member.key ? &*place : nullptr;
    // No key is there twice: that has been checked before.
    required_seen += property != nullptr && property->required ? 1 : 0;
    bool looked_at = false;
    if (!budget_.spend(1) || all.add(check_member(checks, property, member, path, looked_at))) {
      return Verdict::kInvalid;
    }
    if (looked_at && evaluated != nullptr) {
      evaluated->mark(size);
    }
    ++size;
  }
  if (required_seen < checks.required_count && all.add(check_required(checks, object, path))) {
    return all.verdict();
  }
  if (all.add(check_size(size, checks.size_min, checks.size_max, path, "Properties")) ||
      checks.dependencies.empty()) {
    return all.verdict();
  }
  all.add(check_dependencies(checks, instance, path, evaluated));
  return all.verdict();
}

Verdict Evaluator::check_member(const ObjectChecks& checks, const Property* property,
                                const simdjson::dom::key_value_pair& member, const Path& path,
                                bool& looked_at) {
  const Path child(path, member.key);
  All all(*this);
  if (property != nullptr && property->node != kNoNode) {
    looked_at = true;
    if (all.add(check(property->node, member.value, child, nullptr))) {
      return all.verdict();
    }
  }
  bool unknown = false;
  for (const PatternProperty& entry : checks.patterns) {
    const Verdict matched = matches(entry.pattern, member.key);
    if (matched == Verdict::kUnknown) {
      unknown = true;
    } else if (matched == Verdict::kValid) {
      looked_at = true;
      if (all.add(check(entry.node, member.value, child, nullptr))) {
        return all.verdict();
      }
    }
  }
  if (unknown && all.add(Verdict::kUnknown)) {
    return all.verdict();
  }
  if (checks.additional != kNoNode && !looked_at && !unknown) {
    const bool closed = program_.nodes[checks.additional].never;
    if (all.add(closed ? unexpected_member(checks, member.key, child)
                       : check(checks.additional, member.value, child, nullptr))) {
      return all.verdict();
    }
  }
  looked_at = looked_at || unknown || checks.additional != kNoNode;
  if (checks.names != kNoNode) {
    all.add(check_name(checks.names, member.key, child));
  }
  return all.verdict();
}

// Keys are no elements of the DOM, so this one is made into one.
Verdict Evaluator::check_name(NodeId id, std::string_view name, const Path& path) {
  if (!name_parser_) {
    name_parser_.emplace(std::numeric_limits<std::size_t>::max());
  }
  std::string text;
  append_string(text, name);
  const auto element = name_parser_->parse(text);
  if (!element) {
    return violated(path, "propertyNames", [&] { return element.error().message; });
  }
  std::vector<Violation> why;
  Verdict verdict = Verdict::kValid;
  {
    const Redirect aside(*this, violations_ == nullptr ? nullptr : &why);
    verdict = check(id, *element, path, nullptr);
  }
  if (verdict != Verdict::kInvalid) {
    return verdict;
  }
  return violated(path, "propertyNames", [&] {
    return "the property's name: " + (why.empty() ? "not allowed" : why.front().message);
  });
}

Verdict Evaluator::unexpected_member(const ObjectChecks& checks, std::string_view name,
                                     const Path& path) {
  return violated(path, "additionalProperties", [&]() -> std::string {
    std::string_view nearest;
    std::size_t distance = 1 + name.size() / 3;
    for (const Property& property : checks.properties) {
      if (property.name.size() <= kNameBytesMax && name.size() <= kNameBytesMax) {
        const std::size_t edits = edit_distance(name, property.name);
        if (edits <= distance) {
          nearest = property.name;
          distance = edits;
        }
      }
    }
    return nearest.empty() ? "unexpected property"
                           : fmt::format("unexpected property; did you mean {}?", quote(nearest));
  });
}

Verdict Evaluator::check_required(const ObjectChecks& checks, Object object, const Path& path) {
  All all(*this);
  for (const Property& property : checks.properties) {
    if (property.required && !find(object, property.name) &&
        all.add(violated(path, "required",
                         [&] { return "missing required property " + quote(property.name); }))) {
      break;
    }
  }
  return all.verdict();
}

Verdict Evaluator::check_dependencies(const ObjectChecks& checks, Element instance,
                                      const Path& path, Evaluated* evaluated) {
  All all(*this);
  const Object object = instance.get_object().value_unsafe();
  for (const Dependency& dependency : checks.dependencies) {
    budget_.spend(object.size());
    if (!find(object, dependency.name)) {
      continue;
    }
    for (const std::string_view name : dependency.required) {
      if (!budget_.spend(object.size())) {
        return Verdict::kInvalid;
      }
      if (!find(object, name) && all.add(violated(path, "dependentRequired", [&] {
            return fmt::format("missing property {}, which {} requires", quote(name),
                               quote(dependency.name));
          }))) {
        return all.verdict();
      }
    }
    if (dependency.node != kNoNode && all.add(check(dependency.node, instance, path, evaluated))) {
      return all.verdict();
    }
  }
  return all.verdict();
}

Verdict Evaluator::check_array(const ArrayChecks& checks, Array array, const Path& path,
                               Evaluated* evaluated) {
  All all(*this);
  std::size_t size = 0;
  for (const Element item : array) {
    const NodeId node = size < checks.prefix.size() ? checks.prefix[size] : checks.items;
    if (node != kNoNode) {
      if (all.add(check(node, item, Path(path, size), nullptr))) {
        return all.verdict();
      }
      if (evaluated != nullptr) {
        evaluated->mark(size);
      }
    }
    ++size;
  }
  budget_.spend(size);
  if (all.add(check_size(size, checks.size_min, checks.size_max, path, "Items")) ||
      (checks.contains != kNoNode && all.add(check_contains(checks, array, path, evaluated)))) {
    return all.verdict();
  }
  if (checks.unique) {
    all.add(check_unique(array, path));
  }
  return all.verdict();
}

Verdict Evaluator::check_contains(const ArrayChecks& checks, Array array, const Path& path,
                                  Evaluated* evaluated) {
  std::size_t position = 0;
  std::uint64_t surely = 0;
  std::uint64_t maybe = 0;
  {
    const Redirect quiet(*this, nullptr);
    for (const Element item : array) {
      const Path child(path, position);
      const Verdict matched = check(checks.contains, item, child, nullptr);
      surely += matched == Verdict::kValid ? 1 : 0;
      maybe += matched == Verdict::kUnknown ? 1 : 0;
      if (matched != Verdict::kInvalid && evaluated != nullptr) {
        evaluated->mark(position);
      }
      ++position;
    }
  }
  if (maybe > 0 && evaluated != nullptr) {
    evaluated->set_uncertain();
  }
  if (surely + maybe < checks.contains_min || surely > checks.contains_max) {
    const bool few = surely + maybe < checks.contains_min;
    return violated(path, few ? "minContains" : "maxContains", [&] {
      return fmt::format("expected {} {} items of the kind that contains describes, got {}",
                         few ? "at least" : "at most",
                         few ? checks.contains_min : checks.contains_max, surely);
    });
  }
  return surely >= checks.contains_min && surely + maybe <= checks.contains_max ? Verdict::kValid
                                                                                : Verdict::kUnknown;
}

Verdict Evaluator::check_unique(Array array, const Path& path) {
  constexpr std::size_t kPairwiseMax = 8;
  if (array.size() <= kPairwiseMax) {
    return check_unique_pairwise(array, path);
  }
  struct Entry {
    std::uint64_t hash;
    std::size_t position;
    Element item;
  };
  std::vector<Entry> entries;
  for (const Element item : array) {
    entries.push_back({hash(item, budget_), entries.size(), item});
  }
  std::ranges::sort(entries, {},
                    [](const Entry& entry) { return std::pair(entry.hash, entry.position); });
  for (auto first = entries.begin(); first != entries.end(); ++first) {
    for (auto second = first + 1; second != entries.end() && second->hash == first->hash;
         ++second) {
      if (equal(first->item, second->item, budget_)) {
        return not_unique(first->position, second->position, path);
      }
      if (budget_.exhausted()) {
        return Verdict::kInvalid;
      }
    }
  }
  return Verdict::kValid;
}

// Without memory, for the arrays of a few words that most are.
Verdict Evaluator::check_unique_pairwise(Array array, const Path& path) {
  std::size_t position = 0;
  for (const Element item : array) {
    std::size_t earlier = 0;
    for (auto other = array.begin(); earlier < position; ++other, ++earlier) {
      if (equal(*other, item, budget_)) {
        return not_unique(earlier, position, path);
      }
    }
    ++position;
  }
  return budget_.exhausted() ? Verdict::kInvalid : Verdict::kValid;
}

Verdict Evaluator::not_unique(std::size_t first, std::size_t second, const Path& path) {
  return violated(path, "uniqueItems",
                  [&] { return fmt::format("items {} and {} are equal", first, second); });
}

Verdict Evaluator::check_in_place(const InPlace& parts, Element instance, const Path& path,
                                  Evaluated* evaluated) {
  All all(*this);
  if (parts.reference != kNoNode && all.add(check(parts.reference, instance, path, evaluated))) {
    return all.verdict();
  }
  if (parts.dynamic_reference != kNoNode &&
      all.add(check_dynamic(parts, instance, path, evaluated))) {
    return all.verdict();
  }
  for (const NodeId id : parts.all_of) {
    if (all.add(check(id, instance, path, evaluated))) {
      return all.verdict();
    }
  }
  if (!parts.any_of.empty() && all.add(check_any_of(parts, instance, path, evaluated))) {
    return all.verdict();
  }
  if (!parts.one_of.empty() && all.add(check_one_of(parts, instance, path, evaluated))) {
    return all.verdict();
  }
  if (parts.negated != kNoNode) {
    Verdict verdict = inverse(check_branch(parts.negated, instance, path, nullptr));
    if (verdict == Verdict::kInvalid) {
      verdict = violated(path, "not", [] { return "is what the keyword not excludes"; });
    }
    if (all.add(verdict)) {
      return all.verdict();
    }
  }
  if (parts.condition != kNoNode) {
    all.add(check_condition(parts, instance, path, evaluated));
  }
  return all.verdict();
}

Verdict Evaluator::check_dynamic(const InPlace& parts, Element instance, const Path& path,
                                 Evaluated* evaluated) {
  NodeId target = parts.dynamic_reference;
  for (std::size_t i = 0; i < scope_size_ && !parts.dynamic_anchor.empty(); ++i) {
    const DynamicAnchors& anchors = program_.dynamic_anchors[scope_[i]];
    if (const auto anchor = anchors.find(parts.dynamic_anchor); anchor != anchors.end()) {
      target = anchor->second;
      break;
    }
  }
  return check(target, instance, path, evaluated);
}

// A subschema whose failure is no violation by itself. Its marks count only where it holds.
Verdict Evaluator::check_branch(NodeId id, Element instance, const Path& path,
                                Evaluated* evaluated) {
  const Redirect quiet(*this, nullptr);
  if (evaluated == nullptr) {
    return check(id, instance, path, nullptr);
  }
  Evaluated own;
  const Verdict verdict = check(id, instance, path, &own);
  if (verdict != Verdict::kInvalid) {
    evaluated->merge(own, verdict);
  }
  return verdict;
}

Verdict Evaluator::check_any_of(const InPlace& parts, Element instance, const Path& path,
                                Evaluated* evaluated) {
  Verdict best = Verdict::kInvalid;
  for (const NodeId id : parts.any_of) {
    best = std::max(best, check_branch(id, instance, path, evaluated));
    if (best == Verdict::kValid && evaluated == nullptr) {
      return best;
    }
  }
  return best != Verdict::kInvalid ? best : no_alternative(parts.any_of, "anyOf", instance, path);
}

Verdict Evaluator::check_one_of(const InPlace& parts, Element instance, const Path& path,
                                Evaluated* evaluated) {
  std::size_t surely = 0;
  std::size_t maybe = 0;
  for (const NodeId id : parts.one_of) {
    const Verdict verdict = check_branch(id, instance, path, evaluated);
    surely += verdict == Verdict::kValid ? 1 : 0;
    maybe += verdict == Verdict::kUnknown ? 1 : 0;
  }
  if (surely > 1) {
    return violated(path, "oneOf", [&] {
      return fmt::format("fits {} of {} alternatives, expected exactly one", surely,
                         parts.one_of.size());
    });
  }
  if (surely + maybe == 0) {
    return no_alternative(parts.one_of, "oneOf", instance, path);
  }
  return maybe == 0 ? Verdict::kValid : Verdict::kUnknown;
}

Verdict Evaluator::check_condition(const InPlace& parts, Element instance, const Path& path,
                                   Evaluated* evaluated) {
  const Verdict condition = check_branch(parts.condition, instance, path, evaluated);
  const auto branch = [&](NodeId id) {
    return id == kNoNode ? Verdict::kValid : check(id, instance, path, evaluated);
  };
  if (condition == Verdict::kValid) {
    return branch(parts.then_branch);
  }
  if (condition == Verdict::kInvalid) {
    return branch(parts.else_branch);
  }
  if (evaluated != nullptr) {
    evaluated->set_uncertain();
  }
  return Verdict::kUnknown;
}

// The types that a subschema, or what it refers to, asks for.
TypeSet Evaluator::declared_types(NodeId id) const {
  for (std::size_t hops = 0; hops < kEvaluationDepthMax; ++hops) {
    const Node& node = program_.nodes[id];
    if (node.types != kEveryType || !node.in_place || node.in_place->reference == kNoNode) {
      return node.types;
    }
    id = node.in_place->reference;
  }
  return kEveryType;
}

// Says what would help most: the types where all alternatives want other ones; what is wrong with
// the only one that has the right type; else what is wrong with each.
Verdict Evaluator::no_alternative(const std::vector<NodeId>& branches, std::string_view keyword,
                                  Element instance, const Path& path) {
  if (!wants_more()) {
    return Verdict::kInvalid;
  }
  constexpr std::size_t kExplainedMax = 4;
  TypeSet wanted = 0;
  std::vector<std::vector<Violation>> candidates;
  for (const NodeId id : branches) {
    if ((declared_types(id) & types_of(instance)) == 0) {
      wanted |= declared_types(id);
    } else if (candidates.size() <= kExplainedMax) {
      std::vector<Violation> why;
      const Redirect aside(*this, &why);
      check(id, instance, path, nullptr);
      candidates.push_back(std::move(why));
    }
  }
  if (candidates.empty()) {
    return violated(path, keyword, [&] {
      return fmt::format("expected {}, got {}", names_of(wanted), type_name(instance));
    });
  }
  if (candidates.size() == 1) {
    std::ranges::move(candidates.front(), std::back_inserter(*violations_));
    return Verdict::kInvalid;
  }
  return violated(path, keyword, [&] {
    std::string message = "fits no alternative";
    for (std::size_t i = 0; i < std::min(candidates.size(), kExplainedMax); ++i) {
      if (!candidates[i].empty()) {
        message +=
            fmt::format("{}{}", i == 0 ? ": " : "; or ", to_string(candidates[i].front(), ""));
      }
    }
    return message;
  });
}

Verdict Evaluator::check_unevaluated(const Unevaluated& parts, Element instance, const Path& path,
                                     Evaluated& evaluated) {
  All all(*this);
  std::size_t position = 0;
  const auto visit = [&](NodeId id, Element value, const Path& child, std::string_view keyword) {
    if (evaluated.has(position)) {
      return false;
    }
    evaluated.mark(position);
    const Verdict verdict =
        program_.nodes[id].never
            ? violated(child, keyword, [] { return "unexpected: no schema allows it here"; })
            : check(id, value, child, nullptr);
    return all.add(verdict);
  };
  const auto object = as_object(instance);
  const auto array = as_array(instance);
  if (object && parts.properties != kNoNode) {
    for (const auto member : *object) {
      const Path child(path, member.key);
      if (visit(parts.properties, member.value, child, "unevaluatedProperties")) {
        break;
      }
      ++position;
    }
  } else if (array && parts.items != kNoNode) {
    for (const Element item : *array) {
      const Path child(path, position);
      if (visit(parts.items, item, child, "unevaluatedItems")) {
        break;
      }
      ++position;
    }
  }
  const bool unsure = evaluated.uncertain() && all.verdict() == Verdict::kValid;
  return unsure ? Verdict::kUnknown : all.verdict();
}

}  // namespace

std::string to_string(const Violation& violation, std::string_view root) {
  std::string text(root);
  std::string_view pointer = violation.pointer;
  while (const auto token = take_pointer_token(pointer)) {
    text.append(text.empty() ? "" : ".").append(*token);
  }
  return text.append(text.empty() ? "" : ": ").append(violation.message);
}

Expected<std::vector<Violation>> evaluate(const Schema::Program& program, Element instance) {
  if (auto twin = find_duplicate_key(instance)) {
    return std::vector{Violation{*std::move(twin), "duplicateKey", "this property is there twice"}};
  }
  std::vector<Violation> violations;
  for (std::vector<Violation>* wanted :
       {static_cast<std::vector<Violation>*>(nullptr), &violations}) {
    Evaluator evaluator(program, wanted);
    const Verdict verdict = evaluator.check(0, instance, Path{}, nullptr);
    if (const char* why = evaluator.exhausted()) {
      return fail(ErrorCode::kResourceExhausted,
                  "checking a value against its schema takes too {}: the limits are {} steps, {} "
                  "subschemas deep",
                  why, kEvaluationStepsMax, kEvaluationDepthMax);
    }
    if (verdict != Verdict::kInvalid) {
      break;
    }
  }
  violations.erase(
      violations.begin() + std::min<std::ptrdiff_t>(std::ssize(violations), kViolationsMax),
      violations.end());
  return violations;
}

}  // namespace mcpgate::json
