#pragma once

// What can be called: the tools, resources and prompts of all sets as one immutable list.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/identity.h"
#include "gateway/pins.h"
#include "gateway/tool_index.h"
#include "json/schema.h"
#include "mcp/param_header.h"
#include "sandbox/manifest.h"
#include "sandbox/uri_template.h"

namespace mcpgate::gateway {

/// What can be listed, decided on and run: a tool, a resource, a prompt.
struct Item {
  sandbox::ItemKind kind = sandbox::ItemKind::kTool;
  /// As clients call it: the set's prefix and the item's own name.
  std::string name;
  /// As its sandbox calls it.
  std::string own_name;
  std::string tool_set;
  /// `sha256:…` of definition and code: what a call must name, and what runs.
  std::string digest;
  bool read_only = false;
  /// Of its definition as clients see it.
  std::uint64_t definition_hash = 0;

  [[nodiscard]] Action action() const {
    return {.tool_set = tool_set, .tool = own_name, .read_only = read_only};
  }
};

/// One tool.
struct Tool : Item {
  /// The MCP Tool object for each era, as JSON bytes.
  std::string legacy_definition;
  std::string modern_definition;
  json::Schema input;
  std::optional<json::Schema> output;
  /// Arguments that modern clients repeat in headers.
  std::vector<mcp::ParamHeader> param_headers;
  sandbox::TaskSupport task_support = sandbox::TaskSupport::kForbidden;
  /// See sandbox::ManifestTool.
  bool asks_first = false;
  /// The roles whose holders find it by `search_tools` alone, unlisted; `*`: everyone.
  std::vector<std::string> searched_by = {};
};

/// One resource, or a template of many.
struct Resource : Item {
  /// The URI, or the template's text.
  std::string uri;
  std::optional<sandbox::UriTemplate> uri_template;
  /// The MCP object as JSON bytes, for both eras.
  std::string definition;
  std::vector<std::string> completes;
  /// Of what it is made from: differs when its contents may.
  std::uint64_t contents_hash = 0;
};

/// One prompt.
struct Prompt : Item {
  std::string definition;
  std::vector<sandbox::ManifestPrompt::Argument> arguments;
  std::vector<std::string> completes;
};

/// What the configuration says of a set's tools.
struct ToolSetView {
  std::string name;
  std::string prefix;
  /// Only these of its own tools, resources and prompts; nothing: all.
  std::optional<std::vector<std::string>> only;
  /// Whether `execute_code` is among its tools.
  bool code_mode = false;
  /// Whether an upstream serves it, not a sandbox.
  bool is_upstream = false;
  /// The roles for whose holders its tools are searched for (tool_search.h) instead of listed; `*`:
  /// for everyone.
  std::vector<std::string> searched_by = {};
  /// Only what is approved here, as it was approved; nothing: all.
  std::optional<Pins> pins = std::nullopt;

  friend bool operator==(const ToolSetView&, const ToolSetView&) = default;
};

/// What is withheld since it is not as it was approved.
struct Unapproved {
  sandbox::ItemKind kind = sandbox::ItemKind::kTool;
  /// As clients would call it.
  std::string name;
  std::string digest;
  /// As changes_of() says it.
  std::string changes;

  friend bool operator==(const Unapproved&, const Unapproved&) = default;
};

/// What one set offers at one version of its manifest, compiled once.
struct ToolSetTools {
  std::string tool_set;
  bool is_upstream = false;
  /// How many tools, resources and prompts are not fit to be served.
  std::size_t withheld = 0;
  std::string profile;
  /// Of the daemon that serves them.
  std::string instance;
  std::vector<Tool> tools;
  std::vector<Resource> resources;
  std::vector<Prompt> prompts;
  /// Counted in `withheld`.
  std::vector<Unapproved> unapproved = {};

