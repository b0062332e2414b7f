#include "gateway/catalogue.h"

#include <algorithm>

#include "base/log.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/legacy.h"

namespace mcpgate::gateway {

namespace {

/// The definition under the name that clients know.
std::string renamed(const sandbox::ManifestTool& tool, const std::string& name,
                    json::Parser& parser) {
  const auto element = parser.parse(tool.definition);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // parse_manifest() rebuilt it.
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("name", name);
  for (const json::Member& member : json::Members(*object, tool.definition)) {
    if (member.key != "name") {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.end_object();
  return out;
}

Expected<json::Schema> compile_schema(const std::string& schema, json::Parser& parser) {
  const auto element = TRY(parser.parse(schema));
  return json::Schema::compile(element);
}

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
  std::optional<json::Schema> output;
  if (!tool.output_schema.empty()) {
    output = TRY(compile_schema(tool.output_schema, parser));
  }
  std::string modern = renamed(tool, name, parser);
  std::string legacy = mcp::legacy::tool_definition(modern, parser);
  return Tool{.name = name,
              .own_name = tool.name,
              .tool_set = view.name,
              .digest = tool.digest,
              .read_only = tool.read_only,
              .legacy_definition = std::move(legacy),
              .modern_definition = std::move(modern),
              .input = std::move(input),
              .output = std::move(output)};
}

}  // namespace

namespace {

/// What this gateway shows of a set, whoever asks.
bool is_in_view(const ToolSetView& view, const std::string& tool) {
  if (tool == sandbox::kExecuteCode) {
    return view.code_mode;
  }
  return !view.only || std::ranges::find(*view.only, tool) != view.only->end();
}

}  // namespace

std::shared_ptr<const ToolSetTools> compile_tools(const ToolSetView& view,
                                                  const sandbox::Manifest& manifest) {
  json::Parser parser(sandbox::kManifestBytesMax);
  auto set = std::make_shared<ToolSetTools>();
  set->tool_set = view.name;
  set->profile = manifest.profile;
  set->instance = manifest.instance;
  for (const sandbox::ManifestTool& tool : manifest.tools) {
    if (!is_in_view(view, tool.name)) {
      continue;
    }
    auto compiled = compile_tool(view, tool, parser);
    if (!compiled) {
      log_error("tool set {}: {} is withheld: {}", view.name, tool.name, compiled.error().message);
      continue;
    }
    set->tools.push_back(std::move(*compiled));
  }
  return set;
}

Catalogue::Catalogue(std::vector<std::shared_ptr<const ToolSetTools>> sets)
    : sets_(std::move(sets)) {
  for (const auto& set : sets_) {
    if (set) {
      add(*set);
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
    if (tool.own_name != sandbox::kExecuteCode) {
      log_error(
          "tool set {} is withheld: its tool {} has the name of a tool of {}; give it a prefix",
          set.tool_set, tool.name, owner);
      return;
    }
    log_error("tool set {}: its {} is withheld: {} has one already; give it a prefix", set.tool_set,
              tool.name, owner);
  }
  for (const Tool* tool : tools) {
    tools_.push_back(tool);
    by_name_.emplace(tool->name, tool);
  }
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

}  // namespace mcpgate::gateway
