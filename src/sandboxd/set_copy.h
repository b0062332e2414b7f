#pragma once

// A copy of a tool set's files, for a stdio server: its program reads them when it likes, so they
// must be the bytes that were hashed, whatever the folder holds later.

#include <filesystem>
#include <map>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "sandboxd/scratch.h"

namespace mcpgate::sandboxd {

/// Puts `files` (path within the set's folder → bytes) into a folder of their own below `scratch`,
/// executable and not writable; removed with the object.
[[nodiscard]] Expected<ScratchDirectory> copy_set(const std::filesystem::path& scratch,
                                                  Random& random,
                                                  const std::map<std::string, std::string>& files);

}  // namespace mcpgate::sandboxd
