#pragma once

#include <filesystem>
#include <string>

namespace mcpgate::cli {

/// What of the process's surroundings decides which configuration is meant.
struct Environment {
  std::string config_variable;  ///< $MCPGATE_CONFIG, or empty
  std::string state_variable;   ///< $MCPGATE_STATE, or empty
  std::filesystem::path working_directory;

  [[nodiscard]] static Environment of_this_process();
};

/// The executable of this process, as an absolute path.
[[nodiscard]] std::filesystem::path own_program();
/// The same as people would type it here: relative where it lies beneath the working directory.
[[nodiscard]] std::string own_program_as_typed();

}  // namespace mcpgate::cli
