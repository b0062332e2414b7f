#include "cli/up_command.h"

#include <charconv>
#include <ostream>
#include <system_error>

#include "cli/gateway_process.h"
#include "cli/local_tool_sets.h"
#include "cli/welcome.h"

namespace mcpgate::cli {

namespace {

namespace fs = std::filesystem;

/// What the flags of `up` say.
struct UpFlags {
  std::optional<fs::path> config;
  fs::path tools;
  std::optional<std::uint16_t> port;
  std::optional<std::uint16_t> admin_port;
  /// Whether the sets may be none: later the last one may go, and another come.
  bool is_running = false;
  /// The sets in force, for those whose file is wrong for now.
  std::vector<ToolSetConfig> sets = {};
};

Expected<std::optional<std::uint16_t>> port_at(const Arguments& arguments, std::string_view name) {
  const auto text = arguments.find(name);
  if (!text) {
    return std::nullopt;
  }
  std::uint16_t port = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, port);
  if (error != std::errc{} || stop != end) {
    return fail(ErrorCode::kInvalidArgument, "--{}: expected a port, 0 to 65535", name);
  }
  return port;
}

Expected<UpFlags> read_flags(const Arguments& arguments, const World& world) {
  UpFlags flags;
  flags.config = arguments.find("config");
  flags.port = TRY(port_at(arguments, "port"));
  flags.admin_port = TRY(port_at(arguments, "admin-port"));
  flags.tools = world.environment.working_directory / arguments.get("tools", "tools");
  return flags;
}

/// The configuration of `up`: the file's, or without one the sets that lie in the tools' folder,
/// open to the demo token on loopback.
Expected<Config> load(UpFlags& flags, const Environment& environment) {
  Config config = TRY(load_config(flags.config, environment));
  std::error_code ignored;
  if (!fs::is_directory(flags.tools, ignored)) {
    return fail(ErrorCode::kNotFound,
                "{} is not a folder; name the folder of your tool sets by --tools",
                flags.tools.string());
  }
  if (flags.port) {
    config.set_port(*flags.port);
  }
  if (flags.admin_port) {
    config.admin_listen = ListenAddress{.host = "127.0.0.1", .port = *flags.admin_port};
  }
  if (config.file.empty()) {
    if (!flags.is_running) {
      TRY_VOID(check_has_tool_sets(flags.tools));
    }
    config.tool_sets = flags.sets = find_tool_sets(flags.tools, config.state, flags.sets);
    config.demo_token_allowed = true;
  }
  // Before the gateway reads them, the signing keys must be there.
  TRY_VOID(local_daemons(config, flags.tools));
  return config;
}

fs::path sandbox_program() {
  return own_program().parent_path() / "mcpgate-sandbox";
}

int up(const Arguments& arguments, const World& world) {
  auto flags = read_flags(arguments, world);
  if (!flags) {
    world.err << flags.error().message << '\n';
    return kWrongUsage;
  }
  const Environment environment = world.environment;
  // Declared before the process, whose callbacks use it; started once there is a loop.
  std::optional<Supervisor> supervisor;
  const auto supervise = [&](const Config& config) {
    if (const auto specs = local_daemons(config, flags->tools); specs && supervisor) {
      supervisor->follow(*specs);
    }
  };
  auto process =
      GatewayProcess::create({.load = [&flags, environment] { return load(*flags, environment); },
                              .applied = supervise,
                              .also_watched = [&flags] { return tool_set_files(flags->tools); },
                              .ready_means_all = true,
                              .on_hangup = GatewayProcessOptions::OnHangup::kEnd});
  if (!process) {
    const std::string& why = process.error().message;
    world.err << why << '\n';
    if (why.contains(std::strerror(EADDRINUSE))) {
      world.err << "choose other ports by --port N and --admin-port N\n";
    }
    return kWrongUsage;
  }
  GatewayProcess& gateway = **process;
  flags->is_running = true;
  supervisor.emplace(gateway.loop(), sandbox_program(), strictest_profile(sandbox_program()));
  supervise(gateway.config());
  gateway.service().on_ready([&] { welcome(gateway, world.out); });
  gateway.run();
  supervisor->stop();
  return kDone;
}

}  // namespace

Command up_command() {
  return {
      .name = "up",
      .help = "Run everything on this machine: the gateway and a sandbox for each tool set",
      .flags = {{.name = "tools", .value = "DIR", .help = "folder of tool sets [default: ./tools]"},
                {.name = "port", .value = "N", .help = "port on 127.0.0.1 [default: 8080]"},
                {.name = "admin-port",
                 .value = "N",
                 .help = "port of /health, /ready, /status [default: 9090]"}},
      .run = &up};
}

}  // namespace mcpgate::cli
