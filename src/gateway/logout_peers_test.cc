#include "gateway/logout_peers.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gateway/gateway_test_support.h"
#include "gateway/peer_handler.h"

namespace mcpgate::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auth::Logouts::Limits kLimits{.kept = 24h, .entries_max = 10'000};

/// What all replicas sign with.
std::shared_ptr<const sandbox::SigningKeys> peer_keys() {
  static const auto kKeys = [] {
    SystemRandom random;
    return std::make_shared<const sandbox::SigningKeys>(
        *sandbox::SigningKeys::parse(sandbox::SigningKeys::create_text(random), "test"));
  }();
  return kKeys;
}

/// What a replica is to the others: it tells, and asks those whom it knows of.
class Replica final : public http::Handler {
 public:
  Replica(asio::io_context& loop, const Clock& clock, std::string instance, char sealing = 's',
          http::Listener listener = *http::listen("127.0.0.1:0"))
      : sealer_({std::string(32, sealing)}),
        gate_(*peer_keys(), instance, clock),
        teller_(loop, logouts, random_, instance,
                [this](const std::string& other) { peers->meet(other); }) {
    home = {.instance = std::move(instance), .address = listener.address()};
    peers =
        std::make_unique<LogoutPeers>(loop, logouts, clock, random_, home, [this] { ++changes; });
    server_ =
        std::make_unique<http::Server>(loop, std::move(listener), *this, http::ServerOptions{});
    server_->start();
    auto settings = std::make_shared<Settings>();
    settings->sealer = std::make_shared<const Sealer>(std::vector{std::string(32, sealing)});
    settings->peer_keys = peer_keys();
    settings->logouts = kLimits;
    settings_ = settings;
  }

  void know_of(const std::vector<std::string>& others) {
    auto settings = std::make_shared<Settings>(*settings_);
    settings->peer_addresses.clear();
    for (const std::string& other : others) {
      settings->peer_addresses.push_back(*http::Endpoint::parse("http://" + other));
    }
    peers->use(settings);
  }
  bool add(std::string_view session) {
    return logouts.add({auth::session_digest("https://as", session), clock_.wall_now()}, kLimits,
                       clock_.wall_now());
  }
  [[nodiscard]] bool knows(std::string_view session) const {
    return logouts.covers({.session = auth::session_digest("https://as", session)});
  }

  Task<void> handle(const http::Request& request, http::Responder& responder) override {
    ++asked;
    if (const auto refusal = gate_.check(request)) {
      responder.send({.status = sandbox::status_of(*refusal),
                      .headers = {{std::string(sandbox::kInstanceHeader), gate_.instance()}}});
      co_return;
    }
    if (!garbage.empty()) {
      responder.send({.body = garbage});
      co_return;
    }
    co_await teller_.tell(request, sealer_, responder);
  }
  void drain() { teller_.drain(); }

  auth::Logouts logouts;
  Home home;
  std::unique_ptr<LogoutPeers> peers;
  int changes = 0;
  int asked = 0;
  std::string garbage;

 private:
  TestClock clock_;
  SystemRandom random_;
  Sealer sealer_;
  PeerGate gate_;
  LogoutTeller teller_;
  std::shared_ptr<const Settings> settings_;
  std::unique_ptr<http::Server> server_;
};

class LogoutPeersTest : public testing::Test {
 protected:
  std::unique_ptr<Replica> replica(const std::string& instance, char sealing = 's') {
    return std::make_unique<Replica>(loop_, clock_, instance, sealing);
  }
  /// Another start of it, at the same address.
  std::unique_ptr<Replica> restart(std::unique_ptr<Replica> old, const std::string& instance) {
    const std::string address = old->home.address;
    old->drain();
    (void)run_until(loop_, [] { return false; }, 20ms);  // What it held is answered.
    old = nullptr;
    std::optional<http::Listener> listener;
    EXPECT_TRUE(eventually([&] {
      if (auto found = http::listen(address)) {
        listener = *std::move(found);
      }
      return listener.has_value();
    }));
    return std::make_unique<Replica>(loop_, clock_, instance, 's', *std::move(listener));
  }
  bool eventually(const std::function<bool()>& condition) { return run_until(loop_, condition); }

