#include "cli/gateway_process.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "cli/key_stores.h"
#include "cli/secret_file.h"

namespace mcpgate::cli {

namespace {

constexpr mode_t kSecretMode = 0600;
constexpr mode_t kPrivateDirectory = 0700;
/// For calls to sandboxes, files and what else is no connection of a client.
constexpr std::size_t kKeptDescriptors = 1024;

/// Where the configuration names no sealing key there is a local one, made on first start.
Expected<std::vector<std::filesystem::path>> sealing_keys(const Config& config) {
  if (!config.sealing_keys.empty()) {
    return config.sealing_keys;
  }
  const std::filesystem::path file = config.state / "run" / "sealing.key";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    TRY_VOID(make_directories(file.parent_path(), kPrivateDirectory));
    SystemRandom random;
    TRY_VOID(write_file_atomically(file, Sealer::create_text(random), kSecretMode));
  }
  return std::vector{file};
}

/// What the gateway serves with; its rates go on where those of `earlier` are.
Expected<std::shared_ptr<const gateway::Settings>> serving_settings(
    const Config& config, const policy::Rates& earlier,
    const std::shared_ptr<const RateStore>& store) {
  auto settings = std::make_shared<gateway::Settings>(TRY(make_settings(config)));
  settings->rates.take_over(earlier);
  if (store) {
    settings->rates.lease_from(store->leases(), store->on_failure());
  }
  const std::vector<std::filesystem::path> keys = TRY(sealing_keys(config));
  settings->sealer = std::make_shared<const Sealer>(TRY(Sealer::load(keys)));
  return settings;
}

}  // namespace

auth::IssuerTable token_limits(const Config& config) {
  return {.clock_skew = config.limits.clock_skew,
          .token_bytes_max = config.limits.token_bytes_max,
          .introspection_cache = config.limits.introspection_cache,
          .introspection_timeout = config.limits.introspection_timeout,
          .introspections_max = config.limits.introspections_max,
          .proofs = {.window = config.limits.dpop_window,
                     .all_max = config.limits.dpop_proofs_max,
                     .per_principal_max = config.limits.dpop_proofs_per_principal_max},
          .bad_tokens = config.limits.bad_tokens};
}

