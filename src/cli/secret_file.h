#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace mcpgate::cli {

/// A file's only line: a secret that errors call `what`, such as `the password`.
[[nodiscard]] Expected<std::string> read_secret(const std::filesystem::path& file,
                                                std::string_view what);

}  // namespace mcpgate::cli