  /// What is served by that name of clients, or null.
  [[nodiscard]] const Item* find(sandbox::ItemKind kind, std::string_view name) const;
};

/// Whether this gateway shows the set's item of that own name, whoever asks.
[[nodiscard]] bool is_in_view(const ToolSetView& view, const std::string& name);

/// Compiles one tool; kInvalidArgument where it could not be called safely.
[[nodiscard]] Expected<Tool> compile_tool(const ToolSetView& view,
                                          const sandbox::ManifestTool& tool, json::Parser& parser);

/// Compiles a manifest. A tool whose schema does not compile, or whose name with the prefix is no
/// tool name, is left out and logged: it could not be called safely. So is what the pins do not
/// approve.
[[nodiscard]] std::shared_ptr<const ToolSetTools> compile_tools(const ToolSetView& view,
                                                                const sandbox::Manifest& manifest);

/// All tools of all sets: sets as configured, tools as declared; and `search_tools` where a set is
/// searched. Immutable.
class Catalogue {
 public:
  Catalogue() = default;
  /// Null entries are sets that have not answered yet. A set with a name that an earlier one has is
  /// withheld whole and logged: which of two tools a name means must never depend on chance. Of a
  /// second `execute_code` only that is, since the set did not name it; and so it is with a
  /// prompt's name, a resource's URI, and any tool of an upstream. An upstream counts as later than
  /// all sandboxes: whoever runs it must not take a name from them by using it.
  explicit Catalogue(std::vector<std::shared_ptr<const ToolSetTools>> sets);

  /// What it was made of.
  [[nodiscard]] const std::vector<std::shared_ptr<const ToolSetTools>>& sets() const {
    return sets_;
  }

  /// The tool of that name, or null. Lives as long as the catalogue.
  [[nodiscard]] const Tool* find(std::string_view name) const;
  /// The tool as one of `tool_set` calls it: by its own name in that set, else by that of clients.
  [[nodiscard]] const Tool* find_from(std::string_view tool_set, std::string_view name) const;
  [[nodiscard]] const std::vector<const Tool*>& tools() const { return tools_; }
  /// Of tools(), in their order; null where no set is searched.
  [[nodiscard]] const ToolIndex* index() const { return index_.get(); }

  /// A resource that a URI may mean, and the values of its template's variables.
  struct FoundResource {
    const Resource* resource = nullptr;
    sandbox::UriTemplate::Values variables = {};
  };
  /// All of them: the one that is named so, then the templates that it fits, in order. Whoever asks
  /// gets the first that it may use.
  [[nodiscard]] std::vector<FoundResource> find_resources(std::string_view uri) const;
  /// The template of that text, or null.
  [[nodiscard]] const Resource* find_template(std::string_view text) const;
  [[nodiscard]] const Prompt* find_prompt(std::string_view name) const;
  /// Templates among them.
  [[nodiscard]] const std::vector<const Resource*>& resources() const { return resources_; }
  [[nodiscard]] const std::vector<const Prompt*>& prompts() const { return prompts_; }
  /// The daemon that serves a set, as it named itself; empty while it has not answered.
  [[nodiscard]] std::string instance_of(std::string_view tool_set) const;
  /// How many tools, resources and prompts of a set are withheld for another set's sake.
  [[nodiscard]] std::size_t withheld_of(std::string_view tool_set) const;

 private:
  void add(const ToolSetTools& set);
  void add_items(const ToolSetTools& set);
  void list_in_order();
  void add_search();

  std::vector<std::shared_ptr<const ToolSetTools>> sets_;
  std::vector<const Tool*> tools_;
  std::unordered_map<std::string_view, const Tool*> by_name_;
  std::shared_ptr<const ToolIndex> index_;
  std::vector<const Resource*> resources_;
  std::unordered_map<std::string_view, const Resource*> by_uri_;
  std::vector<const Prompt*> prompts_;
  std::unordered_map<std::string_view, const Prompt*> prompts_by_name_;
  std::map<std::string, std::size_t, std::less<>> withheld_;
};

}  // namespace mcpgate::gateway
