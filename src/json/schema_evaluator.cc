// An instance is first checked without noting why it fails, which needs no memory and stops at the
// first failure; only when it is invalid is it checked again, for the violations.
//
// Whether a pattern matches that RE2 cannot run is unknown, so a verdict has three values (Kleene's
// logic), and what stays unknown is let through: no instance is refused for what was not checked.

#include "json/schema_evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "json/pointer.h"
#include "json/schema_message.h"
#include "json/utf8.h"

namespace mcpgate::json {

using simdjson::dom::element_type;

namespace {

// How many of the values of an enum a message names.
constexpr std::size_t kListedMax = 20;

}  // namespace

std::string Path::pointer() const {
  std::string pointer;
  append_to(pointer);
  return pointer;
}

void Path::append_to(std::string& pointer) const {
  if (parent_ != nullptr) {
    parent_->append_to(pointer);
    append_pointer_token(
        pointer, is_item_ ? std::to_string(index_) : std::string(cut_utf8(key_, kNameBytesMax)));
  }
}

Verdict Evaluator::check(NodeId id, Element instance, const Path& path, Evaluated* evaluated) {
  const Node& node = program_.nodes[id];
  if (!budget_.spend(1) || too_deep_) {
    return Verdict::kInvalid;
  }
  if (depth_ == kEvaluationDepthMax) {
    too_deep_ = true;
    return Verdict::kInvalid;
  }
  // As of most items of most lists.
  if (node.asks_type_only() && (types_of(instance) & node.types) != 0) {
    return Verdict::kValid;
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
  const Decimal number = to_decimal(instance).value_or(Decimal{});
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
