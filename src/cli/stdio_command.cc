#include "cli/stdio_command.h"

#include <unistd.h>

#include <csignal>
#include <ostream>

#include <boost/asio/co_spawn.hpp>

#include "cli/stdio_bridge.h"

namespace mcpgate::cli {

namespace {

int bridge(const Arguments& arguments, const World& world) {
  auto target = target_of(arguments, world);
  if (!target) {
    world.err << "mcpgate: " << target.error().message << '\n';
    return kWrongUsage;
  }
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context loop;
  StdioBridge stdio(loop, *std::move(target), STDIN_FILENO, STDOUT_FILENO);
  asio::co_spawn(loop, stdio.run(), [&loop](const std::exception_ptr&) { loop.stop(); });
  loop.run();
  return kDone;
}

}  // namespace

Command stdio_command() {
  return {.name = "stdio",
          .help = "Serve a client that speaks over standard input and output",
          .flags = target_flags(),
          .run = &bridge};
}

}  // namespace mcpgate::cli