Expected<std::vector<auth::IssuerSource>> make_issuers(const Config& config) {
  std::vector<auth::IssuerSource> sources;
  sources.reserve(config.issuers.size());
  for (const IssuerConfig& issuer : config.issuers) {
    auth::IssuerSource source{.rules = issuer.rules,
                              .tls = TRY(http::TlsClient::create({.ca = issuer.ca}))};
    if (!issuer.introspection_client.empty()) {
      source.introspection = {.client = {.id = issuer.introspection_client,
                                         .secret = TRY(read_secret(issuer.introspection_secret_file,
                                                                   "the client's secret"))},
                              .always = issuer.introspects_always};
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

namespace {

/// Nothing where nobody is asked.
Expected<std::optional<auth::KeyOwnersSource>> make_key_owners(const Config& config) {
  for (const IssuerConfig& issuer : config.issuers) {
    if (const auto& owners = issuer.key_owners) {
      return auth::KeyOwnersSource{
          .issuer = issuer.rules.issuer,
          .client = {.id = owners->client,
                     .secret = TRY(read_secret(owners->secret_file, "the client's secret"))},
          .tls = TRY(http::TlsClient::create({.ca = issuer.ca})),
          .refresh = owners->refresh,
          .stale_max = owners->stale_max};
    }
  }
  return std::nullopt;
}

}  // namespace

Expected<gateway::Settings> make_settings(const Config& config) {
  gateway::Settings settings;
  settings.public_url = config.public_url;
  settings.allowed_hosts = config.allowed_hosts;
  settings.allowed_origins = config.allowed_origins;
  settings.trusted_proxies = config.trusted_proxies;
  for (const IssuerConfig& issuer : config.issuers) {
    settings.authorization_servers.push_back(issuer.rules.issuer);
    for (const std::string& scope : issuer.rules.scopes) {
      if (std::ranges::find(settings.scopes, scope) == settings.scopes.end()) {
        settings.scopes.push_back(scope);
      }
    }
  }
  settings.dpop_required = std::ranges::all_of(
      config.issuers, [](const IssuerConfig& issuer) { return issuer.rules.dpop_required; });
  settings.policy = policy::Policy(config.policy_options());
  settings.rates = policy::Rates(config.rates, config.limits.rate_keys_max);
  settings.rate_lease_patience = config.limits.rate_lease;
  settings.call_timeout = config.limits.call_timeout;
  settings.calls_in_flight_max = config.limits.calls_in_flight_max;
  settings.resume_window = config.limits.resume_window;
  settings.resume_bytes_max = config.limits.resume_bytes_max;
  settings.prepared_list_bytes_max = config.limits.prepared_list_bytes_max;
  settings.task_ttl = config.limits.task_ttl;
  settings.task_poll = config.limits.task_poll;
  settings.inner_calls_max = config.limits.inner_calls_max;
  settings.question_time = config.limits.question_time;
  settings.question_rounds_max = config.limits.question_rounds_max;
  settings.request_state_bytes_max = config.limits.request_state_bytes_max;
  settings.inner_depth_max = config.limits.inner_depth_max;
  settings.result_bytes_max = config.limits.result_bytes_max;
  settings.streams_max = config.limits.streams_max;
  settings.streams_per_principal_max = config.limits.streams_per_principal_max;
  settings.stream_keep_alive = config.limits.stream_keep_alive;
  settings.subscriptions_max = config.limits.subscriptions_max;
  settings.peer_connect = config.limits.peer_connect;
  settings.logouts = config.limits.logouts;
  if (config.peers) {
    settings.peer_addresses = config.peers->others;
    settings.peer_keys = std::make_shared<const sandbox::SigningKeys>(
        TRY(sandbox::SigningKeys::load(config.peers->keys)));
  }
  for (const ToolSetConfig& set : config.tool_sets) {
    gateway::ToolSetRoute route{.view = {.name = set.name,
                                         .prefix = set.prefix,
                                         .only = set.tools,
                                         .code_mode = set.code_mode,
                                         .is_upstream = set.upstream.has_value(),
                                         .searched_by = set.searched_by}};
    if (set.pins) {
      route.view.pins = TRY(gateway::load_pins(*set.pins, set.name));
    }
    if (set.upstream) {
      route.upstream =
          TRY(make_upstream(*set.upstream, set.name, set.trusts_annotations,
                            config.limits.result_bytes_max, config.limits.upstream_sessions_max));
    } else {
      route.endpoint = set.sandbox;
      route.keys = std::make_shared<const sandbox::SigningKeys>(
          TRY(sandbox::SigningKeys::load(set.signing_keys)));
    }
    settings.tool_sets.push_back(std::move(route));
    if (set.introspects) {
      settings.confirmed_sets.insert(set.name);
    }
  }
  return settings;
}

GatewayProcess::GatewayProcess(GatewayProcessOptions options, Config config)
    : options_(std::move(options)),
      config_(std::move(config)),
      signals_(loops_[0], SIGTERM, SIGINT, SIGHUP),
      key_owners_(loops_[0], clock_) {}

GatewayProcess::~GatewayProcess() = default;

Expected<std::unique_ptr<GatewayProcess>> GatewayProcess::create(GatewayProcessOptions options) {
  Config config = TRY(options.load());
  std::unique_ptr<GatewayProcess> process(
      new GatewayProcess(std::move(options), std::move(config)));
  TRY_VOID(process->start());
  return process;
}

Expected<void> GatewayProcess::start() {
  // A peer that closes and a disk that is full are errors of one call, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (const std::string& warning : config_.warnings) {
    log_warn("{}", warning);
  }
  fit_connections();
  TRY_VOID(start_service());
  TRY_VOID(start_admin());
  TRY_VOID(start_watches());
  log_info("listening on {}{}", tls_ ? "https://" : "http://", service_->address());
  follow_signals();
  service_->start();
  return {};
}

void GatewayProcess::follow_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) {
      return;
    }
    if (signal == SIGHUP && options_.on_hangup == GatewayProcessOptions::OnHangup::kReload) {
      reload_tls();
      reload();
      follow_signals();
      return;
    }
    if (std::exchange(ending_, true)) {
      log_info("ending at once");
      loops_.stop();
      return;
    }
    log_info("ending: requests in flight may finish; another signal ends them");
    admin_.reset();
    service_->drain();
    follow_signals();  // Whoever sends another one does not want to wait for that.
  });
}

/// As many connections as there are descriptors for. Each loop's listeners count their own, and a
/// call has one to its sandbox, or to another replica, beside the client's.
void GatewayProcess::fit_connections() {
  const std::size_t descriptors = raise_descriptor_limit();
  const std::size_t kept = std::min(kKeptDescriptors, descriptors / 2);
  const std::size_t listeners = loops_.size() * (config_.peers ? 2 : 1);
  const std::size_t most = (descriptors - kept) / listeners;
  std::size_t& wanted = config_.limits.http.connections_max;
  if (wanted > most) {
    log_info(
        "limits.connections: {} on each of {} loops need more than the {} descriptors that "
        "this process may have (ulimit -n): {} it is",
        wanted, loops_.size(), descriptors, most);
    wanted = most;
  }
}

