#include "cli/sandbox_commands.h"

#include <sys/prctl.h>

#include <csignal>
#include <exception>
#include <ostream>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/log.h"
#include "json/write.h"
#include "sandboxd/daemon.h"
#include "sandboxd/doctor.h"
#include "sandboxd/packages.h"
#include "sandboxd/scratch.h"

namespace mcpgate::cli {

namespace {

/// Kubernetes kills after 30 s; calls that still run then would lose their answers without a word.
constexpr std::chrono::seconds kDrainTime{25};

int complain(const World& world, const Error& error) {
  world.err << "mcpgate-sandbox: " << error.message << '\n';
  return error.code == ErrorCode::kFailedPrecondition ? kAnswerIsNo : kWrongUsage;
}

/// What a flag names; without it the folder of its name in the state folder, as `mcpgate up` has
/// it.
std::filesystem::path state_folder(std::string_view flag, const Arguments& arguments,
                                   const World& world) {
  const Environment& environment = world.environment;
  if (const auto named = arguments.find(flag)) {
    return environment.working_directory / *named;
  }
  const std::string& state = environment.state_variable;
  return environment.working_directory / (state.empty() ? "var" : state) / flag;
}

Expected<sandboxd::ZygoteOptions> zygote_options(const Arguments& arguments, const World& world) {
  sandboxd::ZygoteOptions options;
  options.profile =
      sandboxd::parse_profile(arguments.get("profile", "pod")).value_or(sandboxd::Profile::kStrict);
  for (const std::string& name : arguments.all("allow-missing")) {
    const auto layer = sandboxd::parse_layer(name);
    if (!layer) {
      return fail(ErrorCode::kInvalidArgument, "--allow-missing {}: no such layer", name);
    }
    options.allow_missing |= sandboxd::layer_bit(*layer);
  }
  options.packages_root = state_folder("packages", arguments, world);
  TRY_VOID(sandboxd::locate_installed(options));
  return options;
}

std::string pretty(std::string_view json) {
  json::Parser parser(json.size());
  const auto element = parser.parse(json);
  if (!element) {
    return std::string(json);
  }
  std::string out;
  json::append(out, *element, json::Layout::kPretty);
  return out;
}

/// `--connection NAME=FILE`, each.
Expected<sandboxd::ConnectionFiles> connection_files(const Arguments& arguments,
                                                     const World& world) {
  sandboxd::ConnectionFiles files;
  for (const std::string& text : arguments.all("connection")) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
      return fail(ErrorCode::kInvalidArgument, "--connection wants NAME=FILE");
    }
    std::filesystem::path file =
        world.environment.working_directory / std::string_view(text).substr(equals + 1);
    if (!files.emplace(text.substr(0, equals), std::move(file)).second) {
      return fail(ErrorCode::kInvalidArgument, "--connection {}: it is there twice",
                  text.substr(0, equals));
    }
  }
  return files;
}

/// A command as a coroutine, which owns what it was given.
using Program = Task<int> (*)(asio::io_context& loop, Arguments arguments, World world,
                              sandboxd::ZygoteOptions zygote);

/// Runs a command to its end on a loop of its own and gives the exit code.
int run_to_end(Program program, const Arguments& arguments, const World& world) {
  auto zygote = zygote_options(arguments, world);
  if (!zygote) {
    return complain(world, zygote.error());
  }
  std::error_code ignored;  // An unusable $TMPDIR is told by create().
  const auto scratch =
      sandboxd::ScratchRoot::create(std::filesystem::temp_directory_path(ignored), world.random);
  if (!scratch) {
    return complain(world, scratch.error());
  }
  zygote->scratch = scratch->path();
  asio::io_context loop(1);
  int code = kWrongUsage;
  asio::co_spawn(loop, program(loop, arguments, world, *std::move(zygote)),
                 [&](const std::exception_ptr& failure, int exit_code) {
                   if (failure) {
                     std::rethrow_exception(failure);
                   }
                   code = exit_code;
                   loop.stop();
                 });
  try {
    loop.run();
  } catch (const std::exception& exception) {  // of a library
    return complain(world, {ErrorCode::kInternal, exception.what()});
  }
  return code;
}

