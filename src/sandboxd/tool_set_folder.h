#pragma once

// A tool set's folder, read once into memory: what was hashed is what runs.

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "sandbox/manifest.h"
#include "sandbox/toolset_file.h"

namespace mcpgate::sandboxd {

/// Bounds of one folder: a tool set is code that people review.
inline constexpr std::size_t kSetFilesMax = 2000;
inline constexpr std::size_t kSetBytesMax = std::size_t{32} << 20;
inline constexpr std::size_t kSetDepthMax = 16;
/// Of one with a stdio server, node_modules and all.
inline constexpr std::size_t kServerFilesMax = 50'000;
inline constexpr std::size_t kServerBytesMax = std::size_t{256} << 20;
inline constexpr std::size_t kServerDepthMax = 48;

/// The files of a tool set at one moment.
struct ToolSetFolder {
  sandbox::ToolSetFile settings;
  /// The Python files, with a stdio server all files: path within the folder, `/` between its
  /// parts, to their bytes.
  std::map<std::string, std::string> sources;
  /// Of every file, toolset.yaml included.
  sandbox::FileDigests digests;
  /// The folder and all folders in it: what to watch for changes.
  std::vector<std::filesystem::path> directories;
};

/// Reads all regular files in `path`. Names that start with `.`, `__pycache__` and `*.pyc` are left
/// out. A symbolic link to a file is followed as long as it stays beneath the folder, as in a
/// mounted ConfigMap; one to a directory is left out.
///
/// Errors: kUnavailable (changed meanwhile; read it again), kInvalidArgument (toolset.yaml, several
/// lines `file:line:column: …`; a link that leaves the folder; neither file, link nor directory),
/// kNotFound, kResourceExhausted (a bound above).
[[nodiscard]] Expected<ToolSetFolder> read_tool_set_folder(const std::filesystem::path& path);

}  // namespace mcpgate::sandboxd
