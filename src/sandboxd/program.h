#pragma once

// The program that a stdio server runs in: which file, and what the kernel has to execute for it.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace mcpgate::sandboxd {

/// An ELF program of this machine.
struct Program {
  /// Absolute; links are not resolved, since a program may look at the name that it was started by.
  std::string path = {};
  /// Itself, and its loader where it is linked dynamically.
  std::vector<std::string> executable = {};
};

/// Finds what `command` means: `node` in /usr/local/bin, /usr/bin and /bin, whatever $PATH says; an
/// absolute path; else a path within `folder`.
///
/// Errors: kNotFound; kInvalidArgument for what is no ELF program, a script with `#!` for one: the
/// interpreter has to be named, since nothing else may be executed.
[[nodiscard]] Expected<Program> find_program(std::string_view command,
                                             const std::filesystem::path& folder);

}  // namespace mcpgate::sandboxd
