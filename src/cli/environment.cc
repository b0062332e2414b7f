#include "cli/environment.h"

#include <cstdlib>
#include <system_error>

namespace mcpgate::cli {

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Environment Environment::of_this_process() {
  std::error_code error;
  return {.config_variable = variable("MCPGATE_CONFIG"),
          .state_variable = variable("MCPGATE_STATE"),
          .working_directory = std::filesystem::current_path(error)};
}

}  // namespace mcpgate::cli