Expected<void> GatewayProcess::start_service() {
  if (config_.tls) {
    tls_ = TRY(http::TlsServer::create(*config_.tls));
  }
  use_keys(std::make_shared<auth::KeyTable>());
  TRY_VOID(start_issuers());
  rate_store_ = TRY(RateStore::create(loops_[0], config_, nullptr));
  auto settings = TRY(serving_settings(config_, {}, rate_store_));
  std::optional<gateway::PeerListener> peers;
  if (config_.peers) {
    peers = {.listen = config_.peers->listen.to_string(),
             .advertise = config_.peers->advertise.to_string()};
  }
  service_ = TRY(
      gateway::Service::create(loops_, clock_,
                               {.listen = config_.listen.to_string(),
                                .http = {.limits = config_.limits.http, .tls = tls_},
                                .peers = std::move(peers),
                                .audit_directory = config_.audit.directory,
                                .audit_to_stdout = config_.audit.to_stdout,
                                .drain_timeout = config_.limits.drain_timeout,
                                .verified_tokens_max = config_.limits.verified_tokens_max,
                                .demand_keys =
                                    [this](const std::string& issuer, std::function<void()> done) {
                                      issuers_->demand(issuer, std::move(done));
                                    },
                                .ready_means_all = options_.ready_means_all},
                               std::move(settings), make_authenticator()));
  return {};
}

Expected<void> GatewayProcess::start_issuers() {
  issuers_ = std::make_unique<auth::JwksWatch>(
      loops_[0], clock_, [this](const std::shared_ptr<const auth::IssuerTable>&) {
        service_->use(make_authenticator());
      });
  issuers_->follow(TRY(make_issuers(config_)), token_limits(config_));
  return key_owners_.follow(TRY(make_key_owners(config_)));
}

Expected<void> GatewayProcess::start_admin() {
  if (!config_.admin_listen) {
    return {};
  }
  http::Listener listener = TRY(http::listen(config_.admin_listen->to_string()));
  admin_handler_ = std::make_unique<gateway::AdminHandler>(*service_);
  admin_ = std::make_unique<http::Server>(loops_[0], std::move(listener), *admin_handler_,
                                          http::ServerOptions{});
  admin_->start();
  return {};
}

Expected<void> GatewayProcess::start_watches() {
  const auto executor = asio::any_io_executor(loops_[0].get_executor());
  if (config_.api_keys) {
    key_watch_ = TRY(watch_keys(loops_[0], *config_.api_keys,
                                [this](std::shared_ptr<const auth::KeyTable> keys) {
                                  use_keys(std::move(keys));
                                  service_->use(make_authenticator());
                                }));
  }
  config_watch_ = TRY(FileWatch::start(executor, watched_files(), [this] {
    reload_tls();
    reload();
  }));
  return {};
}

void GatewayProcess::use_keys(std::shared_ptr<const auth::KeyTable> keys) {
  key_places_ = key_uses_.places_of(*keys);
  key_owners_.use(*keys);
  const bool are_linked = std::ranges::any_of(
      keys->records(), [](const auth::KeyRecord& key) { return !key.keycloak_user.empty(); });
  if (are_linked && !key_owners_.owners() && !std::exchange(has_warned_of_links_, true)) {
    log_warn(
        "API keys are linked to users of Keycloak, whom nobody is asked about: set "
        "auth.oidc.keyOwners, or revoke the keys of users who leave");
  }
  keys_ = std::move(keys);
}

std::shared_ptr<const auth::Authenticator> GatewayProcess::make_authenticator() const {
  return std::make_shared<const auth::Authenticator>(
      auth::Authenticator::Options{.keys = config_.api_keys ? keys_ : nullptr,
                                   .issuers = config_.issuers.empty() ? nullptr : issuers_->table(),
                                   .key_uses = config_.api_keys ? key_places_ : nullptr,
                                   .key_owners = key_owners_.owners(),
                                   .demo_token_allowed = config_.demo_token_allowed,
                                   .demo_roles = policy::Policy(config_.policy_options()).roles()});
}

