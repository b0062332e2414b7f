#pragma once

// toolset.yaml: what the author of a tool set says of it. Closed schema; an unknown key is an error
// with file, line, column and a suggestion.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mcpgate::sandbox {

inline constexpr std::string_view kToolSetFileName = "toolset.yaml";

/// What one call may use; `inFlight` and `queue` are the set's.
struct ToolSetLimits {
  std::uint64_t memory_bytes = std::uint64_t{256} << 20;       ///< memory: 256Mi
  std::uint64_t address_space_bytes = std::uint64_t{4} << 30;  ///< addressSpace: 4Gi
  std::chrono::milliseconds cpu{10'000};                       ///< cpu: 10s
  std::chrono::milliseconds wall{30'000};                      ///< wall: 30s
  std::uint64_t output_bytes = std::uint64_t{4} << 20;         ///< output: 4Mi, the result's bytes
  std::uint64_t tmp_bytes = std::uint64_t{64} << 20;           ///< tmp: 64Mi
  /// inFlight: calls that run at once; 0, the default, is the number of cores.
  std::size_t in_flight = 0;
  /// queue: calls that wait for a place; one more is answered 429.
  std::size_t queue = 64;
};

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

/// A whole toolset.yaml, checked; paths resolved.
struct ToolSetFile {
  /// The folder's name.
  std::string name;
  std::string description;
  /// For `mcpgate up` without a configuration; empty = mcp-admin.
  std::string required_role;
  ToolSetLimits limits;
  std::vector<DataMount> data_mounts;
  bool code_mode = false;
  /// Modules that run in the child of model-written code.
  std::vector<std::string> importable;
  OutputRules output;
};

/// Reads `directory`/toolset.yaml; a set without that file has the defaults. Errors carry
/// `file:line:column: …`, several of them one a line.
[[nodiscard]] Expected<ToolSetFile> load_tool_set_file(const std::filesystem::path& directory);

/// The same of given bytes.
[[nodiscard]] Expected<ToolSetFile> parse_tool_set_file(std::string_view yaml,
                                                        const std::filesystem::path& directory);

}  // namespace mcpgate::sandbox
