#include "sandboxd/daemon.h"

#include "base/file_watch.h"
#include "base/log.h"
#include "base/random.h"
#include "http/listen.h"
#include "http/server.h"
#include "sandbox/signature.h"
#include "sandboxd/call_queue.h"
#include "sandboxd/run_tool.h"
#include "sandboxd/sandbox_api.h"

namespace mcpgate::sandboxd {

namespace {

constexpr std::size_t kInstanceBytes = 16;
/// For a child that has answered to be gone with its files.
constexpr std::chrono::seconds kCleanUpTime{5};

http::ServerLimits server_limits() {
  http::ServerLimits limits;
  // As large as a frame to a child, arguments and envelope together.
  limits.body_bytes_max = kRequestBodyBytesMax;
  return limits;
}

/// What a call says goes to the log of whoever runs it by hand.
class LogEvents final : public EventSink {
 public:
  void on_progress(std::string_view json) override { log_info("progress {}", json); }
  void on_log(std::string_view json) override { log_info("log {}", json); }
  std::optional<std::string> on_question(std::uint64_t number, std::string_view json) override {
    return NoEvents().on_question(number, json);
  }
};

/// Who calls where nobody has to say who it is.
constexpr const char* kLocalIssuer = "mcpgate:local";
constexpr const char* kLocalUser = "local";

Task<Expected<std::shared_ptr<Version>>> load_once(asio::io_context& loop,
                                                   CatalogueOptions options) {
  SystemRandom random;
  options.instance = random.hex(kInstanceBytes);
  co_return co_await load_version(loop, std::move(options));
}

}  // namespace

struct Daemon::State {
  State(asio::io_context& loop, DaemonOptions daemon_options, sandbox::SigningKeys keys,
        std::unique_ptr<DetachedCalls> detached_calls)
      : options(std::move(daemon_options)),
        verifier(std::move(keys), random.hex(kInstanceBytes), clock),
        catalogue(loop, catalogue_options()),
        // The version's own bounds come with each call.
        queue(std::make_shared<CallQueue>(loop, CallQueue::Bounds{})),
        detached(std::move(detached_calls)),
        api(loop, catalogue, *queue, *detached, verifier, clock),
        admin(api) {}

  [[nodiscard]] CatalogueOptions catalogue_options() const {
    CatalogueOptions result{.zygote = options.zygote,
                            .tool_set = options.tool_set,
                            .workspaces_root = options.workspaces_root,
                            .calls = options.calls,
                            .connections = options.connections,
                            .instance = verifier.instance()};
    return result;
  }

  Expected<void> listen(asio::io_context& loop) {
    if (options.tls) {
      tls = TRY(http::TlsServer::create(*options.tls));
    }
    const http::ServerOptions server_options{.limits = server_limits(), .tls = tls};
    http::Listener listener = TRY(http::listen(options.listen));
    address = listener.address();
    server = std::make_unique<http::Server>(loop, std::move(listener), api, server_options);
    if (!options.admin_listen.empty()) {
      http::Listener admin_listener = TRY(http::listen(options.admin_listen));
      admin_address = admin_listener.address();
      admin_server = std::make_unique<http::Server>(loop, std::move(admin_listener), admin,
                                                    http::ServerOptions{});
    }
    return {};
  }

  /// Keys and certificates are rotated while the daemon runs.
  void watch_files(asio::io_context& loop) {
    std::vector<std::filesystem::path> files = options.key_files;
    if (options.tls) {
      files.push_back(options.tls->certificate);
      files.push_back(options.tls->key);
      if (options.tls->client_ca) {
        files.push_back(*options.tls->client_ca);
      }
    }
    auto started = FileWatch::start(loop.get_executor(), std::move(files), [this] {
      reload_keys();
      reload_tls();
    });
    if (!started) {
      log_error("rotated keys and certificates will not be seen before a restart: {}",
                started.error().message);
      return;
    }
    file_watch = *std::move(started);
  }

  void reload_keys() {
    auto keys = sandbox::SigningKeys::load(options.key_files);
    if (!keys) {
      log_error("{}; the keys before stay in force", keys.error().message);
      return;
    }
    log_info("signing keys: {} in force", keys->size());
    verifier.replace_keys(*std::move(keys));
  }

  void reload_tls() {
    if (!tls) {
      return;
    }
    if (auto reloaded = tls->reload(); !reloaded) {
      log_error("{}; the certificate before stays in force", reloaded.error().message);
    }
  }