Task<int> serve(asio::io_context& loop, Arguments arguments, World world,
                sandboxd::ZygoteOptions zygote) {
  // The signing key is in our memory; no process of our uid may look at it.
  ::prctl(PR_SET_DUMPABLE, 0);
  asio::signal_set signals(loop, SIGTERM, SIGINT, SIGHUP);
  const std::vector<std::string> key_files = arguments.all("key-file");
  auto connections = connection_files(arguments, world);
  if (!connections) {
    co_return complain(world, connections.error());
  }
  sandboxd::DaemonOptions options{.tool_set = arguments.get("tools"),
                                  .listen = arguments.get("listen"),
                                  .key_files = {key_files.begin(), key_files.end()},
                                  .admin_listen = arguments.get("admin-listen"),
                                  .calls = arguments.get("calls"),
                                  .connections = *std::move(connections),
                                  .tls = std::nullopt,
                                  .workspaces_root = state_folder("workspaces", arguments, world),
                                  .zygote = std::move(zygote)};
  if (arguments.has("tls-cert")) {
    options.tls = http::TlsServerOptions{.certificate = arguments.get("tls-cert"),
                                         .key = arguments.get("tls-key"),
                                         .client_ca = arguments.find("client-ca")};
  }
  auto daemon = co_await sandboxd::Daemon::start(loop, std::move(options));
  if (!daemon) {
    co_return complain(world, daemon.error());
  }
  const auto [error, signal] = co_await signals.async_wait(kAwait);
  log_info("signal {}: finishing the calls in flight", signal);
  co_await (*daemon)->drain(std::chrono::steady_clock::now() + kDrainTime);
  co_return kDone;
}

sandboxd::CatalogueOptions single_use(const Arguments& arguments, const World& world,
                                      sandboxd::ZygoteOptions zygote,
                                      sandboxd::ConnectionFiles connections = {}) {
  return {.zygote = std::move(zygote),
          .tool_set = arguments.get("tools"),
          .workspaces_root = state_folder("workspaces", arguments, world),
          .connections = std::move(connections),
          .instance = {}};
}

Task<int> describe(asio::io_context& loop, Arguments arguments, World world,
                   sandboxd::ZygoteOptions zygote) {
  const auto manifest =
      co_await sandboxd::describe_tool_set(loop, single_use(arguments, world, std::move(zygote)));
  if (!manifest) {
    co_return complain(world, manifest.error());
  }
  world.out << pretty(sandbox::write_manifest(*manifest)) << '\n';
  co_return kDone;
}

Task<int> run(asio::io_context& loop, Arguments arguments, World world,
              sandboxd::ZygoteOptions zygote) {
  auto connections = connection_files(arguments, world);
  if (!connections) {
    co_return complain(world, connections.error());
  }
  const auto ran = co_await sandboxd::run_tool_once(
      loop, single_use(arguments, world, std::move(zygote), *std::move(connections)),
      arguments.get("TOOL"), arguments.get("JSON"));
  if (!ran) {
    const int code = complain(world, ran.error());
    co_return ran.error().code == ErrorCode::kNotFound ? kAnswerIsNo : code;
  }
  world.err << ran->printed;
  world.out << pretty(ran->call_tool_result) << '\n';
  world.err << fmt::format("cpu {} ms, wall {} ms, peak memory {} bytes\n", ran->usage.cpu_ms,
                           ran->usage.wall_ms, ran->usage.peak_rss_bytes);
  co_return ran->is_error ? kAnswerIsNo : kDone;
}

/// One line for each layer.
std::string as_table(const sandboxd::Confinement& confinement) {
  std::string table =
      fmt::format("{:<15} {:<9} {:<9} {}\n", "LAYER", "WANTED", "IN FORCE", "PROOF");
  for (const sandboxd::LayerReport& report : confinement.layers) {
    table += fmt::format("{:<15} {:<9} {:<9} {}\n", layer_name(report.layer),
                         to_string(report.wanted), report.in_force ? "yes" : "NO", report.proof);
  }
  return table;
}

Task<int> doctor(asio::io_context& loop, Arguments arguments, World world,
                 sandboxd::ZygoteOptions zygote) {
  const sandboxd::Profile profile = zygote.profile;
  const auto found = co_await sandboxd::examine(loop, std::move(zygote));
  if (!found) {
    co_return complain(world, found.error());
  }
  if (arguments.get("output", "table") == "json") {
    std::string json;
    json::Writer writer(json);
    writer.begin_object();
    found->write_members(writer);
    writer.end_object();
    world.out << json << '\n';
  } else {
    world.out << as_table(*found);
  }
  if (const sandboxd::LayerReport* gap = found->first_gap()) {
    world.err << fmt::format("mcpgate-sandbox: profile {}: the layer {} is missing: {}\n",
                             to_string(profile), layer_name(gap->layer), gap->proof);
    co_return kAnswerIsNo;
  }
  co_return kDone;
}

Flag profile_flag() {
  return {.name = "profile",
          .value = "PROFILE",
          .help = "how much confinement is demanded: strict, pod (default) or dev",
          .choices = {"strict", "pod", "dev"}};
}

