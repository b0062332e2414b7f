#include "gateway/service.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace mcpgate::gateway {

namespace {

constexpr std::size_t kInstanceBytes = 16;

/// Names this start of this replica: the host's name as far as a file name may hold it, and 32
/// random bits.
std::string replica_name(Random& random) {
  char host[256] = {};
  (void)::gethostname(host, sizeof host - 1);
  std::string name(host);
  std::erase_if(name, [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return !letter && !(c >= '0' && c <= '9') && c != '-';
  });
  return (name.empty() ? "gateway" : name) + "-" + random.hex(4);
}

}  // namespace

/// What belongs to one loop.
struct Service::Worker {
  asio::io_context& loop;
  PooledRandom random;
  std::unique_ptr<audit::Log> audit;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<http::Server> server;
  /// Null without peers.
  std::unique_ptr<LogoutTeller> logout_teller;
  std::unique_ptr<PeerHandler> peer_handler;
  std::unique_ptr<http::Server> peer_server;
};

Service::Service(Loops& loops, const Clock& clock, ServiceOptions options)
    : loops_(loops),
      clock_(clock),
      options_(std::move(options)),
      discovery_(loops[0], clock, [this] { publish(); }) {}

Service::~Service() = default;

Expected<std::unique_ptr<Service>> Service::create(
    Loops& loops, const Clock& clock, ServiceOptions options,
    std::shared_ptr<const Settings> settings,
    std::shared_ptr<const auth::Authenticator> authenticator) {
  std::unique_ptr<Service> service(new Service(loops, clock, std::move(options)));
  service->world_.settings = std::move(settings);
  service->world_.authenticator = std::move(authenticator);
  service->world_.catalogue = std::make_shared<Catalogue>();
  service->world_.not_ready = service->why_not_ready();
  TRY_VOID(service->add_workers());
  return service;
}

Expected<void> Service::add_workers() {
  const std::string replica = replica_name(random_);
  std::vector<http::Listener> listeners = TRY(listen_on(options_.listen));
  address_ = listeners.front().address();
  std::vector<http::Listener> peers = TRY(listen_for_peers());
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    auto worker = std::make_unique<Worker>(loops_[i]);
    worker->audit = TRY(audit::Log::open({.directory = options_.audit_directory,
                                          .writer = fmt::format("{}-{}", replica, i),
                                          .mirror_to_stdout = options_.audit_to_stdout},
                                         clock_));
    worker->gateway =
        std::make_unique<Gateway>(GatewayParts{.loop = worker->loop,
                                               .audit = *worker->audit,
                                               .clock = clock_,
                                               .random = worker->random,
                                               .running_calls = running_calls_,
                                               .pending_questions = pending_questions_,
                                               .sessions = sessions_,
                                               .open_streams = open_streams_,
                                               .kept_events = kept_events_,
                                               .seen_proofs = seen_proofs_,
                                               .logouts = logouts_,
                                               .home = home_,
                                               .demand_keys = demand_keys_from(worker->loop),
                                               .verified_tokens_max = options_.verified_tokens_max},
                                  std::make_shared<const Snapshot>(world_));
    worker->server = std::make_unique<http::Server>(worker->loop, std::move(listeners[i]),
                                                    *worker->gateway, options_.http);
    if (peer_gate_) {
      add_peer_server(*worker, std::move(peers[i]));
    }
    workers_.push_back(std::move(worker));
  }
  return {};
}

/// A listener for each loop, in their order.
Expected<std::vector<http::Listener>> Service::listen_on(const std::string& address) const {
  std::vector<http::Listener> listeners;
  listeners.push_back(TRY(http::listen(address)));
  while (listeners.size() < loops_.size()) {
    listeners.push_back(TRY(listeners.front().another()));
  }
  return listeners;
}

/// Gives this replica its name and its gate; nothing to listen on where it is the only one.
Expected<std::vector<http::Listener>> Service::listen_for_peers() {
  std::vector<http::Listener> listeners;
  if (!options_.peers) {
    return listeners;
  }
  listeners = TRY(listen_on(options_.peers->listen));
  const std::string& advertise = options_.peers->advertise;
  const Home home{.instance = random_.hex(kInstanceBytes),
                  .address = advertise.empty() ? listeners.front().address() : advertise};
  home_ = home.to_string();
  peer_gate_ = std::make_unique<PeerGate>(*world_.settings->peer_keys, home.instance, clock_);
  logout_peers_ = std::make_unique<LogoutPeers>(loops_[0], logouts_, clock_, random_, home,
                                                [this] { publish(); });
  log_info("listening for other replicas on {}", listeners.front().address());
  return listeners;
}

