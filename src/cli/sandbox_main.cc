// mcpgate-sandbox: the daemon of one tool set, and what its author needs beside it.

#include <sys/prctl.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/log.h"
#include "json/write.h"
#include "sandboxd/daemon.h"

namespace mcpgate {
namespace {

constexpr int kDone = 0;
constexpr int kAnswerIsNo = 1;
constexpr int kWrongUsage = 2;

/// Kubernetes kills after 30 s; calls that still run then would lose their answers without a word.
constexpr std::chrono::seconds kDrainTime{25};

struct Flags {
  std::string tools;
  std::string listen;
  std::vector<std::string> key_files;
  std::string profile = "pod";
  std::string admin_listen;
  std::string tls_cert;
  std::string tls_key;
  std::string client_ca;
  std::string tool;
  std::string arguments;
};

int complain(const Error& error) {
  std::fprintf(stderr, "mcpgate-sandbox: %s\n", error.message.c_str());
  const bool answer_is_no = error.code == ErrorCode::kFailedPrecondition;
  return answer_is_no ? kAnswerIsNo : kWrongUsage;
}

Expected<sandboxd::ZygoteOptions> zygote_options(const Flags& flags) {
  sandboxd::ZygoteOptions options;
  for (const auto profile :
       {sandboxd::Profile::kStrict, sandboxd::Profile::kPod, sandboxd::Profile::kDev}) {
    if (to_string(profile) == flags.profile) {
      options.profile = profile;
    }
  }
  if (options.profile == sandboxd::Profile::kDev) {
    log_warn("profile dev: layers of confinement that this machine lacks are left out");
  }
  TRY_VOID(sandboxd::locate_installed(options));
  return options;
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
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

/// Runs a command to its end on a loop of its own and gives the exit status.
int run_to_end(Task<int> (*command)(asio::io_context&, Flags, sandboxd::ZygoteOptions),
               const Flags& flags) {
  auto zygote = zygote_options(flags);
  if (!zygote) {
    return complain(zygote.error());
  }
  SystemRandom random;
  const auto scratch = sandboxd::ScratchRoot::create(random);
  if (!scratch) {
    return complain(scratch.error());
  }
  zygote->scratch = scratch->path();
  asio::io_context loop(1);
  int status = kWrongUsage;
  asio::co_spawn(loop, command(loop, flags, *std::move(zygote)),
                 [&](const std::exception_ptr& failure, int exit_status) {
                   if (failure) {
                     std::rethrow_exception(failure);  // Caught in main().
                   }
                   status = exit_status;
                   loop.stop();
                 });
  loop.run();
  return status;
}

Task<int> serve(asio::io_context& loop, Flags flags, sandboxd::ZygoteOptions zygote) {
  // The signing key is in our memory; no process of our uid may look at it.
  ::prctl(PR_SET_DUMPABLE, 0);
  asio::signal_set signals(loop, SIGTERM, SIGINT);
  sandboxd::DaemonOptions options{.tool_set = flags.tools,
                                  .listen = flags.listen,
                                  .key_files = {flags.key_files.begin(), flags.key_files.end()},
                                  .admin_listen = flags.admin_listen,
                                  .tls = std::nullopt,
                                  .zygote = std::move(zygote)};
  if (!flags.tls_cert.empty()) {
    options.tls = http::TlsServerOptions{
        .certificate = flags.tls_cert, .key = flags.tls_key, .client_ca = std::nullopt};
    if (!flags.client_ca.empty()) {
      options.tls->client_ca = flags.client_ca;
    }
  }
  auto daemon = co_await sandboxd::Daemon::start(loop, std::move(options));
  if (!daemon) {
    co_return complain(daemon.error());
  }
  const auto [error, signal] = co_await signals.async_wait(kAwait);
  log_info("signal {}: finishing the calls in flight", signal);
  co_await (*daemon)->drain(std::chrono::steady_clock::now() + kDrainTime);
  co_return kDone;
}

Task<int> describe(asio::io_context& loop, Flags flags, sandboxd::ZygoteOptions zygote) {
  const auto manifest = co_await sandboxd::describe_tool_set(loop, std::move(zygote), flags.tools);
  if (!manifest) {
    co_return complain(manifest.error());
  }
  print(pretty(sandbox::write_manifest(*manifest)));
  co_return kDone;
}

Task<int> run(asio::io_context& loop, Flags flags, sandboxd::ZygoteOptions zygote) {
  const auto ran = co_await sandboxd::run_tool_once(loop, std::move(zygote), flags.tools,
                                                    flags.tool, flags.arguments);
  if (!ran) {
    const int status = complain(ran.error());
    co_return ran.error().code == ErrorCode::kNotFound ? kAnswerIsNo : status;
  }
  print(pretty(ran->call_tool_result));
  std::fprintf(stderr, "cpu %lld ms, wall %lld ms, peak memory %lld bytes\n",
               static_cast<long long>(ran->usage.cpu_ms),
               static_cast<long long>(ran->usage.wall_ms),
               static_cast<long long>(ran->usage.peak_rss_bytes));
  co_return ran->is_error ? kAnswerIsNo : kDone;
}

void add_common(CLI::App& command, Flags& flags) {
  command.add_option("--tools", flags.tools, "the tool set's folder")->required()->type_name("DIR");
  command.add_option("--profile", flags.profile, "how much confinement is demanded")
      ->check(CLI::IsMember({"strict", "pod", "dev"}))
      ->capture_default_str();
}

void add_serve_flags(CLI::App& command, Flags& flags) {
  command.add_option("--listen", flags.listen, "where the gateway reaches it")
      ->required()
      ->type_name("unix:PATH|HOST:PORT");
  command
      .add_option("--key-file", flags.key_files,
                  "signing key shared with the gateway, not readable by others; repeat while "
                  "rotating")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--admin-listen", flags.admin_listen,
                  "unsigned /health /ready /metrics [default: none]")
      ->type_name("HOST:PORT");
  auto* const cert =
      command.add_option("--tls-cert", flags.tls_cert, "certificate chain, PEM")->type_name("FILE");
  auto* const key =
      command.add_option("--tls-key", flags.tls_key, "its key, PEM")->type_name("FILE");
  cert->needs(key);
  key->needs(cert);
  command
      .add_option("--client-ca", flags.client_ca,
                  "clients must show a certificate that one of these signed")
      ->type_name("FILE")
      ->needs(cert);
}

int main_of(int argc, char** argv) {
  Flags flags;
  CLI::App app("Runs the tools of one tool set, each call in a fresh confined process.",
               "mcpgate-sandbox");
  app.set_version_flag("--version", "mcpgate-sandbox " MCPGATE_VERSION);
  app.require_subcommand(1);
  app.footer("Exit status: 0 done, 1 the answer is no, 2 wrong usage or configuration.");

  CLI::App* const serve_command =
      app.add_subcommand("serve", "the daemon: answers the gateway's signed requests");
  add_common(*serve_command, flags);
  add_serve_flags(*serve_command, flags);
  CLI::App* const describe_command =
      app.add_subcommand("describe", "print the manifest of the tool set as JSON");
  add_common(*describe_command, flags);
  CLI::App* const run_command =
      app.add_subcommand("run", "run one call and print its result as JSON");
  add_common(*run_command, flags);
  run_command->add_option("TOOL", flags.tool, "name of the tool")->required();
  run_command->add_option("JSON", flags.arguments, "its arguments, a JSON object")->required();
  // `doctor` belongs here once the profiles are finished.

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return run_to_end(serve_command->parsed()      ? serve
                    : describe_command->parsed() ? describe
                                                 : run,
                    flags);
}

}  // namespace
}  // namespace mcpgate

int main(int argc, char** argv) {
  try {
    return mcpgate::main_of(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mcpgate-sandbox: %s\n", error.what());
    return mcpgate::kWrongUsage;
  }
}