Flag tools_flag() {
  return {.name = "tools", .value = "DIR", .help = "the tool set's folder", .is_required = true};
}

Flag packages_flag() {
  return {.name = "packages",
          .value = "DIR",
          .help = "Python packages of tool sets [default: $MCPGATE_STATE/packages]"};
}

Flag workspaces_flag() {
  return {.name = "workspaces",
          .value = "DIR",
          .help = "what tools keep for their users [default: $MCPGATE_STATE/workspaces]"};
}

Flag connection_flag() {
  return {.name = "connection",
          .value = "NAME=FILE",
          .help = "where a connection of the set leads: a file, mode 0600; repeatable",
          .is_many = true};
}

/// What each command that runs tools takes, before its own.
std::vector<Flag> with_common_flags(std::vector<Flag> flags) {
  flags.insert(flags.begin(),
               {tools_flag(),
                profile_flag(),
                packages_flag(),
                workspaces_flag(),
                {.name = "allow-missing",
                 .value = "LAYER",
                 .help = "serve although this layer (of doctor) is missing; repeatable",
                 .is_many = true}});
  return flags;
}

std::vector<Flag> serve_flags() {
  return with_common_flags({
      {.name = "listen",
       .value = "ADDRESS",
       .help = "where the gateway reaches it: unix:PATH or HOST:PORT",
       .is_required = true},
      {.name = "key-file",
       .value = "F",
       .help = "signing key shared with the gateway, mode 0600; repeat while rotating",
       .is_required = true,
       .is_many = true},
      {.name = "admin-listen",
       .value = "HOST:PORT",
       .help = "unsigned /health, /ready and /metrics [default: none]"},
      {.name = "calls",
       .value = "DIR",
       .help = "where detached calls are kept [default: none may be]"},
      connection_flag(),
      {.name = "tls-cert",
       .value = "FILE",
       .help = "certificate chain, PEM; read again when it changes",
       .needs = "tls-key"},
      {.name = "tls-key", .value = "FILE", .help = "its key, PEM", .needs = "tls-cert"},
      {.name = "client-ca",
       .value = "FILE",
       .help = "clients must show a certificate that one of these signed",
       .needs = "tls-cert"},
  });
}

int run_serve(const Arguments& arguments, const World& world) {
  return run_to_end(&serve, arguments, world);
}
int run_doctor(const Arguments& arguments, const World& world) {
  return run_to_end(&doctor, arguments, world);
}
int run_prepare(const Arguments& arguments, const World& world) {
  sandboxd::ZygoteOptions installed;
  if (const auto located = sandboxd::locate_installed(installed); !located) {
    return complain(world, located.error());
  }
  const auto prepared =
      sandboxd::prepare_packages({.tool_set = arguments.get("tools"),
                                  .root = state_folder("packages", arguments, world),
                                  .harness = installed.harness,
                                  .wheels = arguments.get("wheels")});
  if (!prepared) {
    return complain(world, prepared.error());
  }
  if (!prepared->empty()) {
    world.out << prepared->string() << '\n';
  }
  return kDone;
}
int run_describe(const Arguments& arguments, const World& world) {
  return run_to_end(&describe, arguments, world);
}
int run_run(const Arguments& arguments, const World& world) {
  return run_to_end(&run, arguments, world);
}

}  // namespace

std::vector<Command> sandbox_commands() {
  return {
      {.name = "serve",
       .help = "The daemon: answers the gateway's signed requests",
       .flags = serve_flags(),
       .run = &run_serve,
       .takes_config = false},
      {.name = "doctor",
       .help = "Which layers of isolation hold here, each proven by an attempt",
       .flags = {profile_flag(),
                 {.name = "output",
                  .value = "FORM",
                  .help = "table or json [default: table]",
                  .choices = {"table", "json"}}},
       .run = &run_doctor,
       .takes_config = false},
      {.name = "prepare",
       .help = "Install the tool set's Python packages, as requirements.txt pins them",
       .flags = {tools_flag(),
                 packages_flag(),
                 {.name = "wheels",
                  .value = "DIR",
                  .help = "install from the wheels in this folder alone, without a network"}},
       .run = &run_prepare,
       .takes_config = false},
      {.name = "describe",
       .help = "Print the manifest of the tool set as JSON",
       .flags = with_common_flags({}),
       .run = &run_describe,
       .takes_config = false},
      {.name = "run",
       .help = "Run one call and print its result as JSON",
       .flags = with_common_flags({connection_flag()}),
       .positionals = {{.name = "TOOL", .help = "name of the tool"},
                       {.name = "JSON", .help = "its arguments, a JSON object"}},
       .run = &run_run,
       .takes_config = false},
  };
}

}  // namespace mcpgate::cli
