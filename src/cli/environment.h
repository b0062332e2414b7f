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

}  // namespace mcpgate::cli
