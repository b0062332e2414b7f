#include "json/schema_documents.h"

#include <algorithm>
#include <array>

#include "json/metaschema.h"
#include "json/pointer.h"
#include "json/schema_message.h"
#include "json/uri.h"

namespace mcpgate::json {
namespace {

// The keywords of 2020-12 whose value is a subschema, an array of them, or an object of them.
constexpr std::array<std::string_view, 11> kOneSubschema = {"additionalProperties",
                                                            "contains",
                                                            "contentSchema",
                                                            "else",
                                                            "if",
                                                            "items",
                                                            "not",
                                                            "propertyNames",
                                                            "then",
                                                            "unevaluatedItems",
                                                            "unevaluatedProperties"};
constexpr std::array<std::string_view, 4> kSubschemaArray = {"allOf", "anyOf", "oneOf",
                                                             "prefixItems"};
constexpr std::array<std::string_view, 5> kSubschemaObject = {
    "$defs", "definitions", "dependentSchemas", "patternProperties", "properties"};

constexpr std::string_view kVocabularies = "https://json-schema.org/draft/2020-12/vocab/";

// Vocabularies that check nothing.
constexpr std::array<std::string_view, 4> kAnnotating = {"core", "meta-data", "content",
                                                         "format-annotation"};

constexpr std::string_view kDialectDraft7 = "http://json-schema.org/draft-07/schema";

// What draft-07 does not know, or means otherwise.
constexpr std::array<std::string_view, 14> kNotOfDraft7 = {
    "$anchor",          "$dynamicAnchor",       "$dynamicRef",  "$recursiveAnchor",
    "$recursiveRef",    "additionalItems",      "dependencies", "dependentRequired",
    "dependentSchemas", "maxContains",          "minContains",  "prefixItems",
    "unevaluatedItems", "unevaluatedProperties"};
// What may stand beside a `$ref`, which in draft-07 makes its neighbours void: what asserts
// nothing.
constexpr std::array<std::string_view, 10> kBesideRef = {
    "$ref",  "$schema",     "$id",         "$comment", "$defs",
    "title", "description", "definitions", "default",  "examples"};

bool contains(const auto& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::unexpected<Error> invalid(const Location& at, std::string_view keyword, std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "schema {}/{}: {}", at.pointer, keyword, why);
}

// A string keyword of the core vocabulary, or nothing where it is absent.
Expected<std::optional<std::string_view>> core_string(const Location& at, Object schema,
                                                      std::string_view keyword) {
  const auto element = find(schema, keyword);
  if (!element) {
    return std::nullopt;
  }
  const auto text = as_string(*element);
  if (!text) {
    return invalid(at, keyword, "expected a string");
  }
  return text;
}

// What most generators write of draft-07 is the same in 2020-12; the rest is refused, not guessed.
Expected<void> check_draft7(const Location& at, Object schema) {
  const bool refers = find(schema, "$ref").has_value();
  for (const auto field : schema) {
    const bool tuple = field.key == "items" && as_array(field.value).has_value();
    if (tuple || contains(kNotOfDraft7, field.key) ||
        (refers && !contains(kBesideRef, field.key))) {
      return fail(ErrorCode::kFailedPrecondition,
                  "schema {}/{}: means something else in draft-07; use {}", at.pointer,
                  std::string_view(field.key), kDialect2020);
    }
  }
  return {};
}

}  // namespace

Location child_of(const Location& parent, Element element, std::string_view token) {
  Location child{element, parent.document, parent.pointer, parent.resource};
  append_pointer_token(child.pointer, token);
  return child;
}

Expected<Location> SchemaDocuments::add(std::string_view text, const std::string& uri) {
  if (text.size() > options_.schema_bytes_max) {
    return fail(ErrorCode::kResourceExhausted, "schema of {} bytes; the limit is {}", text.size(),
                options_.schema_bytes_max);
  }
  // A parser's buffers are large; of them only the document is kept.
  simdjson::dom::parser parser;
  auto document = std::make_unique<simdjson::dom::document>();
  const simdjson::padded_string padded(text);
  Location root;
  root.document = documents_.size();
  if (parser.allocate(text.size() + 1, kDepthMax) != simdjson::SUCCESS ||
      parser.parse_into_document(*document, padded).get(root.element) != simdjson::SUCCESS) {
    return fail(ErrorCode::kInvalidArgument, "schema {}: not JSON, or nested deeper than {}",
                quote(uri), kDepthMax);
  }
  documents_.push_back(std::move(document));
  if (const auto twin = find_duplicate_key(root.element)) {
    return fail(ErrorCode::kInvalidArgument, "schema {}: duplicate key", *twin);
  }
  make_resource(uri, root, Dialect{});
  TRY_VOID(scan(root));
  return root;
}

ResourceId SchemaDocuments::make_resource(std::string uri, Location& root, Dialect dialect) {
  root.resource = static_cast<ResourceId>(resources_.size());
  by_uri_.insert_or_assign(uri, root.resource);
  resources_.push_back(std::make_unique<Resource>(std::move(uri), root, dialect));
  return root.resource;
}

Expected<void> SchemaDocuments::scan(Location location) {
  if (++subschemas_ > options_.subschemas_max) {
    return fail(ErrorCode::kResourceExhausted, "schema has more than {} subschemas",
                options_.subschemas_max);
  }
  const auto schema = as_object(location.element);
  if (!schema) {
    return {};  // true and false; anything else is refused when it is compiled
  }
  TRY_VOID(enter_resource(location, *schema));
  if (resources_[location.resource]->dialect.draft7) {
    TRY_VOID(check_draft7(location, *schema));
  }
  TRY_VOID(register_anchors(location, *schema));
  return scan_children(location, *schema);
}

Expected<void> SchemaDocuments::scan_children(const Location& location, Object schema) {
  for (const auto field : schema) {
    const Location value = child_of(location, field.value, field.key);
    const auto array = as_array(field.value);
    const auto object = as_object(field.value);
    if (contains(kOneSubschema, field.key)) {
      TRY_VOID(scan(value));
    } else if (array && contains(kSubschemaArray, field.key)) {
      std::size_t index = 0;
      for (const Element item : *array) {
        TRY_VOID(scan(child_of(value, item, std::to_string(index++))));
      }
    } else if (object && contains(kSubschemaObject, field.key)) {
      for (const auto member : *object) {
        TRY_VOID(scan(child_of(value, member.value, member.key)));
      }
    }
  }
  return {};
}

Expected<void> SchemaDocuments::enter_resource(Location& location, Object schema) {
  const bool is_root = location.pointer.empty();
  if (const auto id = TRY(core_string(location, schema, "$id"))) {
    const auto [uri, fragment] =
        split_fragment(resolve_uri(resources_[location.resource]->uri, *id));
    if (!fragment.empty()) {
      return invalid(location, "$id", "a fragment is not allowed");
    }
    const auto known = by_uri_.find(uri);
    const bool is_own = is_root && known != by_uri_.end() && known->second == location.resource;
    if (known != by_uri_.end() && !is_own) {
      return invalid(location, "$id", "another schema has this URI: " + quote(uri));
    }
    if (is_root) {
      resources_[location.resource]->uri = uri;
      by_uri_.insert_or_assign(uri, location.resource);
    } else {
      make_resource(uri, location, resources_[location.resource]->dialect);
    }
    by_id_.emplace(id->data(), location.resource);
  } else if (!is_root) {
    return {};
  }
  if (const auto dialect = TRY(core_string(location, schema, "$schema"))) {
    const Dialect found = TRY(find_dialect(*dialect));
    resources_[location.resource]->dialect = found;
  }
  return {};
}

Expected<void> SchemaDocuments::register_anchors(const Location& location, Object schema) {
  Resource& resource = *resources_[location.resource];
  const auto dynamic = TRY(core_string(location, schema, "$dynamicAnchor"));
  if (dynamic) {
    resource.dynamic_anchors.insert_or_assign(std::string(*dynamic), location);
  }
  for (const auto& anchor : {TRY(core_string(location, schema, "$anchor")), dynamic}) {
    if (!anchor) {
      continue;
    }
    const auto [place, added] = resource.anchors.emplace(*anchor, location);
    if (!added && place->second.pointer != location.pointer) {
      return invalid(location, "$anchor", "not unique: " + quote(*anchor));
    }
  }
  return {};
}

Expected<Dialect> SchemaDocuments::find_dialect(std::string_view uri) {
  const auto [absolute, fragment] = split_fragment(uri);
  if (absolute == kDialect2020) {
    return Dialect{};
  }
  if (absolute == kDialectDraft7) {
    return Dialect{.draft7 = true};
  }
  const auto resource = find_resource(absolute);
  if (!resource) {
    return fail(ErrorCode::kFailedPrecondition, "schema dialect {} is not supported; use {}",
                quote(uri), kDialect2020);
  }
  const auto metaschema = as_object(resources_[*resource]->root.element);
  const auto vocabularies = metaschema ? object_at(*metaschema, "$vocabulary") : std::nullopt;
  if (!vocabularies) {
    return Dialect{};
  }
  Dialect dialect{false, false, false};
  for (const auto field : *vocabularies) {
    std::string_view name = field.key;
    if (name.starts_with(kVocabularies)) {
      name.remove_prefix(kVocabularies.size());
    }
    if (name == "applicator") {
      dialect.applicator = true;
    } else if (name == "validation") {
      dialect.validation = true;
    } else if (name == "unevaluated") {
      dialect.unevaluated = true;
    } else if (!contains(kAnnotating, name) && field.value.get_bool().value_unsafe()) {
      return fail(ErrorCode::kFailedPrecondition, "schema vocabulary {} is not supported",
                  quote(field.key));
    }
  }
  return dialect;
}

Expected<ResourceId> SchemaDocuments::find_resource(const std::string& uri) {
  if (const auto known = by_uri_.find(uri); known != by_uri_.end()) {
    return known->second;
  }
  if (const auto metaschema = find_metaschema(uri)) {
    return TRY(add(*metaschema, uri)).resource;
  }
  if (const auto text = options_.resolver ? options_.resolver(uri) : std::nullopt) {
    return TRY(add(*text, uri)).resource;
  }
  return fail(ErrorCode::kInvalidArgument,
              "schema refers to {}, which is not part of it; nothing is fetched", quote(uri));
}

Expected<Location> SchemaDocuments::resolve(ResourceId resource, std::string_view reference) {
  const auto [uri, fragment] = split_fragment(resolve_uri(resources_[resource]->uri, reference));
  const ResourceId target = TRY(find_resource(uri));
  if (fragment.empty() || fragment.starts_with('/')) {
    return follow_pointer(target, fragment);
  }
  const auto& anchors = resources_[target]->anchors;
  const auto anchor = anchors.find(fragment);
  if (anchor == anchors.end()) {
    return fail(ErrorCode::kInvalidArgument, "schema has no anchor {}", quote(fragment));
  }
  return anchor->second;
}

ResourceId SchemaDocuments::resource_of(const Location& location) const {
  const auto schema = as_object(location.element);
  const auto id = schema ? string_at(*schema, "$id") : std::nullopt;
  const auto entered = id ? by_id_.find(id->data()) : by_id_.end();
  return entered == by_id_.end() ? location.resource : entered->second;
}

Expected<Location> SchemaDocuments::follow_pointer(ResourceId resource,
                                                   std::string_view pointer) const {
  Location at = resources_[resource]->root;
  const std::string_view whole = pointer;
  while (!pointer.empty()) {
    const auto token = take_pointer_token(pointer);
    const auto child = token ? child_at(at.element, *token) : std::nullopt;
    if (!child) {
      return fail(ErrorCode::kInvalidArgument, "schema has nothing at {}", quote(whole));
    }
    at = child_of(at, *child, *token);
    at.resource = resource_of(at);
  }
  return at;
}

}  // namespace mcpgate::json
