#pragma once

// toolset.yaml: what the author of a tool set says of it. Closed schema; an unknown key is an error
// with file, line, column and a suggestion.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "sandbox/connection.h"
#include "sandbox/server_limits.h"
#include "sandbox/tool_limits.h"

namespace mcpgate::sandbox {

inline constexpr std::string_view kToolSetFileName = "toolset.yaml";

/// A folder or file that the tools may read.
struct DataMount {
  /// What tools call it: A-Z a-z 0-9 _ - only.
  std::string name;
  /// Absolute; a relative one in the file is resolved against the set's folder.
  std::filesystem::path path;
  /// Whether model-written code sees it too.
  bool code = false;
};

/// What `output:` asks for: whether personal data is scrubbed from results, and their size.
struct OutputRules {
  bool scrub = false;
  std::uint64_t bytes_max = 0;  ///< maxBytes; 0 = only limits.output
};

/// A stdio server instead of Python files.
struct ServerFile {
  /// Program and arguments; empty where the set has Python files.
  std::vector<std::string> command;
  /// `NAME=value`.
  std::vector<std::string> environment;
  ServerLimits limits;
  /// Where `command` stands, for problems that show later: `…/toolset.yaml:2:1: command`.
  std::string place;

  explicit operator bool() const { return !command.empty(); }
};

/// A whole toolset.yaml, checked; paths resolved.
struct ToolSetFile {
  /// The folder's name.
  std::string name;
  std::string description;
  /// For `mcpgate up` without a configuration; empty = mcp-admin.
  std::string required_role;
  ToolLimits limits;
  /// Of the tools that have limits of their own, by their names; whole, with the set's filled in.
  std::map<std::string, ToolLimits, std::less<>> tool_limits;
  DetachedLimits detached;
  RecycleLimits recycle;
  /// Set where tools of the set may have a workspace.
  std::optional<WorkspaceLimits> workspace;
  /// Children kept forked and locked down ahead of calls; 0: each is forked when it is called for.
  /// Two, since the calls of a model come one after the other: while one child serves, the next is
  /// made.
  std::size_t ready_children = 2;
  /// Modules of packages that are imported once for all calls, before they come.
  std::vector<std::string> preload;
  std::vector<DataMount> data_mounts;
  bool code_mode = false;
  /// Modules that run in the child of model-written code.
  std::vector<std::string> importable;
  OutputRules output;
  /// What tools of the set may query, through a broker.
  Connections connections;
  ServerFile server;
};

/// Reads `directory`/toolset.yaml; a set without that file has the defaults. Errors carry
/// `file:line:column: …`, several of them one a line.
[[nodiscard]] Expected<ToolSetFile> load_tool_set_file(const std::filesystem::path& directory);

/// The same of given bytes.
[[nodiscard]] Expected<ToolSetFile> parse_tool_set_file(std::string_view yaml,
                                                        const std::filesystem::path& directory);

}  // namespace mcpgate::sandbox
