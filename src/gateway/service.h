#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "audit/log.h"
#include "base/loops.h"
#include "gateway/discovery.h"
#include "gateway/gateway.h"
#include "gateway/logout_peers.h"
#include "gateway/peer_handler.h"
#include "http/server.h"

namespace mcpgate::gateway {

/// Where other replicas reach this one.
struct PeerListener {
  /// As in ServiceOptions; port 0 takes a free one.
  std::string listen;
  /// What they are told: `10.1.2.3:8081`. Empty: the bound address.
  std::string advertise;
};

/// What a Service needs to know before it starts; the rest is in Settings and may change.
struct ServiceOptions {
  /// `127.0.0.1:8080`; port 0 takes a free one.
  std::string listen;
  http::ServerOptions http;
  /// Set where there are more replicas than one; then the Settings have peer_keys.
  std::optional<PeerListener> peers = {};
  std::filesystem::path audit_directory;
  bool audit_to_stdout = false;
  /// How long requests in flight may take to finish once the service is asked to end.
  std::chrono::milliseconds drain_timeout{30'000};
  /// Of each loop.
  std::size_t verified_tokens_max = 10'000;
  /// Called on loop 0, and calls `done` there. Null: no issuer's keys are to be had.
  DemandKeys demand_keys = nullptr;
  /// Whether GET /ready waits until every tool set has answered or failed, as `mcpgate up`
  /// promises.
  bool ready_means_all = false;
};

/// The gateway on all loops: one listener, one Gateway and one audit chain a loop. Its methods are
/// called on loop 0, or before the loops run.
class Service {
 public:
  /// Opens the audit logs and listens; nothing is accepted before start(). `loops` and `clock`
  /// outlive it.
  [[nodiscard]] static Expected<std::unique_ptr<Service>> create(
      Loops& loops, const Clock& clock, ServiceOptions options,
      std::shared_ptr<const Settings> settings,
      std::shared_ptr<const auth::Authenticator> authenticator);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  /// After the loops have stopped.
  ~Service();

  void start();
  /// Lets requests in flight finish, then stops the loops.
  void drain();

  void use(std::shared_ptr<const Settings> settings);
  void use(std::shared_ptr<const auth::Authenticator> authenticator);
  /// Records and counts that the configuration was read again, and what was wrong with it: then the
  /// one in force stays.
  void note_reload(const Expected<void>& outcome);
  struct Reloads {
    std::uint64_t applied = 0;
    std::uint64_t refused = 0;
  };
  [[nodiscard]] const Reloads& reloads() const { return reloads_; }
  [[nodiscard]] const std::shared_ptr<const Settings>& settings() const { return world_.settings; }
  [[nodiscard]] const auth::Authenticator& authenticator() const { return *world_.authenticator; }

  /// The bound address, `127.0.0.1:8080`.
  [[nodiscard]] const std::string& address() const { return address_; }
  /// Why it is not ready to serve; empty when it is.
  [[nodiscard]] const std::string& not_ready() const { return world_.not_ready; }
  [[nodiscard]] const Catalogue& catalogue() const { return *world_.catalogue; }
  /// How many are remembered.
  [[nodiscard]] std::size_t logouts() const { return logouts_.size(); }
  /// Gateway::bad_tokens() and Gateway::tokens_not_looked_at() of all loops.
  [[nodiscard]] std::uint64_t bad_tokens() const;
  [[nodiscard]] std::uint64_t tokens_not_looked_at() const;
  [[nodiscard]] const Discovery::Sets& tool_sets() const { return discovery_.sets(); }
  /// Called once, on loop 0, when the service is ready for the first time.
  void on_ready(std::function<void()> callback) { on_ready_ = std::move(callback); }

 private:
  struct Worker;

  Service(Loops& loops, const Clock& clock, ServiceOptions options);
  Expected<void> add_workers();
  Expected<std::vector<http::Listener>> listen_on(const std::string& address) const;
  Expected<std::vector<http::Listener>> listen_for_peers();
  void add_peer_server(Worker& worker, http::Listener listener);
  [[nodiscard]] DemandKeys demand_keys_from(asio::io_context& loop) const;
  [[nodiscard]] std::string why_not_ready() const;
  void publish();
  void warn_of_unknown_tools();
  void note_unapproved();
  void record_approval(const std::string& tool_set, const Unapproved& item, bool is_served);
  static Task<void> drain_worker(Worker& worker, SteadyTime deadline, std::function<void()> done);

  Loops& loops_;
  const Clock& clock_;
  ServiceOptions options_;
  std::string address_;
  RunningCalls running_calls_;
  PendingQuestions pending_questions_;
  Sessions sessions_;
  OpenStreams open_streams_;
  KeptEvents kept_events_;
  auth::SeenProofs seen_proofs_;
  auth::Logouts logouts_;
  /// As Home writes this replica, and who may hand it requests; empty and null without peers.
  std::string home_;
  std::unique_ptr<PeerGate> peer_gate_;
  SystemRandom random_;
  std::unique_ptr<LogoutPeers> logout_peers_;
  Snapshot world_;
  Discovery discovery_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::function<void()> on_ready_;
  Reloads reloads_;
  /// What was warned of since the settings changed.
  std::set<std::string> warned_;
  /// By tool set, kind and name: what is withheld since it is not as it was approved.
  std::map<std::tuple<std::string, sandbox::ItemKind, std::string>, Unapproved> unapproved_;
  bool draining_ = false;
};

}  // namespace mcpgate::gateway
