// Subschemas are compiled from a worklist, not by recursion: references may form chains as long as
// the schema, and cycles. A subschema gets its node's number when it is first referred to.

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "json/schema.h"
#include "json/schema_documents.h"
#include "json/schema_program.h"
#include "json/write.h"

namespace mcpgate::json {
namespace {

constexpr std::array<std::pair<std::string_view, TypeSet>, 7> kTypes = {{
    {"null", kNullType},
    {"boolean", kBooleanType},
    {"object", kObjectType},
    {"array", kArrayType},
    {"string", kStringType},
    {"number", kNumberType | kIntegerType},
    {"integer", kIntegerType},
}};

class Compiler {
 public:
  explicit Compiler(const CompileOptions& options) : options_(options), documents_(options) {}

  Expected<std::unique_ptr<Schema::Program>> run(std::string_view text);

 private:
  // One subschema being compiled.
  struct Source {
    Location at;
    Object schema;
    Dialect dialect;
  };

  Expected<void> compile(NodeId id, const Location& location);
  Expected<void> compile_core(Node& node, const Source& source);
  Expected<void> compile_values(Node& node, const Source& source);
  Expected<void> compile_number(Node& node, const Source& source);
  Expected<void> compile_string(Node& node, const Source& source);
  Expected<void> compile_object(Node& node, const Source& source);
  Expected<void> compile_properties(ObjectChecks& checks, const Source& source);
  Expected<void> compile_dependencies(ObjectChecks& checks, const Source& source);
  Expected<void> compile_array(Node& node, const Source& source);
  Expected<void> compile_in_place(Node& node, const Source& source);
  Expected<void> compile_unevaluated(Node& node, const Source& source);
  Expected<void> compile_definitions(const Source& source);
  Expected<void> compile_dynamic_anchors();

  Expected<NodeId> intern(Location location);
  Expected<NodeId> subschema(const Source& source, std::string_view keyword);
  Expected<std::vector<NodeId>> subschema_array(const Source& source, std::string_view keyword);
  Expected<std::vector<std::pair<std::string_view, NodeId>>> subschema_object(
      const Source& source, std::string_view keyword);
  Expected<void> count(const Source& source, std::string_view keyword, std::uint64_t& limit);
  Expected<void> number(const Source& source, std::string_view keyword,
                        std::optional<Decimal>& limit);
  Expected<std::vector<std::string_view>> names(const Location& at, std::string_view keyword,
                                                Element element);
  SchemaPattern pattern(std::string_view text);

