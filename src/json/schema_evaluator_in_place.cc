#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "json/schema_evaluator.h"
#include "json/schema_message.h"

namespace mcpgate::json {
namespace {

// How many alternatives a message explains.
constexpr std::size_t kExplainedMax = 4;

Verdict inverse(Verdict verdict) {
  return verdict == Verdict::kValid     ? Verdict::kInvalid
         : verdict == Verdict::kInvalid ? Verdict::kValid
                                        : Verdict::kUnknown;
}

}  // namespace

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

}  // namespace mcpgate::json
