// Against an issuer that is a server of the test's own.

#include "auth/jwks_watch.h"

#include <atomic>
#include <mutex>

#include "auth/token_testing.h"
#include "http/testing.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

/// An issuer on a free port; what it answers is the test's to say.
class TestIssuer {
 public:
  TestIssuer() {
    server_.handler.on_request = [this](const http::Request& request,
                                        http::Responder& responder) -> Task<void> {
      return answer(*this, request, responder);
    };
    server_.start();
    url = "http://" + server_.address + "/realms/r";
    discovery = R"({"issuer":")" + url + R"(","jwks_uri":")" + url + R"(/certs"})";
  }

  void set_jwks(std::string text, int answer_status = 200) {
    const std::scoped_lock lock(mutex_);
    jwks_ = std::move(text);
    status_ = answer_status;
  }

  /// Members of the discovery document, with the comma before them.
  void add_discovery(std::string_view members) {
    const std::scoped_lock lock(mutex_);
    discovery.insert(discovery.size() - 1, members);
  }

  std::string url;
  std::string discovery;
  std::atomic<int> reads = 0;

 private:
  static Task<void> answer(TestIssuer& self, const http::Request& request,
                           http::Responder& responder) {
    http::Response response{.content_type = "application/json"};
    if (request.path == "/realms/r/.well-known/openid-configuration") {
      const std::scoped_lock lock(self.mutex_);
      response.body = self.discovery;
    } else if (request.path == "/realms/r/certs") {
      ++self.reads;
      const std::scoped_lock lock(self.mutex_);
      response.status = self.status_;
      response.body = self.jwks_;
    } else {
      response.status = 404;
    }
    responder.send(std::move(response));
    co_return;
  }

  std::mutex mutex_;
  std::string jwks_ = R"({"keys":[]})";
  int status_ = 200;
  http::TestServer server_;
};

class JwksWatchTest : public ::testing::Test {
 protected:
  JwksWatchTest() : one_("one", JwsAlgorithm::kEs256), two_("two", JwsAlgorithm::kEs256) {
    issuer_.set_jwks(jwks_of({&one_}));
  }
  ~JwksWatchTest() override { watch_.reset(); }

  void start(const JwksWatchOptions& options = {}) {
    watch_ = std::make_unique<JwksWatch>(
        loop_, clock_, [this](std::shared_ptr<const IssuerTable>) { ++tables_; }, options);
    follow();
  }
  void follow() {
    watch_->follow({{.rules = {.issuer = issuer_.url}, .tls = nullptr}}, {.clock_skew = 7s});
  }
  bool wait_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    loop_.restart();
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      loop_.run_one_for(5ms);
    }
    return condition();
  }
  [[nodiscard]] bool knows(const TestKey& key) const {
    const Issuer* issuer = watch_->table()->find(issuer_.url);
    return issuer != nullptr && issuer->keys &&
           issuer->keys->find(key.id(), JwsAlgorithm::kEs256) != nullptr;
  }
  /// Asks as a token with an unknown key does; whether the answer has come.
  std::shared_ptr<bool> demand() {
    auto done = std::make_shared<bool>(false);
    watch_->demand(issuer_.url, [done] { *done = true; });
    return done;
  }

  TestIssuer issuer_;
  TestKey one_;
  TestKey two_;
  asio::io_context loop_{1};
  ManualClock clock_;
  int tables_ = 0;
  std::unique_ptr<JwksWatch> watch_;
};

