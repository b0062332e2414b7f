#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "json/schema_evaluator.h"
#include "json/schema_message.h"
#include "json/write.h"

namespace mcpgate::json {

namespace {

// Arrays up to this size are searched for equal items pair by pair.
constexpr std::size_t kPairwiseMax = 8;

}  // namespace

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
    const std::string_view nearest = nearest_name(checks.properties, name);
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

}  // namespace mcpgate::json
