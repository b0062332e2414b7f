#include "cli/serve_command.h"

#include <ostream>

#include "cli/gateway_process.h"

namespace mcpgate::cli {

namespace {

int serve(const Arguments& arguments, const World& world) {
  const std::optional<std::filesystem::path> flag = arguments.find("config");
  const Environment environment = world.environment;
  if (!config_file(flag, environment)) {
    world.err << "mcpgate: serve guesses nothing: name a configuration by --config or "
                 "$MCPGATE_CONFIG; mcpgate up needs none\n";
    return kWrongUsage;
  }
  auto process = GatewayProcess::create(
      {.load = [flag, environment] { return load_config(flag, environment); }});
  if (!process) {
    world.err << process.error().message << '\n';
    return kWrongUsage;
  }
  (*process)->run();
  return kDone;
}

}  // namespace

Command serve_command() {
  return {
      .name = "serve", .help = "Run the gateway alone; its sandboxes are elsewhere", .run = &serve};
}

}  // namespace mcpgate::cli