  DaemonOptions options;
  SystemClock clock;
  SystemRandom random;
  sandbox::Verifier verifier;
  Catalogue catalogue;
  std::shared_ptr<CallQueue> queue;
  std::unique_ptr<DetachedCalls> detached;
  SandboxApi api;
  AdminApi admin;
  std::string address;
  std::string admin_address;
  std::shared_ptr<http::TlsServer> tls;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<http::Server> admin_server;
  std::unique_ptr<FileWatch> file_watch;
};

Daemon::Daemon(std::unique_ptr<State> state) : state_(std::move(state)) {}
Daemon::~Daemon() = default;

Task<Expected<std::unique_ptr<Daemon>>> Daemon::start(asio::io_context& loop,
                                                      DaemonOptions options) {
  auto keys = sandbox::SigningKeys::load(options.key_files);
  if (!keys) {
    co_return std::unexpected(std::move(keys.error()));
  }
  static const SystemClock kClock;
  auto detached = co_await DetachedCalls::open(loop, options.calls, kClock);
  if (!detached) {
    co_return std::unexpected(std::move(detached.error()));
  }
  auto state =
      std::make_unique<State>(loop, std::move(options), *std::move(keys), *std::move(detached));
  if (auto listening = state->listen(loop); !listening) {
    co_return std::unexpected(std::move(listening.error()));
  }
  state->watch_files(loop);
  if (state->admin_server) {
    state->admin_server->start();  // /health answers while the tools load.
  }
  // A set that does not load is the author's matter; a machine that does not confine is not.
  if (auto loaded = co_await state->catalogue.start();
      !loaded && loaded.error().code == ErrorCode::kFailedPrecondition) {
    co_await state->catalogue.stop();
    co_return std::unexpected(std::move(loaded.error()));
  }
  state->server->start();
  const std::shared_ptr<Version>& version = state->catalogue.current();
  log_info("tool set {}: listening on {}, profile {}", state->options.tool_set.string(),
           state->address,
           version ? version->manifest.profile : to_string(state->options.zygote.profile));
  co_return std::unique_ptr<Daemon>(new Daemon(std::move(state)));
}

Task<void> Daemon::drain(SteadyTime deadline) {
  state_->api.set_draining();
  co_await state_->catalogue.stop();  // Wakes long polls, so that their connections end.
  co_await state_->server->drain(deadline);
  co_await state_->api.drain_detached(deadline);
  if (state_->admin_server) {
    co_await state_->admin_server->drain(std::chrono::steady_clock::now());
  }
  co_await state_->catalogue.end_servers();
  co_await state_->catalogue.wait_until_idle(deadline);
  state_->file_watch.reset();
}

const std::string& Daemon::address() const {
  return state_->address;
}
const std::string& Daemon::admin_address() const {
  return state_->admin_address;
}
const Catalogue& Daemon::catalogue() const {
  return state_->catalogue;
}

Task<Expected<sandbox::Manifest>> describe_tool_set(asio::io_context& loop,
                                                    CatalogueOptions options) {
  auto version = co_await load_once(loop, std::move(options));
  if (!version) {
    co_return std::unexpected(std::move(version.error()));
  }
  co_return std::move((*version)->manifest);
}

Task<Expected<SingleRun>> run_tool_once(asio::io_context& loop, CatalogueOptions options,
                                        std::string tool, std::string arguments) {
  json::Parser parser(kRequestBodyBytesMax);
  if (const auto parsed = parser.parse(arguments); !parsed || !json::as_object(*parsed)) {
    co_return fail(ErrorCode::kInvalidArgument, "the arguments are not a JSON object: {}",
                   parsed ? "another kind of value" : parsed.error().message);
  }
  const auto version = co_await load_once(loop, std::move(options));
  if (!version) {
    co_return std::unexpected(version.error());
  }
  const auto served = (*version)->tools.find(tool);
  if (served == (*version)->tools.end()) {
    co_return fail(ErrorCode::kNotFound, "tool set {} has no tool {}",
                   (*version)->manifest.tool_set, tool);
  }
  const SteadyTime now = std::chrono::steady_clock::now();
  ToolOrder order{.target = {*version, &served->second},
                  .tool = tool,
                  .arguments = std::move(arguments),
                  .call_id = "run",
                  .user = kLocalUser,
                  .issuer = kLocalIssuer,
                  .subject = kLocalUser,
                  .traceparent = {},
                  .arrived = now,
                  .deadline = now + served->second.limits.wall,
                  .progress_wanted = true};
  if (served->second.has_workspace) {
    if (auto entered = co_await enter_workspace(order); !entered) {
      co_return std::unexpected(std::move(entered.error()));
    }
  }
  LogEvents events;
  auto answer = co_await run_tool(std::move(order), events);
  if ((*version)->servers) {
    co_await (*version)->servers->finish();
  }
  co_await (*version)->zygote->wait_until_idle(now + kCleanUpTime);
  if (!answer) {
    co_return std::unexpected(std::move(answer.error()));
  }
  co_return SingleRun{.call_tool_result = std::move(answer->call_tool_result),
                      .usage = answer->usage,
                      .is_error = answer->is_error,
                      .printed = std::move(answer->printed)};
}

}  // namespace mcpgate::sandboxd
