#include "cli/config_flag.h"

#include <ostream>

namespace mcpgate::cli {

std::optional<Config> config_for(const Arguments& arguments, const World& world) {
  const std::optional<std::filesystem::path> flag = arguments.find("config");
  Expected<Config> config = load_config(flag, world.environment);
  if (!config) {
    world.err << config.error().message << '\n';
    return std::nullopt;
  }
  return *std::move(config);
}

}  // namespace mcpgate::cli