TEST_F(JwksWatchTest, ReadsWhereAnIssuerIsAskedAboutTokens) {
  watch_ = std::make_unique<JwksWatch>(
      loop_, clock_, [](std::shared_ptr<const IssuerTable>) {},
      JwksWatchOptions{.retry_first = 10ms, .retry_max = 10ms});
  const auto follow_as = [this](const std::string& secret) {
    watch_->follow(
        {{.rules = {.issuer = issuer_.url},
          .tls = nullptr,
          .introspection = IntrospectionClient{.client = {.id = "gateway", .secret = secret}}}},
        {});
  };
  const auto endpoint = [this] { return watch_->table()->find(issuer_.url)->introspection; };
  follow_as("one");
  EXPECT_EQ(endpoint()->url, "") << "not read yet";
  const auto done = demand();
  ASSERT_TRUE(wait_until([&done] { return *done; }));
  EXPECT_FALSE(knows(one_)) << "it does not say where";

  issuer_.add_discovery(R"(,"introspection_endpoint":"http://127.0.0.1:1/ask")");
  ASSERT_TRUE(wait_until([this] { return knows(one_); }));
  EXPECT_EQ(endpoint()->url, "http://127.0.0.1:1/ask");
  EXPECT_EQ(endpoint()->client.id, "gateway");
  follow_as("two");
  EXPECT_EQ(endpoint()->client.secret, "two");
  EXPECT_EQ(endpoint()->url, "http://127.0.0.1:1/ask") << "it is known already";
  follow();
  EXPECT_EQ(endpoint(), nullptr);
}

TEST_F(JwksWatchTest, ReadsTheKeysAndItsLimits) {
  start();
  EXPECT_EQ(watch_->table()->find(issuer_.url)->keys, nullptr) << "not read yet";
  ASSERT_TRUE(wait_until([this] { return knows(one_); }));
  EXPECT_EQ(watch_->table()->clock_skew, 7s);
  EXPECT_EQ(tables_, 1);
}

TEST_F(JwksWatchTest, FollowsTheIssuersRotation) {
  start({.refresh = 5ms});
  ASSERT_TRUE(wait_until([this] { return knows(one_); }));
  issuer_.set_jwks(jwks_of({&one_, &two_}));
  ASSERT_TRUE(wait_until([this] { return knows(two_) && knows(one_); }));
  issuer_.set_jwks(jwks_of({&two_}));
  ASSERT_TRUE(wait_until([this] { return knows(two_) && !knows(one_); }));
  const int tables = tables_;
  const int reads = issuer_.reads;
  ASSERT_TRUE(wait_until([&] { return issuer_.reads > reads + 3; }));
  EXPECT_EQ(tables_, tables) << "the same keys again are no change";
}

TEST_F(JwksWatchTest, ReadsAtOnceWhenATokenNamesAnUnknownKey) {
  start();
  ASSERT_TRUE(wait_until([this] { return knows(one_); }));
  issuer_.set_jwks(jwks_of({&two_}));
  clock_.advance(11s);
  const auto done = demand();
  EXPECT_FALSE(*done);
  ASSERT_TRUE(wait_until([&] { return *done; }));
  EXPECT_TRUE(knows(two_)) << "whoever waited finds it";
}

// Whoever sends garbage must not make us a burden to the issuer, nor wait for it.
TEST_F(JwksWatchTest, UnknownKeysCauseAReadOnceInAWhile) {
  start();
  ASSERT_TRUE(wait_until([this] { return knows(one_); }));
  clock_.advance(11s);
  const int before = issuer_.reads;
  std::vector<std::shared_ptr<bool>> asked;
  for (int i = 0; i < 1000; ++i) {
    asked.push_back(demand());
  }
  ASSERT_TRUE(wait_until([&] { return *asked.back() && *asked.front(); }));
  EXPECT_EQ(issuer_.reads, before + 1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(*demand()) << "nobody waits";
  }
  EXPECT_EQ(issuer_.reads, before + 1);
}

// A key that was made just after a read that garbage caused is found when the interval is over.
TEST_F(JwksWatchTest, ADemandThatCameTooSoonIsMetLater) {
  start({.demand_interval = 300ms});
  ASSERT_TRUE(wait_until([this] { return knows(one_); }));
  issuer_.set_jwks(jwks_of({&two_}));
  EXPECT_TRUE(*demand());
  EXPECT_FALSE(knows(two_));
  EXPECT_TRUE(wait_until([this] { return knows(two_); }));
}

TEST_F(JwksWatchTest, WaitersAreBounded) {
  start({.waiters_max = 2});
  const auto first = demand();
  const auto second = demand();
  EXPECT_FALSE(*first) << "the first read is under way";
  EXPECT_TRUE(*demand()) << "one too many";
  EXPECT_TRUE(wait_until([&] { return *first && *second; }));
}

TEST_F(JwksWatchTest, KeysStayInUseWhileTheIssuerIsAwayUntilTheyAreTooOld) {
  start({.refresh = 2ms, .retry_first = 2ms, .retry_max = 2ms});
  ASSERT_TRUE(wait_until([this] { return knows(one_); }));
  for (const auto& [text, status] : {std::pair{std::string("not JSON"), 200},
                                     {jwks_of({&two_}), 503},
                                     {std::string(kJwksBytesMax + 1, ' '), 200}}) {
    issuer_.set_jwks(text, status);
    const int reads = issuer_.reads;
    ASSERT_TRUE(wait_until([&] { return issuer_.reads > reads + 2; }));
    EXPECT_TRUE(knows(one_));
  }
  clock_.advance(25h);
  ASSERT_TRUE(wait_until([this] { return !watch_->table()->find(issuer_.url)->keys; }));
  issuer_.set_jwks(jwks_of({&one_}));
  EXPECT_TRUE(wait_until([this] { return knows(one_); }));
}

TEST_F(JwksWatchTest, ADocumentOfAnotherIssuerIsRefused) {
  issuer_.discovery = R"({"issuer":"http://other","jwks_uri":")" + issuer_.url + R"(/certs"})";
  start({.retry_first = 2ms, .retry_max = 2ms});
  const auto done = demand();
  ASSERT_TRUE(wait_until([&] { return *done; }));
  EXPECT_FALSE(knows(one_));
  EXPECT_EQ(issuer_.reads, 0);
}

TEST_F(JwksWatchTest, AnIssuerThatIsKeptKeepsItsKeys) {
  start();
  ASSERT_TRUE(wait_until([this] { return knows(one_); }));
  follow();
  EXPECT_TRUE(knows(one_)) << "the same source";
  IssuerRules rules{.issuer = issuer_.url, .scopes = {"mcp:tools"}};
  watch_->follow({{.rules = rules, .tls = nullptr}}, {});
  EXPECT_TRUE(knows(one_)) << "other rules";
  EXPECT_EQ(watch_->table()->find(issuer_.url)->rules, rules);
  watch_->follow({}, {});
  EXPECT_EQ(watch_->table()->find(issuer_.url), nullptr);
  auto gone = demand();
  EXPECT_TRUE(*gone) << "there is nothing to wait for";
}

TEST_F(JwksWatchTest, MayEndWhileItReads) {
  start();
  const auto done = demand();
  watch_.reset();
  EXPECT_TRUE(wait_until([&] { return *done; })) << "nobody waits for ever";
}

}  // namespace
}  // namespace mcpgate::auth
