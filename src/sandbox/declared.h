#pragma once

// What a tool set declares beside its tools: resources, templates of resources, and prompts. Like a
// tool, each is an MCP object for the lists, a digest for the calls, and code in the sandbox.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/parse.h"

namespace mcpgate::sandbox {

inline constexpr std::size_t kManifestResourcesMax = 1000;
inline constexpr std::size_t kManifestPromptsMax = 1000;
inline constexpr std::size_t kUriBytesMax = 4096;
inline constexpr std::size_t kPromptArgumentsMax = 64;

/// What POST /execute runs: the member `kind`, which is `tool` where it is missing.
enum class ItemKind { kTool, kResource, kPrompt };
/// `tool`, `resource`, `prompt`.
[[nodiscard]] std::string_view to_string(ItemKind kind);
[[nodiscard]] std::optional<ItemKind> parse_item_kind(std::string_view text);

/// A resource, or a template of many.
struct ManifestResource {
  /// As a tool's; of an upstream, the same as `uri`.
  std::string name;
  /// The URI, or the template that those of its resources fit.
  std::string uri;
  bool is_template = false;
  /// An MCP Resource or ResourceTemplate as JSON bytes, rebuilt from its checked members.
  std::string definition;
  /// The variables of the template that can be completed.
  std::vector<std::string> completes;
  std::string digest;
};

/// A prompt.
struct ManifestPrompt {
  struct Argument {
    std::string name;
    bool required = false;
  };
  std::string name;
  /// An MCP Prompt as JSON bytes, rebuilt from its checked members.
  std::string definition;
  std::vector<Argument> arguments;
  /// Those that can be completed.
  std::vector<std::string> completes;
  std::string digest;
};

/// Reads one from its MCP object, which may have `completes` besides; `digest` stays empty.
/// kInvalidArgument says which member is wrong, never its bytes.
[[nodiscard]] Expected<ManifestResource> read_resource(json::Element element);
/// The same of a server that names its resources freely: the name is its URI, or its template.
[[nodiscard]] Expected<ManifestResource> read_foreign_resource(json::Element element);
[[nodiscard]] Expected<ManifestPrompt> read_prompt(json::Element element);

/// As a manifest lists it: the definition with `completes` and `digest`.
[[nodiscard]] std::string write_listed(const ManifestResource& resource);
[[nodiscard]] std::string write_listed(const ManifestPrompt& prompt);

}  // namespace mcpgate::sandbox