std::vector<std::filesystem::path> GatewayProcess::watched_files() const {
  std::vector<std::filesystem::path> files;
  if (options_.also_watched) {
    files = options_.also_watched();
  }
  if (!config_.file.empty()) {
    files.push_back(config_.file);
  }
  for (const ToolSetConfig& set : config_.tool_sets) {
    files.insert(files.end(), set.signing_keys.begin(), set.signing_keys.end());
    if (set.pins) {
      files.push_back(*set.pins);
    }
    if (set.upstream && !set.upstream->credential_file.empty()) {
      files.push_back(set.upstream->credential_file);
    }
    if (set.upstream && set.upstream->ca) {
      files.push_back(*set.upstream->ca);
    }
  }
  files.insert(files.end(), config_.sealing_keys.begin(), config_.sealing_keys.end());
  if (config_.peers) {
    files.insert(files.end(), config_.peers->keys.begin(), config_.peers->keys.end());
  }
  for (const IssuerConfig& issuer : config_.issuers) {
    if (issuer.ca) {
      files.push_back(*issuer.ca);
    }
    if (!issuer.introspection_client.empty()) {
      files.push_back(issuer.introspection_secret_file);
    }
    if (issuer.key_owners) {
      files.push_back(issuer.key_owners->secret_file);
    }
  }
  if (config_.rate_store && !config_.rate_store->password_file.empty()) {
    files.push_back(config_.rate_store->password_file);
  }
  if (config_.rate_store && config_.rate_store->ca) {
    files.push_back(*config_.rate_store->ca);
  }
  if (config_.tls) {
    files.push_back(config_.tls->certificate);
    files.push_back(config_.tls->key);
    if (config_.tls->client_ca) {
      files.push_back(*config_.tls->client_ca);
    }
  }
  return files;
}

void GatewayProcess::reload_tls() {
  if (!tls_) {
    return;
  }
  if (auto reloaded = tls_->reload(); !reloaded) {
    log_error("the certificate in force stays: {}", reloaded.error().message);
  }
}

void GatewayProcess::reload() {
  const auto applied = apply_fresh();
  if (applied) {
    log_info("the configuration was read again");
  } else {
    log_error("the configuration in force stays: {}", applied.error().message);
  }
  service_->note_reload(applied);
}

/// What serves stays as it is unless all of the new is good.
Expected<void> GatewayProcess::apply_fresh() {
  Config fresh = TRY(options_.load());
  auto rate_store = TRY(RateStore::create(loops_[0], fresh, rate_store_));
  auto settings = TRY(serving_settings(fresh, service_->settings()->rates, rate_store));
  const auto issuers = TRY(make_issuers(fresh));
  auto key_owners = TRY(make_key_owners(fresh));
  if (const auto& tls = fresh.tls; tls_ && tls && tls != config_.tls) {
    TRY_VOID(tls_->use(*tls));
  }
  TRY_VOID(key_owners_.follow(std::move(key_owners)));
  warn_of_what_needs_a_restart(fresh);
  config_ = std::move(fresh);
  for (const std::string& warning : config_.warnings) {
    log_warn("{}", warning);
  }
  if (options_.applied) {
    options_.applied(config_);
  }
  issuers_->follow(issuers, token_limits(config_));
  service_->use(std::move(settings));
  rate_store_ = std::move(rate_store);
  service_->use(make_authenticator());
  config_watch_->set_paths(watched_files());
  return {};
}

/// Sockets and logs are opened once; the rest of the configuration takes effect at once.
void GatewayProcess::warn_of_what_needs_a_restart(const Config& fresh) const {
  const auto warn = [](bool changed, std::string_view key) {
    if (changed) {
      log_warn("{} has changed, which takes effect with the next start", key);
    }
  };
  warn(fresh.listen != config_.listen, "listen");
  warn(fresh.admin_listen != config_.admin_listen, "admin.listen");
  const auto addresses = [](const Config& config) {
    return config.peers ? std::optional(std::pair(config.peers->listen, config.peers->advertise))
                        : std::nullopt;
  };
  warn(addresses(fresh) != addresses(config_), "peers");
  warn(fresh.tls.has_value() != config_.tls.has_value(), "tls");
  warn(fresh.audit.directory != config_.audit.directory, "audit.directory");
  warn(fresh.audit.to_stdout != config_.audit.to_stdout, "audit.stdout");
  warn(fresh.state != config_.state, "state");
  const auto kubernetes = [](const Config& config) {
    return config.api_keys ? config.api_keys->kubernetes : std::nullopt;
  };
  warn(kubernetes(fresh) != kubernetes(config_), "auth.apiKeys.kubernetes");
}

void GatewayProcess::run() {
  loops_.run();
}

}  // namespace mcpgate::cli
