// build/bin/mcpgate-sandbox: the daemon of one tool set, and what its author needs beside it.

#include "cli/sandbox_commands.h"

int main(int argc, char** argv) {
  using namespace mcpgate;
  return cli::run_main("mcpgate-sandbox",
                       "Runs the tools of one tool set, each call in a fresh confined process.",
                       cli::sandbox_commands(), argc, argv);
}
