#include "gateway/catalogue.h"

#include <algorithm>

#include "base/digest.h"
#include "base/log.h"
#include "gateway/tool_search.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/legacy.h"

namespace mcpgate::gateway {

namespace {

/// The definition under the name that clients know. Of tasks it says nothing: what a client of
/// 2025-11-25 would read there is not served, and in 2026-07-28 the server alone decides.
std::string renamed(const std::string& definition, const std::string& name, json::Parser& parser) {
  const auto element = parser.parse(definition);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // parse_manifest() rebuilt it.
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("name", name);
  for (const json::Member& member : json::Members(*object, definition)) {
    if (member.key != "name" && member.key != "execution") {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.end_object();
  return out;
}

/// The same at every replica, whatever built it.
std::uint64_t hash_of(std::string_view text) {
  const Sha256Digest digest = sha256(text);
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < sizeof hash; ++i) {
    hash = hash << 8 | digest[i];
  }
  return hash;
}

/// What all kinds have in common. Resources and prompts only read: nothing else is asked of them.
template <class T>
Item item_of(const ToolSetView& view, sandbox::ItemKind kind, const T& listed) {
  return {.kind = kind,
          .name = view.prefix + listed.name,
          .own_name = listed.name,
          .tool_set = view.name,
          .digest = listed.digest,
          .read_only = true};
}

Expected<json::Schema> compile_schema(const std::string& schema, json::Parser& parser) {
  const auto element = TRY(parser.parse(schema));
  return json::Schema::compile(element);
}

Expected<std::vector<mcp::ParamHeader>> read_param_headers(const std::string& schema,
                                                           json::Parser& parser) {
  const auto element = TRY(parser.parse(schema));
  const auto object = json::as_object(element);
  MCPGATE_ASSERT(object);  // parse_manifest() has checked it.
  return mcp::find_param_headers(*object);
}

}  // namespace

Expected<Tool> compile_tool(const ToolSetView& view, const sandbox::ManifestTool& tool,
                            json::Parser& parser) {
  const std::string name = view.prefix + tool.name;
  if (!sandbox::is_tool_name(name)) {
    return fail(ErrorCode::kInvalidArgument, "{} is no tool name", name);
  }
  json::Schema input = TRY(compile_schema(tool.input_schema, parser));
  for (const std::string& pattern : input.unsupported_patterns()) {
    log_warn("tool {}: the pattern {} cannot run in linear time and is checked by the sandbox only",
             name, pattern);
  }
  auto param_headers = TRY(read_param_headers(tool.input_schema, parser));
  std::optional<json::Schema> output;
  if (!tool.output_schema.empty()) {
    output = TRY(compile_schema(tool.output_schema, parser));
  }
  std::string modern = renamed(tool.definition, name, parser);
  std::string legacy = mcp::legacy::tool_definition(modern, parser);
  Tool compiled{item_of(view, sandbox::ItemKind::kTool, tool),
                std::move(legacy),
                std::move(modern),
                std::move(input),
                std::move(output),
                std::move(param_headers),
                tool.task_support,
                tool.asks_first};
  compiled.read_only = tool.read_only;
  compiled.searched_by = view.searched_by;
  compiled.definition_hash = hash_of(compiled.modern_definition);
  return compiled;
}

bool is_in_view(const ToolSetView& view, const std::string& name) {
  if (name == sandbox::kExecuteCode && !view.is_upstream) {
    return view.code_mode;
  }
  return !view.only || std::ranges::find(*view.only, name) != view.only->end();
}

namespace {

/// Whether it is as it was approved, where that is asked for; notes what is not.
template <class T>
bool is_approved(const ToolSetView& view, sandbox::ItemKind kind, const T& item,
                 ToolSetTools& set) {
  if (!view.pins) {
    return true;
  }
  const auto pinned = view.pins->find({kind, item.name});
  const Pin* const approved = pinned == view.pins->end() ? nullptr : &pinned->second;
  const auto offered = make_pin(item.definition, item.digest);
  MCPGATE_ASSERT(offered);  // parse_manifest() has refused duplicate keys.
  if (approved != nullptr && *approved == *offered) {
    return true;
  }
  set.unapproved.push_back({.kind = kind,
                            .name = view.prefix + item.name,
                            .digest = item.digest,
                            .changes = changes_of(compare(approved, &*offered, view.is_upstream))});
  ++set.withheld;
  return false;
}

template <class T>
bool is_served(const ToolSetView& view, sandbox::ItemKind kind, const T& item, ToolSetTools& set) {
  return is_in_view(view, item.name) && is_approved(view, kind, item, set);
}

Resource compile_resource(const ToolSetView& view, const sandbox::ManifestResource& listed) {
  Resource resource{item_of(view, sandbox::ItemKind::kResource, listed), listed.uri, std::nullopt,
                    listed.definition, listed.completes};
  if (listed.is_template) {
    auto parsed = sandbox::UriTemplate::parse(listed.uri);
    MCPGATE_ASSERT(parsed);  // read_resource() has checked it.
    resource.uri_template = *std::move(parsed);
  }
  resource.definition_hash = hash_of(resource.definition);
  resource.contents_hash = hash_of(resource.digest);
  return resource;
}

Prompt compile_prompt(const ToolSetView& view, const sandbox::ManifestPrompt& listed,
                      json::Parser& parser) {
  Item item = item_of(view, sandbox::ItemKind::kPrompt, listed);
  std::string definition = renamed(listed.definition, item.name, parser);
  item.definition_hash = hash_of(definition);
  return {std::move(item), std::move(definition), listed.arguments, listed.completes};
}

}  // namespace

const Item* ToolSetTools::find(sandbox::ItemKind kind, std::string_view name) const {
  const auto find_in = [name](const auto& items) -> const Item* {
    const auto found = std::ranges::find(items, name, &Item::name);
    return found == items.end() ? nullptr : &*found;
  };
  return kind == sandbox::ItemKind::kTool       ? find_in(tools)
         : kind == sandbox::ItemKind::kResource ? find_in(resources)
                                                : find_in(prompts);
}

std::shared_ptr<const ToolSetTools> compile_tools(const ToolSetView& view,
                                                  const sandbox::Manifest& manifest) {
  json::Parser parser(sandbox::kManifestBytesMax);
  auto set = std::make_shared<ToolSetTools>();
  set->tool_set = view.name;
  set->is_upstream = view.is_upstream;
  set->withheld = manifest.withheld;
  set->profile = manifest.profile;
  set->instance = manifest.instance;
  for (const sandbox::ManifestTool& tool : manifest.tools) {
    if (!is_served(view, sandbox::ItemKind::kTool, tool, *set)) {
      continue;
    }
    auto compiled = compile_tool(view, tool, parser);
    if (!compiled) {
      log_error("tool set {}: {} is withheld: {}", view.name, tool.name, compiled.error().message);
      ++set->withheld;
      continue;
    }
    set->tools.push_back(std::move(*compiled));
  }
  for (const sandbox::ManifestResource& resource : manifest.resources) {
    if (is_served(view, sandbox::ItemKind::kResource, resource, *set)) {
      set->resources.push_back(compile_resource(view, resource));
    }
  }
  for (const sandbox::ManifestPrompt& prompt : manifest.prompts) {
    if (is_served(view, sandbox::ItemKind::kPrompt, prompt, *set) &&
        sandbox::is_tool_name(view.prefix + prompt.name)) {
      set->prompts.push_back(compile_prompt(view, prompt, parser));
    }
  }
  return set;
}

Catalogue::Catalogue(std::vector<std::shared_ptr<const ToolSetTools>> sets)
    : sets_(std::move(sets)) {
  const bool searches = std::ranges::any_of(sets_, [](const auto& set) {
    return set && std::ranges::any_of(set->tools,
                                      [](const Tool& tool) { return !tool.searched_by.empty(); });
  });
  if (searches) {  // Before all others, so that none takes its name.
    by_name_.emplace(search_tool().name, &search_tool());
  }
  for (const bool of_upstreams : {false, true}) {
    for (const auto& set : sets_) {
      if (set && set->is_upstream == of_upstreams) {
        add(*set);
      }
    }
  }
  list_in_order();
  if (searches) {
    add_search();
  }
}

/// Built-in tools come last.
void Catalogue::add_search() {
  tools_.push_back(&search_tool());
  std::vector<std::string_view> definitions;
  definitions.reserve(tools_.size());
  for (const Tool* tool : tools_) {
    definitions.push_back(tool->modern_definition);
  }
  index_ = std::make_shared<const ToolIndex>(definitions);
}

/// Sets as configured, whatever the order in which they took their names. Resources stay as they
/// are, since of several templates that fit a URI the first is read.
void Catalogue::list_in_order() {
  for (const auto& set : sets_) {
    if (!set) {
      continue;
    }
    for (const Tool& tool : set->tools) {
      if (find(tool.name) == &tool) {
        tools_.push_back(&tool);
      }
    }
    for (const Prompt& prompt : set->prompts) {
      if (find_prompt(prompt.name) == &prompt) {
        prompts_.push_back(&prompt);
      }
    }
  }
}

void Catalogue::add(const ToolSetTools& set) {
  std::vector<const Tool*> tools;
  for (const Tool& tool : set.tools) {
    const auto taken = by_name_.find(tool.name);
    if (taken == by_name_.end()) {
      tools.push_back(&tool);
      continue;
    }
    const std::string& owner = taken->second->tool_set;
    if (tool.own_name != sandbox::kExecuteCode && !set.is_upstream) {
      log_error(
          "tool set {} is withheld: its tool {} has the name of a tool of {}; give it a prefix",
          set.tool_set, tool.name, owner);
      withheld_[set.tool_set] = set.tools.size() + set.resources.size() + set.prompts.size();
      return;
    }
    ++withheld_[set.tool_set];
    log_error("tool set {}: its {} is withheld: {} has one already; give it a prefix", set.tool_set,
              tool.name, owner);
  }
  for (const Tool* tool : tools) {
    by_name_.emplace(tool->name, tool);
  }
  add_items(set);
}

void Catalogue::add_items(const ToolSetTools& set) {
  for (const Resource& resource : set.resources) {
    if (const auto [taken, added] = by_uri_.emplace(resource.uri, &resource); !added) {
      log_error("tool set {}: its resource {} is withheld: {} has one of its URI", set.tool_set,
                resource.name, taken->second->tool_set);
      ++withheld_[set.tool_set];
      continue;
    }
    resources_.push_back(&resource);
  }
  for (const Prompt& prompt : set.prompts) {
    if (const auto [taken, added] = prompts_by_name_.emplace(prompt.name, &prompt); !added) {
      log_error("tool set {}: its prompt {} is withheld: {} has one of its name; give it a prefix",
                set.tool_set, prompt.name, taken->second->tool_set);
      ++withheld_[set.tool_set];
    }
  }
}

std::vector<Catalogue::FoundResource> Catalogue::find_resources(std::string_view uri) const {
  std::vector<FoundResource> found;
  const auto named = by_uri_.find(uri);
  if (named != by_uri_.end() && !named->second->uri_template) {
    found.push_back({.resource = named->second});
  }
  for (const Resource* resource : resources_) {
    if (auto variables =
            resource->uri_template ? resource->uri_template->match(uri) : std::nullopt) {
      found.push_back({.resource = resource, .variables = *std::move(variables)});
    }
  }
  return found;
}

const Resource* Catalogue::find_template(std::string_view text) const {
  const auto found = by_uri_.find(text);
  return found != by_uri_.end() && found->second->uri_template ? found->second : nullptr;
}

const Prompt* Catalogue::find_prompt(std::string_view name) const {
  const auto found = prompts_by_name_.find(name);
  return found == prompts_by_name_.end() ? nullptr : found->second;
}

const Tool* Catalogue::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const Tool* Catalogue::find_from(std::string_view tool_set, std::string_view name) const {
  const auto own = std::ranges::find_if(tools_, [&](const Tool* tool) {
    return tool->tool_set == tool_set && tool->own_name == name;
  });
  return own != tools_.end() ? *own : find(name);
}

std::string Catalogue::instance_of(std::string_view tool_set) const {
  for (const auto& set : sets_) {
    if (set && set->tool_set == tool_set) {
      return set->instance;
    }
  }
  return {};
}

std::size_t Catalogue::withheld_of(std::string_view tool_set) const {
  const auto found = withheld_.find(tool_set);
  return found == withheld_.end() ? 0 : found->second;
}

}  // namespace mcpgate::gateway