  asio::io_context loop_;
  TestClock clock_;
};

TEST_F(LogoutPeersTest, WhatOneKnowsTheOthersLearnAtOnce) {
  const auto a = replica("a");
  const auto b = replica("b");
  a->know_of({});
  EXPECT_TRUE(a->peers->has_caught_up()) << "there is nobody to ask";
  b->know_of({a->home.address});
  ASSERT_TRUE(eventually([&] { return a->asked >= 2; }));
  ASSERT_TRUE(eventually([&] { return b->peers->has_caught_up(); })) << "there is nothing to tell";
  ASSERT_TRUE(eventually([&] { return a->asked >= 3; })) << "and now the answer is held";
  a->add("s1");
  EXPECT_TRUE(eventually([&] { return b->knows("s1"); }));
  EXPECT_EQ(a->asked, 3);
  EXPECT_EQ(b->changes, 1);
  // The one that was asked has met the asker, and asks it.
  b->add("s2");
  EXPECT_TRUE(eventually([&] { return a->knows("s2"); }));
}

TEST_F(LogoutPeersTest, WhoStartsCopiesAllBeforeItHasCaughtUp) {
  const auto a = replica("a");
  const auto b = replica("b");
  a->know_of({});
  for (int i = 0; i < 2500; ++i) {
    a->add(std::to_string(i));
  }
  b->know_of({a->home.address});
  ASSERT_TRUE(eventually([&] { return b->peers->has_caught_up(); }));
  EXPECT_EQ(b->logouts.size(), 2500U);
  EXPECT_TRUE(b->knows("0") && b->knows("2499"));
}

TEST_F(LogoutPeersTest, NewsTravelOnByThoseInBetween) {
  const auto a = replica("a");
  const auto b = replica("b");
  const auto c = replica("c");
  a->know_of({});
  b->know_of({a->home.address});
  c->know_of({a->home.address});
  b->add("s");
  EXPECT_TRUE(eventually([&] { return c->knows("s"); }));
}

TEST_F(LogoutPeersTest, OneselfIsNobodyElse) {
  const auto a = replica("a");
  const std::string port = a->home.address.substr(a->home.address.find(':'));
  a->know_of({"localhost" + port, a->home.address});
  ASSERT_TRUE(eventually([&] { return a->asked >= 0 && a->peers->has_caught_up(); }))
      << "after a while, for nobody else answers";
  EXPECT_LE(a->asked, 1);
}

TEST_F(LogoutPeersTest, AnotherStartIsAskedFromItsBeginning) {
  auto a = replica("a");
  const auto b = replica("b");
  a->know_of({});
  a->add("s1");
  a->add("s2");
  b->know_of({a->home.address});
  ASSERT_TRUE(eventually([&] { return b->knows("s2"); }));
  a = restart(std::move(a), "a2");
  a->know_of({});
  a->add("s3");
  EXPECT_TRUE(eventually([&] { return b->knows("s3"); }));
  EXPECT_TRUE(eventually([&] { return a->knows("s1"); })) << "and copies what it knew before";
}

TEST_F(LogoutPeersTest, WhatIsSealedOtherwiseIsNotBelieved) {
  const auto a = replica("a", 'x');
  const auto b = replica("b");
  a->know_of({});
  a->add("s");
  b->know_of({a->home.address});
  ASSERT_TRUE(eventually([&] { return a->asked >= 4; })) << "it asks again";
  EXPECT_EQ(b->logouts.size(), 0U);
  EXPECT_FALSE(b->peers->has_caught_up());
  a->garbage = "{}";
  const int asked = a->asked;
  ASSERT_TRUE(eventually([&] { return a->asked >= asked + 2; }));
  EXPECT_EQ(b->logouts.size(), 0U);
}

TEST_F(LogoutPeersTest, ADrainHoldsNoAnswer) {
  const auto a = replica("a");
  const auto b = replica("b");
  a->know_of({});
  b->know_of({a->home.address});
  ASSERT_TRUE(eventually([&] { return a->asked >= 3; }));
  a->drain();
  EXPECT_TRUE(eventually([&] { return a->asked >= 4; })) << "it was answered";
}

}  // namespace
}  // namespace mcpgate::gateway
