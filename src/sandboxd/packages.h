#pragma once

// A tool set's Python packages: `requirements.txt` beside its files, every file pinned by hash,
// installed ahead of time into a folder that is named by what it was made from. No call installs.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "sandboxd/tool_set_folder.h"

namespace mcpgate::sandboxd {

inline constexpr std::string_view kRequirementsFileName = "requirements.txt";

/// What a set's packages are known by: 64 hex digits of requirements.txt and of the interpreter
/// that they are chosen for. Empty for a set without that file.
[[nodiscard]] std::string packages_key(const ToolSetFolder& folder);

/// The folder of the set's packages below `root`; empty for a set that needs none.
/// kFailedPrecondition, with the command that makes it, where it is missing.
[[nodiscard]] Expected<std::filesystem::path> find_packages(const std::filesystem::path& root,
                                                            const ToolSetFolder& folder);

/// What prepare_packages() works with.
struct PackagesOptions {
  std::filesystem::path tool_set = {};
  /// Where the folders of all sets are; made if missing.
  std::filesystem::path root = {};
  /// The folder that holds the Python package `mcpgate`.
  std::filesystem::path harness = {};
  /// Install from the files here alone, without a network; empty: as pip is configured.
  std::filesystem::path wheels = {};
};

/// Installs what the set needs and is not there yet; blocks, and tells on stderr how it goes. The
/// folder's path, empty for a set that needs none. Several processes may do so at once.
///
/// Errors: those of read_tool_set_folder(); kFailedPrecondition where pip refuses: a requirement
/// without a hash, a file with another, no network. stderr has said which.
[[nodiscard]] Expected<std::filesystem::path> prepare_packages(const PackagesOptions& options);

}  // namespace mcpgate::sandboxd