void Service::add_peer_server(Worker& worker, http::Listener listener) {
  http::ServerLimits limits = options_.http.limits;
  limits.body_bytes_max = forwarded_bytes_max(limits.head_bytes_max, limits.body_bytes_max);
  worker.logout_teller = std::make_unique<LogoutTeller>(
      worker.loop, logouts_, worker.random, peer_gate_->instance(), [this](std::string address) {
        asio::post(loops_[0],
                   [this, address = std::move(address)] { logout_peers_->meet(address); });
      });
  worker.peer_handler =
      std::make_unique<PeerHandler>(*worker.gateway, *peer_gate_, *worker.logout_teller);
  worker.peer_server =
      std::make_unique<http::Server>(worker.loop, std::move(listener), *worker.peer_handler,
                                     http::ServerOptions{.limits = limits});
}

/// For a Gateway on `loop`: there and back again. What loop 0 publishes on its way back is in use
/// on `loop` before `done` is called, since both are posted.
DemandKeys Service::demand_keys_from(asio::io_context& loop) const {
  if (!options_.demand_keys) {
    return nullptr;
  }
  return [this, &loop](std::string issuer, std::function<void()> done) {
    asio::post(loops_[0], [this, &loop, issuer = std::move(issuer), done = std::move(done)] {
      options_.demand_keys(issuer, [&loop, done] { asio::post(loop, done); });
    });
  };
}

void Service::start() {
  for (const auto& worker : workers_) {
    for (http::Server* const server : {worker->server.get(), worker->peer_server.get()}) {
      if (server != nullptr) {
        asio::post(worker->loop, [server] { server->start(); });
      }
    }
  }
  discovery_.follow(world_.settings->tool_sets);
  if (logout_peers_) {
    logout_peers_->use(world_.settings);
  }
}

void Service::use(std::shared_ptr<const Settings> settings) {
  world_.settings = std::move(settings);
  warned_.clear();
  if (peer_gate_ && world_.settings->peer_keys) {
    peer_gate_->replace_keys(*world_.settings->peer_keys);
    logout_peers_->use(world_.settings);
  }
  discovery_.follow(world_.settings->tool_sets);
  publish();
}

void Service::note_reload(const Expected<void>& outcome) {
  ++(outcome ? reloads_.applied : reloads_.refused);
  const audit::Record record{.timestamp = clock_.wall_now(),
                             .method = "configuration/reload",
                             .status = outcome ? audit::Status::kSuccess : audit::Status::kInvalid,
                             .reason = outcome ? std::string() : outcome.error().message};
  if (!workers_.front()->audit->append_now(record, audit::RecordType::kMcpAdmin)) {
    log_error("that the configuration was read again could not be recorded");
  }
}

void Service::use(std::shared_ptr<const auth::Authenticator> authenticator) {
  world_.authenticator = std::move(authenticator);
  publish();
}

std::uint64_t Service::bad_tokens() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) {
    sum += worker->gateway->bad_tokens();
  }
  return sum;
}

std::uint64_t Service::tokens_not_looked_at() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) {
    sum += worker->gateway->tokens_not_looked_at();
  }
  return sum;
}

std::string Service::why_not_ready() const {
  if (!world_.authenticator->can_authenticate()) {
    return "no issuer has told its signing keys yet, and there is no other way to authenticate";
  }
  const bool has_issuers =
      world_.authenticator->issuers() && !world_.authenticator->issuers()->issuers.empty();
  if (has_issuers && logout_peers_ && !logout_peers_->has_caught_up()) {
    return "the other replicas have not told yet who has logged out";
  }
  const auto& sets = discovery_.sets();
  const auto count = [&sets](Discovery::State state) {
    return std::ranges::count_if(sets,
                                 [state](const auto& set) { return set.second.state == state; });
  };
  if (count(Discovery::State::kReady) == 0) {
    return "no sandbox has answered yet";
  }
  if (options_.ready_means_all && count(Discovery::State::kPending) > 0) {
    return "some sandboxes have not answered yet";
  }
  return {};
}

/// Names the tools of grants, rules and rates that a tool set which has answered does not have.
void Service::warn_of_unknown_tools() {
  const auto is_named = [](const std::string& name) {
    return [&name](const Item& item) { return item.own_name == name; };
  };
  std::vector<policy::NamedTool> all = world_.settings->policy.named_tools();
  std::ranges::move(world_.settings->rates.named_tools(), std::back_inserter(all));
  for (const policy::NamedTool& named : all) {
    const auto found = discovery_.sets().find(named.tool_set);
    if (found == discovery_.sets().end() || !found->second.tools) {
      continue;
    }
    const ToolSetTools& set = *found->second.tools;
    const bool has = std::ranges::any_of(set.tools, is_named(named.tool)) ||
                     std::ranges::any_of(set.resources, is_named(named.tool)) ||
                     std::ranges::any_of(set.prompts, is_named(named.tool));
    std::string warning =
        fmt::format("{}: tool set {} has no tool {}", named.place, named.tool_set, named.tool);
    if (!has && warned_.insert(warning).second) {
      log_warn("{}", warning);
    }
  }
}

