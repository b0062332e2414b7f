#pragma once

// The tool sets of one machine: what `mcpgate up` makes of a folder of folders.

#include <filesystem>
#include <vector>

#include "cli/config.h"
#include "cli/supervisor.h"

namespace mcpgate::cli {

/// The folders of `tools` that hold a toolset.yaml, as a configuration would name them, in order of
/// their names: `requiredRole` from toolset.yaml, else mcp-admin; socket and key below `state`/run.
/// A set whose file is wrong is logged, and stays as it is in `in_force`, or is left out.
[[nodiscard]] std::vector<ToolSetConfig> find_tool_sets(
    const std::filesystem::path& tools, const std::filesystem::path& state,
    const std::vector<ToolSetConfig>& in_force = {});

/// kNotFound where `tools` holds no folder with a toolset.yaml: says what it should be, and where
/// the folder itself looks like a set, that its parent may be meant.
[[nodiscard]] Expected<void> check_has_tool_sets(const std::filesystem::path& tools);

/// The folder itself and every file of it that find_tool_sets() reads.
[[nodiscard]] std::vector<std::filesystem::path> tool_set_files(const std::filesystem::path& tools);

/// The sandbox daemons that this machine must run for a configuration: one for each set with a
/// unix socket and a folder in `tools`. Makes the signing keys that are missing.
[[nodiscard]] Expected<std::vector<DaemonSpec>> local_daemons(const Config& config,
                                                              const std::filesystem::path& tools);

}  // namespace mcpgate::cli
