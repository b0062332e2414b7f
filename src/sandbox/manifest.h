#pragma once

// The document of GET /tools: what a tool set offers. The daemon builds it; the gateway parses it
// as hostile input (design: every byte from a sandbox is).

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "sandbox/declared.h"
#include "sandbox/resource_updates.h"

namespace mcpgate::sandbox {

inline constexpr std::size_t kManifestBytesMax = std::size_t{8} << 20;
inline constexpr std::size_t kManifestToolsMax = 1000;
/// MCP 2025-11-25, "Tool Names": 1 to 128 of A-Z a-z 0-9 _ - .
inline constexpr std::size_t kToolNameBytesMax = 128;

/// Whether a call may run as a task, and so outlive its request: `execution.taskSupport` of MCP
/// 2025-11-25, `forbidden` where it is missing.
enum class TaskSupport { kForbidden, kOptional, kRequired };

/// One tool of a manifest.
struct ManifestTool {
  std::string name;
  /// An MCP Tool object as JSON bytes, rebuilt from its checked members in fixed order: name,
  /// title, description, inputSchema, outputSchema, execution, annotations, icons, _meta; without
  /// `digest`.
  /// Fit to be spliced.
  std::string definition;
  /// Slices of it as JSON bytes. `output_schema` is empty where the tool has none.
  std::string input_schema;
  std::string output_schema;
  std::string title;
  std::string description;
  /// `annotations.readOnlyHint`; false where it is missing.
  bool read_only = false;
  TaskSupport task_support = TaskSupport::kForbidden;
  /// `_meta["io.mcpgate/askFirst"]`: a call that becomes a task asks its first question before.
  bool asks_first = false;
  /// `sha256:` and 64 hex characters: what POST /execute names as `tool_sha256`.
  std::string digest;
};

/// What a tool set offers, at one version of it, from one start of a daemon.
struct Manifest {
  std::string tool_set;
  std::string description;
  /// Over all tools: also the ETag.
  std::string digest;
  std::string profile;
  std::string instance;
  // As declared; names of one kind are distinct, and so are the URIs of resources.
  std::vector<ManifestTool> tools;
  std::vector<ManifestResource> resources = {};
  std::vector<ManifestPrompt> prompts = {};
  /// Of an upstream: how many it listed that are not fit to be served.
  std::size_t withheld = 0;
  /// What its tools say of its resources; not of its version, and so not in the digest.
  UpdateCounts updates = {};
};

/// What names a document among all of one tool set: its ETag, without quotes. `DIGEST.INSTANCE`,
/// and how often a resource has changed where one did.
[[nodiscard]] std::string manifest_tag(std::string_view digest, std::string_view instance,
                                       std::uint64_t updates);

/// The document as JSON bytes.
[[nodiscard]] std::string write_manifest(const Manifest& manifest);

/// Reads the document of a peer. kInvalidArgument says which member is wrong, never its bytes.
[[nodiscard]] Expected<Manifest> parse_manifest(std::string_view json);

/// One tool from its MCP Tool object, checked and rebuilt; `digest` stays empty.
[[nodiscard]] Expected<ManifestTool> parse_tool_definition(std::string_view json);

/// The built-in tool that runs Python which a model wrote; its name is no other tool's. Served
/// where `codeMode` is on.
inline constexpr std::string_view kExecuteCode = "execute_code";

/// Whether `name` may name a tool.
[[nodiscard]] bool is_tool_name(std::string_view name);

/// Path within the set's folder, to the lower-case hex SHA-256 of the file's bytes.
using FileDigests = std::map<std::string, std::string, std::less<>>;

/// What binds a decision to bytes, of a tool, a resource or a prompt: `sha256:` + hex of the RFC
/// 8785 form of
/// `{"definition":…,"files":{path: hex},"requirements":text}`.
[[nodiscard]] Expected<std::string> tool_digest(std::string_view definition,
                                                const FileDigests& files,
                                                std::string_view requirements);

/// The manifest's own digest, over everything but instance and profile.
[[nodiscard]] std::string manifest_digest(const Manifest& manifest);

/// Whether `text` is `sha256:` and 64 lower-case hex characters.
[[nodiscard]] bool is_digest(std::string_view text);

}  // namespace mcpgate::sandbox