  const CompileOptions& options_;
  SchemaDocuments documents_;
  std::unique_ptr<Schema::Program> program_ = std::make_unique<Schema::Program>();
  std::map<std::pair<std::size_t, std::string>, NodeId> interned_;
  std::deque<std::pair<NodeId, Location>> pending_;
  std::set<std::string, std::less<>> dynamic_names_;
};

std::unexpected<Error> malformed(const Location& at, std::string_view keyword,
                                 std::string_view expected) {
  return fail(ErrorCode::kInvalidArgument, "schema {}/{}: expected {}", at.pointer, keyword,
              expected);
}

template <class T>
T& made(std::unique_ptr<T>& part) {
  if (!part) {
    part = std::make_unique<T>();
  }
  return *part;
}

Expected<std::unique_ptr<Schema::Program>> Compiler::run(std::string_view text) {
  const Location root = TRY(documents_.add(text, options_.base_uri));
  std::ignore = TRY(intern(root));
  do {
    while (!pending_.empty()) {
      const auto [id, location] = std::move(pending_.front());
      pending_.pop_front();
      TRY_VOID(compile(id, location));
    }
    // Whatever a dynamic reference may lead to: known only now, and it may hold more references.
    TRY_VOID(compile_dynamic_anchors());
  } while (!pending_.empty());
  program_->has_dynamic_references = !dynamic_names_.empty();
  program_->documents = documents_.release();
  return std::move(program_);
}

Expected<NodeId> Compiler::intern(Location location) {
  location.resource = documents_.resource_of(location);
  const auto next = static_cast<NodeId>(program_->nodes.size());
  const auto [place, added] = interned_.try_emplace({location.document, location.pointer}, next);
  if (!added) {
    return place->second;
  }
  if (program_->nodes.size() >= options_.subschemas_max) {
    return fail(ErrorCode::kResourceExhausted, "schema has more than {} subschemas",
                options_.subschemas_max);
  }
  program_->nodes.emplace_back();
  pending_.emplace_back(next, std::move(location));
  return next;
}

Expected<void> Compiler::compile(NodeId id, const Location& location) {
  Node node;
  node.resource = location.resource;
  bool constant = false;
  const auto object = as_object(location.element);
  if (location.element.get(constant) == simdjson::SUCCESS) {
    node.never = !constant;
  } else if (!object) {
    return fail(ErrorCode::kInvalidArgument, "schema {}: expected an object, true or false",
                location.pointer);
  } else {
    const Source source{location, *object, documents_.resource(location.resource).dialect};
    TRY_VOID(compile_core(node, source));
    if (source.dialect.validation) {
      TRY_VOID(compile_values(node, source));
      TRY_VOID(compile_number(node, source));
      TRY_VOID(compile_string(node, source));
    }
    TRY_VOID(compile_object(node, source));
    TRY_VOID(compile_array(node, source));
    if (source.dialect.applicator) {
      TRY_VOID(compile_in_place(node, source));
    }
    if (source.dialect.unevaluated) {
      TRY_VOID(compile_unevaluated(node, source));
    }
  }
  program_->nodes[id] = std::move(node);
  return {};
}

Expected<void> Compiler::compile_core(Node& node, const Source& source) {
  for (const std::string_view keyword : {"$ref", "$dynamicRef"}) {
    const auto element = find(source.schema, keyword);
    if (!element) {
      continue;
    }
    const auto reference = as_string(*element);
    if (!reference) {
      return malformed(source.at, keyword, "a string");
    }
    auto target = documents_.resolve(source.at.resource, *reference);
    if (!target) {
      return fail(target.error().code, "schema {}/{}: {}", source.at.pointer, keyword,
                  target.error().message);
    }
    const NodeId target_id = TRY(intern(*target));
    InPlace& in_place = made(node.in_place);
    if (keyword == "$ref") {
      in_place.reference = target_id;
      continue;
    }
    in_place.dynamic_reference = target_id;
    // Only what a $dynamicAnchor made is looked up again at run time (core, 8.2.3.2).
    const auto schema = as_object(target->element);
    const auto anchor = schema ? string_at(*schema, "$dynamicAnchor") : std::nullopt;
    if (anchor && reference->ends_with("#" + std::string(*anchor))) {
      in_place.dynamic_anchor = *anchor;
      dynamic_names_.emplace(*anchor);
    }
  }
  return compile_definitions(source);
}

// Definitions that nothing refers to are compiled too, so that their mistakes are found now.
Expected<void> Compiler::compile_definitions(const Source& source) {
  std::ignore = TRY(subschema_object(source, "$defs"));
  return {};
}

Expected<void> Compiler::compile_dynamic_anchors() {
  program_->dynamic_anchors.resize(documents_.resource_count());
  for (ResourceId id = 0; id < documents_.resource_count(); ++id) {
    for (const auto& [name, location] : documents_.resource(id).dynamic_anchors) {
      if (dynamic_names_.contains(name)) {
        program_->dynamic_anchors[id][name] = TRY(intern(location));
      }
    }
  }
  return {};
}

Expected<void> Compiler::compile_values(Node& node, const Source& source) {
  if (const auto type = find(source.schema, "type")) {
    const auto one = as_string(*type);
    const auto words = one ? std::vector{*one} : TRY(names(source.at, "type", *type));
    node.types = 0;
    for (const std::string_view word : words) {
      const auto* known = std::ranges::find(kTypes, word, &decltype(kTypes)::value_type::first);
      if (known == kTypes.end()) {
        return malformed(source.at, "type", "the name of a type, or several");
      }
      node.types |= known->second;
    }
  }
  if (const auto allowed = find(source.schema, "enum")) {
    const auto array = as_array(*allowed);
    if (!array) {
      return malformed(source.at, "enum", "an array");
    }
    made(node.values).enumeration.emplace(array->begin(), array->end());
  }
  if (const auto constant = find(source.schema, "const")) {
    made(node.values).constant = *constant;
  }
  return {};
}

Expected<void> Compiler::compile_number(Node& node, const Source& source) {
  NumberChecks checks;
  TRY_VOID(number(source, "minimum", checks.minimum));
  TRY_VOID(number(source, "maximum", checks.maximum));
  TRY_VOID(number(source, "exclusiveMinimum", checks.exclusive_minimum));
  TRY_VOID(number(source, "exclusiveMaximum", checks.exclusive_maximum));
  TRY_VOID(number(source, "multipleOf", checks.multiple_of));
  if (checks.multiple_of && (checks.multiple_of->negative || checks.multiple_of->digits == 0)) {
    return malformed(source.at, "multipleOf", "a number above 0");
  }
  if (checks.minimum || checks.maximum || checks.exclusive_minimum || checks.exclusive_maximum ||
      checks.multiple_of) {
    node.number = std::make_unique<NumberChecks>(checks);
  }
  return {};
}

Expected<void> Compiler::compile_string(Node& node, const Source& source) {
  StringChecks checks;
  TRY_VOID(count(source, "minLength", checks.length_min));
  TRY_VOID(count(source, "maxLength", checks.length_max));
  if (const auto element = find(source.schema, "pattern")) {
    const auto text = as_string(*element);
    if (!text) {
      return malformed(source.at, "pattern", "a string");
    }
    checks.pattern = pattern(*text);
  }
  if (checks.length_min > 0 || checks.length_max < kNoLimit || checks.pattern) {
    node.string = std::make_unique<StringChecks>(std::move(checks));
  }
  return {};
}

Expected<void> Compiler::compile_object(Node& node, const Source& source) {
  ObjectChecks checks;
  TRY_VOID(compile_properties(checks, source));
  TRY_VOID(compile_dependencies(checks, source));
  if (source.dialect.validation) {
    TRY_VOID(count(source, "minProperties", checks.size_min));
    TRY_VOID(count(source, "maxProperties", checks.size_max));
  }
  if (source.dialect.applicator) {
    for (const auto& [source_text, id] : TRY(subschema_object(source, "patternProperties"))) {
      checks.patterns.push_back({pattern(source_text), id});
    }
    checks.additional = TRY(subschema(source, "additionalProperties"));
    checks.names = TRY(subschema(source, "propertyNames"));
  }
  if (!checks.properties.empty() || !checks.dependencies.empty() || !checks.patterns.empty() ||
      checks.size_min > 0 || checks.size_max < kNoLimit || checks.additional != kNoNode ||
      checks.names != kNoNode) {
    node.object = std::make_unique<ObjectChecks>(std::move(checks));
  }
  return {};
}

Expected<void> Compiler::compile_properties(ObjectChecks& checks, const Source& source) {
  std::map<std::string_view, Property> by_name;
  if (source.dialect.applicator) {
    for (const auto& [name, id] : TRY(subschema_object(source, "properties"))) {
      by_name[name] = {name, id, false};
    }
  }
  const auto required = find(source.schema, "required");
  if (source.dialect.validation && required) {
    for (const std::string_view name : TRY(names(source.at, "required", *required))) {
      Property& property = by_name.try_emplace(name, Property{.name = name}).first->second;
      checks.required_count += property.required ? 0 : 1;
      property.required = true;
    }
  }
  for (const auto& [name, property] : by_name) {
    checks.properties.push_back(property);
  }
  std::ranges::sort(checks.properties, property_less, &Property::name);
  return {};
}

Expected<void> Compiler::compile_dependencies(ObjectChecks& checks, const Source& source) {
  const auto required = find(source.schema, "dependentRequired");
  if (source.dialect.validation && required) {
    const auto object = as_object(*required);
    if (!object) {
      return malformed(source.at, "dependentRequired", "an object");
    }
    for (const auto field : *object) {
      checks.dependencies.push_back(
          {field.key, TRY(names(source.at, "dependentRequired", field.value)), kNoNode});
    }
  }
  if (source.dialect.applicator) {
    for (const auto& [name, id] : TRY(subschema_object(source, "dependentSchemas"))) {
      checks.dependencies.push_back({name, {}, id});
    }
  }
  return {};
}

Expected<void> Compiler::compile_array(Node& node, const Source& source) {
  ArrayChecks checks;
  if (source.dialect.validation) {
    TRY_VOID(count(source, "minItems", checks.size_min));
    TRY_VOID(count(source, "maxItems", checks.size_max));
    TRY_VOID(count(source, "minContains", checks.contains_min));
    TRY_VOID(count(source, "maxContains", checks.contains_max));
    if (const auto unique = find(source.schema, "uniqueItems");
        unique && unique->get(checks.unique) != simdjson::SUCCESS) {
      return malformed(source.at, "uniqueItems", "true or false");
    }
  }
  if (source.dialect.applicator) {
    checks.prefix = TRY(subschema_array(source, "prefixItems"));
    checks.items = TRY(subschema(source, "items"));
    checks.contains = TRY(subschema(source, "contains"));
  }
  if (checks.size_min > 0 || checks.size_max < kNoLimit || checks.unique ||
      !checks.prefix.empty() || checks.items != kNoNode || checks.contains != kNoNode) {
    node.array = std::make_unique<ArrayChecks>(std::move(checks));
  }
  return {};
}

Expected<void> Compiler::compile_in_place(Node& node, const Source& source) {
  InPlace parts = node.in_place ? std::move(*node.in_place) : InPlace{};
  parts.all_of = TRY(subschema_array(source, "allOf"));
  parts.any_of = TRY(subschema_array(source, "anyOf"));
  parts.one_of = TRY(subschema_array(source, "oneOf"));
  parts.negated = TRY(subschema(source, "not"));
  parts.condition = TRY(subschema(source, "if"));
  parts.then_branch = TRY(subschema(source, "then"));
  parts.else_branch = TRY(subschema(source, "else"));
  if (node.in_place || !parts.all_of.empty() || !parts.any_of.empty() || !parts.one_of.empty() ||
      parts.negated != kNoNode || parts.condition != kNoNode) {
    made(node.in_place) = std::move(parts);
  }
  return {};
}

Expected<void> Compiler::compile_unevaluated(Node& node, const Source& source) {
  const Unevaluated parts{TRY(subschema(source, "unevaluatedProperties")),
                          TRY(subschema(source, "unevaluatedItems"))};
  if (parts.properties != kNoNode || parts.items != kNoNode) {
    node.unevaluated = std::make_unique<Unevaluated>(parts);
  }
  return {};
}

Expected<NodeId> Compiler::subschema(const Source& source, std::string_view keyword) {
  const auto element = find(source.schema, keyword);
  if (!element) {
    return kNoNode;
  }
  return intern(child_of(source.at, *element, keyword));
}

Expected<std::vector<NodeId>> Compiler::subschema_array(const Source& source,
                                                        std::string_view keyword) {
  std::vector<NodeId> ids;
  const auto element = find(source.schema, keyword);
  if (!element) {
    return ids;
  }
  const auto array = as_array(*element);
  if (!array || array->begin() == array->end()) {
    return malformed(source.at, keyword, "an array with at least one schema");
  }
  const Location whole = child_of(source.at, *element, keyword);
  for (const Element item : *array) {
    ids.push_back(TRY(intern(child_of(whole, item, std::to_string(ids.size())))));
  }
  return ids;
}

Expected<std::vector<std::pair<std::string_view, NodeId>>> Compiler::subschema_object(
    const Source& source, std::string_view keyword) {
  std::vector<std::pair<std::string_view, NodeId>> ids;
  const auto element = find(source.schema, keyword);
  if (!element) {
    return ids;
  }
  const auto object = as_object(*element);
  if (!object) {
    return malformed(source.at, keyword, "an object of schemas");
  }
  const Location whole = child_of(source.at, *element, keyword);
  for (const auto field : *object) {
    ids.emplace_back(field.key, TRY(intern(child_of(whole, field.value, field.key))));
  }
  return ids;
}

Expected<void> Compiler::count(const Source& source, std::string_view keyword,
                               std::uint64_t& limit) {
  const auto element = find(source.schema, keyword);
  if (!element) {
    return {};
  }
  const auto number = to_decimal(*element);
  if (!number || !is_integer(*number) || (number->negative && number->digits != 0)) {
    return malformed(source.at, keyword, "an integer from 0 on");
  }
  // 2.0 is 2; what 64 bits do not hold, no instance reaches.
  limit = number->digits;
  for (int i = 0; i < number->exponent && limit < kNoLimit; ++i) {
    limit = limit > kNoLimit / 10 ? kNoLimit : limit * 10;
  }
  return {};
}

Expected<void> Compiler::number(const Source& source, std::string_view keyword,
                                std::optional<Decimal>& limit) {
  const auto element = find(source.schema, keyword);
  if (!element) {
    return {};
  }
  limit = to_decimal(*element);
  if (!limit) {
    return malformed(source.at, keyword, "a number");
  }
  return {};
}

Expected<std::vector<std::string_view>> Compiler::names(const Location& at,
                                                        std::string_view keyword, Element element) {
  const auto array = as_array(element);
  if (!array) {
    return malformed(at, keyword, "an array of strings");
  }
  std::vector<std::string_view> found;
  for (const Element item : *array) {
    const auto name = as_string(item);
    if (!name) {
      return malformed(at, keyword, "an array of strings");
    }
    found.push_back(*name);
  }
  return found;
}

SchemaPattern Compiler::pattern(std::string_view text) {
  SchemaPattern compiled{text, Pattern::compile(text)};
  if (!compiled.program) {
    program_->unsupported_patterns.emplace_back(text);
  }
  return compiled;
}

}  // namespace

Schema::Schema(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;
Schema::~Schema() = default;

Expected<Schema> Schema::compile(Element schema, const CompileOptions& options) {
  // Through text, so that the program owns all it points into.
  std::string text;
  append(text, schema);
  return Schema(TRY(Compiler(options).run(text)));
}

Expected<std::vector<Violation>> Schema::validate(Element instance) const {
  return evaluate(*program_, instance);
}

std::span<const std::string> Schema::unsupported_patterns() const {
  return program_->unsupported_patterns;
}

}  // namespace mcpgate::json
