#pragma once

// One run of a schema's program over one instance. For schema.h only; the functions stand in
// schema_evaluator.cc, schema_evaluator_containers.cc (objects and arrays) and
// schema_evaluator_in_place.cc (references, combinations of schemas, unevaluated values).

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/equality.h"
#include "json/schema_program.h"

namespace mcpgate::json {

/// In Kleene's logic: all of several is their minimum, any of several their maximum. Unknown is
/// what a pattern decides that RE2 cannot run.
enum class Verdict { kInvalid, kUnknown, kValid };

/// Where in the instance an evaluation is: a list from the leaf to the root, on the stack.
class Path {
 public:
  Path() = default;
  Path(const Path& parent, std::string_view key) : parent_(&parent), key_(key) {}
  Path(const Path& parent, std::size_t index) : parent_(&parent), index_(index), is_item_(true) {}

  /// As a JSON pointer, long names cut.
  [[nodiscard]] std::string pointer() const;

 private:
  void append_to(std::string& pointer) const;

  const Path* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_item_ = false;
};

/// Which members or items of one instance some subschema has looked at, by position.
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

/// Checks an instance against a node. Without a place for violations it stops at the first.
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

}  // namespace mcpgate::json
