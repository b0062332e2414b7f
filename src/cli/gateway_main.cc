// build/bin/mcpgate: the gateway and its command line. Adding a command is adding a line here.

#include "cli/check_command.h"
#include "cli/client_config_command.h"
#include "cli/explain_command.h"
#include "cli/keys_command.h"
#include "cli/login_command.h"
#include "cli/pins_command.h"
#include "cli/policy_command.h"
#include "cli/serve_command.h"
#include "cli/stdio_command.h"
#include "cli/tools_command.h"
#include "cli/up_command.h"

int main(int argc, char** argv) {
  using namespace mcpgate;
  std::vector<cli::Command> commands;
  commands.push_back(cli::up_command());
  commands.push_back(cli::serve_command());
  commands.push_back(cli::check_command());
  commands.push_back(cli::explain_command());
  for (cli::Command& command : cli::policy_commands()) {
    commands.push_back(std::move(command));
  }
  for (cli::Command& command : cli::keys_commands()) {
    commands.push_back(std::move(command));
  }
  for (cli::Command& command : cli::tools_commands()) {
    commands.push_back(std::move(command));
  }
  for (cli::Command& command : cli::pins_commands()) {
    commands.push_back(std::move(command));
  }
  commands.push_back(cli::client_config_command());
  commands.push_back(cli::login_command());
  commands.push_back(cli::stdio_command());
  return cli::run_main("mcpgate", "The Secure MCP Code Gateway.", commands, argc, argv);
}
