#pragma once

// How replicas tell each other of logouts: each asks all others what they know, and from the second
// time on the answer is held until there is something new. So all know at once what one is told,
// one that was away asks again, and one that starts copies what the others know.
//
//   POST /logouts    {"after":N,"wait":false,"instance":"…","address":"HOST:PORT"}
//
// Signed as what is forwarded is (forwarded_request.h). `instance` and `address` are the asker's,
// who is asked from then on as well. The answer is sealed for the id of that very request:
// `{"next":N,"logouts":["HEX MS",…]}`: Logout::whose and the milliseconds of Logout::at.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "auth/logouts.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/task.h"
#include "gateway/forwarded_request.h"
#include "gateway/snapshot.h"
#include "http/message.h"
#include "http/server.h"

namespace mcpgate::gateway {

inline constexpr std::string_view kLogoutsTarget = "/logouts";

/// The side that asks. One loop, which outlives it.
class LogoutPeers {
 public:
  /// `self` is this replica; `on_change` is called on the loop when has_caught_up() changes.
  LogoutPeers(asio::io_context& loop, auth::Logouts& logouts, const Clock& clock, Random& random,
              Home self, std::function<void()> on_change);
  LogoutPeers(const LogoutPeers&) = delete;
  LogoutPeers& operator=(const LogoutPeers&) = delete;
  ~LogoutPeers();

  /// Asks the replicas at settings->peer_addresses, names with several addresses included, from now
  /// on.
  void use(std::shared_ptr<const Settings> settings);
  /// Asks the one at this address (`HOST:PORT`) too, which has asked here.
  void meet(const std::string& address);

  /// Whether another replica has told all that it knew, or none of them answers for long: what
  /// nobody knows must not keep this one from serving.
  [[nodiscard]] bool has_caught_up() const { return has_caught_up_; }

 private:
  struct Follower;
  struct Finder;

  static Task<void> find(std::shared_ptr<Finder> finder);
  static Task<void> follow(std::shared_ptr<Follower> follower);
  [[nodiscard]] static Task<Expected<auth::Logouts::Page>> ask(Follower& follower);
  void catch_up();
  static void note_failure(Follower& follower, const Error& error);

  asio::io_context& loop_;
  auth::Logouts& logouts_;
  const Clock& clock_;
  Random& random_;
  const Home self_;
  std::function<void()> on_change_;
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<Finder> finder_;
  std::map<std::string, std::shared_ptr<Follower>> followers_;
  bool has_caught_up_ = false;
};

/// The side that is asked, on one loop.
class LogoutTeller {
 public:
  /// `meet` is told of the askers' addresses.
  LogoutTeller(asio::io_context& loop, auth::Logouts& logouts, Random& random, std::string instance,
               std::function<void(std::string address)> meet);

  /// Answers a request that was rightly signed.
  Task<void> tell(const http::Request& request, const Sealer& sealer, http::Responder& responder);
  /// Holds no answer from now on.
  void drain();

 private:
  [[nodiscard]] Task<void> wait_for_news(std::uint64_t after, http::Responder& responder);

  asio::io_context& loop_;
  auth::Logouts& logouts_;
  Random& random_;
  const std::string instance_;
  std::function<void(std::string address)> meet_;
  std::vector<std::weak_ptr<asio::steady_timer>> held_;
  bool draining_ = false;
};

}  // namespace mcpgate::gateway
