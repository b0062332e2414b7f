#pragma once

// The gateway as a process: what `serve` and `up` have in common. It wires everything together,
// follows the files it was told by, and ends on SIGTERM or SIGINT.

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "auth/jwks_watch.h"
#include "auth/key_owners.h"
#include "auth/key_store.h"
#include "auth/key_uses.h"
#include "base/clock.h"
#include "base/file_watch.h"
#include "base/loops.h"
#include "cli/config.h"
#include "cli/rate_store.h"
#include "gateway/admin.h"
#include "gateway/service.h"
#include "http/tls.h"

namespace mcpgate::cli {

/// How `serve` and `up` differ.
struct GatewayProcessOptions {
  /// Reads the configuration, at start and whenever a file changed. An error keeps the old one.
  std::function<Expected<Config>()> load;
  /// Called with each configuration that comes into force after the first.
  std::function<void(const Config&)> applied = {};
  /// Gives the files and folders beside the configuration whose change may change it.
  std::function<std::vector<std::filesystem::path>()> also_watched = {};
  /// Whether GET /ready waits for every tool set.
  bool ready_means_all = false;
  /// What SIGHUP means: to a program in a terminal that it goes, to a service that its files
  /// changed.
  enum class OnHangup { kReload, kEnd } on_hangup = OnHangup::kReload;
};

/// A wired gateway. Built, run once, destroyed.
class GatewayProcess {
 public:
  /// Errors are what the operator must mend: configuration, keys, certificates, addresses.
  [[nodiscard]] static Expected<std::unique_ptr<GatewayProcess>> create(
      GatewayProcessOptions options);
  GatewayProcess(const GatewayProcess&) = delete;
  GatewayProcess& operator=(const GatewayProcess&) = delete;
  ~GatewayProcess();

  /// Serves until SIGTERM or SIGINT, then lets requests in flight finish.
  void run();

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] gateway::Service& service() { return *service_; }
  [[nodiscard]] asio::io_context& loop() { return loops_[0]; }

 private:
  GatewayProcess(GatewayProcessOptions options, Config config);
  Expected<void> start();
  void fit_connections();
  Expected<void> start_service();
  Expected<void> start_issuers();
  Expected<void> start_watches();
  Expected<void> start_admin();
  /// Waits for the next signal.
  void follow_signals();
  void reload();
  Expected<void> apply_fresh();
  void reload_tls();
  void use_keys(std::shared_ptr<const auth::KeyTable> keys);
  [[nodiscard]] std::shared_ptr<const auth::Authenticator> make_authenticator() const;
  [[nodiscard]] std::vector<std::filesystem::path> watched_files() const;
  void warn_of_what_needs_a_restart(const Config& fresh) const;

  GatewayProcessOptions options_;
  Config config_;
  SystemClock clock_;
  Loops loops_;
  asio::signal_set signals_;
  bool ending_ = false;
  std::shared_ptr<http::TlsServer> tls_;
  /// Null where no rate is shared.
  std::shared_ptr<const RateStore> rate_store_;
  std::shared_ptr<const auth::KeyTable> keys_;
  auth::KeyUses key_uses_;
  /// Of keys_.
  std::shared_ptr<const auth::KeyUses::Places> key_places_;
  auth::KeyOwnersWatch key_owners_;
  bool has_warned_of_links_ = false;
  std::unique_ptr<gateway::Service> service_;
  std::unique_ptr<gateway::AdminHandler> admin_handler_;
  std::unique_ptr<http::Server> admin_;
  std::unique_ptr<auth::KeyWatch> key_watch_;
  std::unique_ptr<auth::JwksWatch> issuers_;
  std::unique_ptr<FileWatch> config_watch_;
};

/// What a configuration says of all access tokens: a table without issuers.
[[nodiscard]] auth::IssuerTable token_limits(const Config& config);

/// The issuers of a configuration; reads the certificates that it names.
[[nodiscard]] Expected<std::vector<auth::IssuerSource>> make_issuers(const Config& config);

/// The gateway's part of a configuration, without what seals; reads the signing keys that it names.
[[nodiscard]] Expected<gateway::Settings> make_settings(const Config& config);

}  // namespace mcpgate::cli
