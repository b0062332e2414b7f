#include "gateway/discovery.h"

#include "gateway/gateway_test_support.h"

namespace mcpgate::gateway {
namespace {

class DiscoveryTest : public testing::Test {
 protected:
  ~DiscoveryTest() override {
    discovery_.reset();
    sandbox_.reset();
    run_until(loop_, [] { return false; }, 50ms);
  }

  void start_sandbox() {
    sandbox_ = std::make_unique<FakeSandbox>(loop_, socket_, clock_);
    sandbox_->manifest = demo_manifest();
  }
  [[nodiscard]] ToolSetRoute route() const {
    return {.view = {.name = "demo"},
            .endpoint = {.scheme = http::Endpoint::Scheme::kUnix, .host = socket_.string()},
            .keys = sandbox_->keys};
  }
  [[nodiscard]] std::size_t tools() const {
    const auto found = discovery_->sets().find("demo");
    return found == discovery_->sets().end() || !found->second.tools
               ? 0
               : found->second.tools->tools.size();
  }

  TempDirectory directory_;
  std::filesystem::path socket_ = directory_.path / "demo.sock";
  asio::io_context loop_;
  TestClock clock_;
  std::unique_ptr<FakeSandbox> sandbox_;
  int changes_ = 0;
  std::unique_ptr<Discovery> discovery_ =
      std::make_unique<Discovery>(loop_, clock_, [this] { ++changes_; });
};

TEST_F(DiscoveryTest, LearnsAndFollowsWhatASandboxOffers) {
  start_sandbox();
  discovery_->follow({route()});
  EXPECT_EQ(discovery_->sets().at("demo").state, Discovery::State::kPending);
  ASSERT_TRUE(run_until(loop_, [this] { return tools() == 2; }));
  EXPECT_EQ(discovery_->sets().at("demo").state, Discovery::State::kReady);
  EXPECT_EQ(changes_, 1);
  sandbox_->manifest.tools.pop_back();
  sandbox_->manifest.digest = sandbox::manifest_digest(sandbox_->manifest);
  ASSERT_TRUE(run_until(loop_, [this] { return tools() == 1; }));
  EXPECT_EQ(changes_, 2);
}

// The fake answers "nothing new" at once instead of waiting for 30 s.
TEST_F(DiscoveryTest, ASandboxThatAnswersTooSoonIsNotAskedWithoutEnd) {
  start_sandbox();
  discovery_->follow({route()});
  ASSERT_TRUE(run_until(loop_, [this] { return tools() == 2; }));
  const int before = sandbox_->polls;
  run_until(loop_, [] { return false; }, 300ms);
  EXPECT_LE(sandbox_->polls - before, 8);
  EXPECT_EQ(changes_, 1);
}

/// A steady clock that the test moves on.
class MovableClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall_now() const override { return std::chrono::system_clock::now(); }
  [[nodiscard]] SteadyTime steady_now() const override {
    return std::chrono::steady_clock::now() + shift;
  }
  std::chrono::milliseconds shift{0};
};

TEST_F(DiscoveryTest, ASandboxThatTakesItsTimeToLoadHasNotFailed) {
  start_sandbox();
  ToolSetRoute silent = route();
  silent.endpoint.host = (directory_.path / "silent.sock").string();
  const auto nobody_accepts = http::listen_unix(silent.endpoint.host);
  ASSERT_TRUE(nobody_accepts);
  MovableClock clock;
  int attempts = 0;
  for (const auto& [waited, state] :
       {std::pair{100s, Discovery::State::kPending}, std::pair{140s, Discovery::State::kFailed}}) {
    discovery_ = std::make_unique<Discovery>(loop_, clock, [&attempts] { ++attempts; });
    // An attempt has 10 s, of which most are over for it at once.
    clock.shift = -9'900ms;
    discovery_->follow({silent});
    loop_.restart();
    loop_.poll();
    clock.shift = waited;
    run_until(
        loop_, [&attempts] { return attempts > 0; },
        state == Discovery::State::kFailed ? kPatience : 1000ms);
    EXPECT_EQ(discovery_->sets().at("demo").state, state) << waited.count();
  }
  discovery_.reset();
  run_until(loop_, [] { return false; }, 50ms);
}

TEST_F(DiscoveryTest, ASandboxThatGoesAwayKeepsItsTools) {
  start_sandbox();
  const ToolSetRoute there = route();
  discovery_->follow({there});
  ASSERT_TRUE(run_until(loop_, [this] { return tools() == 2; }));
  sandbox_->server.reset();
  ASSERT_TRUE(run_until(
      loop_, [this] { return discovery_->sets().at("demo").state == Discovery::State::kFailed; }));
  EXPECT_EQ(tools(), 2U);
  EXPECT_EQ(changes_, 2);
}

TEST_F(DiscoveryTest, ASetThatIsNotFollowedAnyMoreIsForgotten) {
  start_sandbox();
  discovery_->follow({route()});
  ASSERT_TRUE(run_until(loop_, [this] { return tools() == 2; }));
  discovery_->follow({});
  EXPECT_TRUE(discovery_->sets().empty());
  const int before = sandbox_->polls;
  run_until(loop_, [] { return false; }, 200ms);
  EXPECT_LE(sandbox_->polls - before, 1);
}

TEST_F(DiscoveryTest, AChangedViewIsInForceAtOnce) {
  start_sandbox();
  ToolSetRoute changed = route();
  discovery_->follow({changed});
  ASSERT_TRUE(run_until(loop_, [this] { return tools() == 2; }));
  changed.view.only = std::vector<std::string>{"read"};
  discovery_->follow({changed});
  EXPECT_EQ(tools(), 1U);
  changed.view.pins = Pins();
  discovery_->follow({changed});
  EXPECT_EQ(tools(), 0U);
}

}  // namespace
}  // namespace mcpgate::gateway
