#include "cli/check_command.h"

#include <ostream>

#include "cli/config_flag.h"

namespace mcpgate::cli {
namespace {

int check(const Arguments& arguments, const World& world) {
  const auto config = config_for(arguments, world);
  if (!config) {
    return kWrongUsage;
  }
  for (const std::string& warning : config->warnings) {
    world.err << "warning: " << warning << '\n';
  }
  world.out << "ok\n";
  return kDone;
}

}  // namespace

Command check_command() {
  return {.name = "check",
          .help = "Check a configuration: every problem with line and column, or ok",
          .run = &check};
}

}  // namespace mcpgate::cli
