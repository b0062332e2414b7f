#pragma once

// The schema documents of one compilation: their resources (`$id`), anchors and dialects, and where
// a reference leads.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/schema.h"
#include "json/schema_program.h"

namespace mcpgate::json {

/// A place in a schema document. `pointer` is from the document's root.
struct Location {
  Element element;
  std::size_t document = 0;
  std::string pointer;
  ResourceId resource = 0;
};

/// The place one pointer token further.
[[nodiscard]] Location child_of(const Location& parent, Element element, std::string_view token);

/// Which vocabularies' keywords count; those of the core always do.
struct Dialect {
  bool applicator = true;
  bool validation = true;
  bool unevaluated = true;
  /// Draft-07, as far as it says the same: see check_draft7() in the source.
  bool draft7 = false;
};

/// A schema with a URI of its own, and what may be referred to in it by name.
struct Resource {
  Resource(std::string own_uri, Location place, Dialect keywords)
      : uri(std::move(own_uri)), root(std::move(place)), dialect(keywords) {}

  std::string uri;
  Location root;
  Dialect dialect;
  std::map<std::string, Location, std::less<>> anchors;
  std::map<std::string, Location, std::less<>> dynamic_anchors;
};

/// All documents that one schema consists of, with what they register.
class SchemaDocuments {
 public:
  explicit SchemaDocuments(const CompileOptions& options) : options_(options) {}

  /// Takes a copy of `text` and registers what is in it. Returns its root.
  Expected<Location> add(std::string_view text, const std::string& uri);

  /// Where `reference` leads from within `resource`.
  Expected<Location> resolve(ResourceId resource, std::string_view reference);

  /// The resource that `location` is in, given that of its parent: its own where it has an `$id`.
  [[nodiscard]] ResourceId resource_of(const Location& location) const;

  [[nodiscard]] const Resource& resource(ResourceId id) const { return *resources_[id]; }
  [[nodiscard]] std::size_t resource_count() const { return resources_.size(); }

  /// Gives the documents away; what points into them stays valid.
  std::vector<std::unique_ptr<simdjson::dom::document>> release() { return std::move(documents_); }

 private:
  Expected<void> scan(Location location);
  Expected<void> scan_children(const Location& location, Object schema);
  Expected<void> enter_resource(Location& location, Object schema);
  Expected<void> register_anchors(const Location& location, Object schema);
  ResourceId make_resource(std::string uri, Location& root, Dialect dialect);
  Expected<Dialect> find_dialect(std::string_view uri);
  Expected<ResourceId> find_resource(const std::string& uri);
  Expected<Location> follow_pointer(ResourceId resource, std::string_view pointer) const;

  const CompileOptions& options_;
  std::vector<std::unique_ptr<simdjson::dom::document>> documents_;
  std::vector<std::unique_ptr<Resource>> resources_;
  std::map<std::string, ResourceId, std::less<>> by_uri_;
  /// By the address of the `$id`'s characters, which no other element has.
  std::map<const char*, ResourceId> by_id_;
  std::size_t subschemas_ = 0;
};

}  // namespace mcpgate::json
