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

std::filesystem::path own_program() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored);
}

std::string own_program_as_typed() {
  const std::filesystem::path program = own_program();
  std::error_code ignored;
  const std::filesystem::path here = std::filesystem::current_path(ignored);
  const std::filesystem::path relative = program.lexically_relative(here);
  const bool is_beneath = !relative.empty() && *relative.begin() != "..";
  return (is_beneath ? relative : program).string();
}

}  // namespace mcpgate::cli