/// Logs and records what came to be withheld since it is not as it was approved, and what of that
/// is served again.
void Service::note_unapproved() {
  auto before = std::exchange(unapproved_, {});
  for (const auto& [tool_set, found] : discovery_.sets()) {
    const std::vector<Unapproved> none;
    for (const Unapproved& item : found.tools ? found.tools->unapproved : none) {
      auto key = std::tuple(tool_set, item.kind, item.name);
      const auto known = before.find(key);
      if (known == before.end() || known->second != item) {
        record_approval(tool_set, item, false);
      }
      unapproved_.emplace(std::move(key), item);
    }
  }
  for (auto& [key, item] : before) {
    const auto& [tool_set, kind, name] = key;
    const auto found = discovery_.sets().find(tool_set);
    const Item* const served = found == discovery_.sets().end() || !found->second.tools
                                   ? nullptr
                                   : found->second.tools->find(kind, name);
    if (served != nullptr) {
      item.digest = served->digest;
      record_approval(tool_set, item, true);
    }
  }
}

void Service::record_approval(const std::string& tool_set, const Unapproved& item, bool is_served) {
  const std::string_view kind = sandbox::to_string(item.kind);
  const std::string reason = is_served
                                 ? fmt::format("{} is as approved", kind)
                                 : fmt::format("{} is not as approved: {}", kind, item.changes);
  if (is_served) {
    log_info("tool set {}: {} is served: the {}", tool_set, item.name, reason);
  } else {
    log_error("tool set {}: {} is withheld: the {} (see `mcpgate tools diff`)", tool_set, item.name,
              reason);
  }
  const audit::Record record{.timestamp = clock_.wall_now(),
                             .method = is_served ? "pins/serve" : "pins/withhold",
                             .tool_set = tool_set,
                             .tool = item.name,
                             .status = is_served ? audit::Status::kSuccess : audit::Status::kDenied,
                             .reason = reason,
                             .tool_sha256 = item.digest};
  if (!workers_.front()->audit->append_now(record, audit::RecordType::kMcpAdmin)) {
    log_error("tool set {}: what became of {} could not be recorded", tool_set, item.name);
  }
}

/// Hands the world as it is now to every loop.
void Service::publish() {
  std::vector<std::shared_ptr<const ToolSetTools>> sets;
  world_.updates.clear();
  for (const ToolSetRoute& route : world_.settings->tool_sets) {
    const auto found = discovery_.sets().find(route.view.name);
    sets.push_back(found == discovery_.sets().end() ? nullptr : found->second.tools);
    if (sets.back() && !found->second.manifest->updates.empty()) {
      world_.updates.emplace(route.view.name, found->second.manifest->updates);
    }
  }
  // Else each reload, and each resource that has changed, would withhold and log all anew.
  if (!world_.catalogue || world_.catalogue->sets() != sets) {
    world_.catalogue = std::make_shared<Catalogue>(std::move(sets));
  }
  world_.not_ready = why_not_ready();
  warn_of_unknown_tools();
  note_unapproved();
  const auto snapshot = std::make_shared<const Snapshot>(world_);
  for (const auto& worker : workers_) {
    asio::post(worker->loop,
               [gateway = worker->gateway.get(), snapshot] { gateway->use(snapshot); });
  }
  if (world_.not_ready.empty() && on_ready_) {
    asio::post(loops_[0], std::exchange(on_ready_, nullptr));
  }
}

Task<void> Service::drain_worker(Worker& worker, SteadyTime deadline, std::function<void()> done) {
  worker.gateway->drain();
  if (worker.logout_teller) {
    worker.logout_teller->drain();
  }
  co_await worker.server->drain(deadline);
  if (worker.peer_server) {
    co_await worker.peer_server->drain(deadline);
  }
  done();
}

void Service::drain() {
  if (std::exchange(draining_, true)) {
    return;
  }
  const auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  const SteadyTime deadline = clock_.steady_now() + options_.drain_timeout;
  for (const auto& worker : workers_) {
    const auto done = [this, left] {
      if (left->fetch_sub(1) == 1) {
        loops_.stop();
      }
    };
    asio::co_spawn(worker->loop, drain_worker(*worker, deadline, done), asio::detached);
  }
}

}  // namespace mcpgate::gateway
