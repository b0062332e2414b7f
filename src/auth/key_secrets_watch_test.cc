// Against the Kubernetes API of the tests, a process of its own.

#include "auth/key_secrets_watch.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "auth/api_key.h"
#include "auth/kubernetes_testing.h"
#include "base/file.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

class KeySecretsWatchTest : public ::testing::Test {
 protected:
  ~KeySecretsWatchTest() override { watch_.reset(); }

  void start(const KeySecretsWatchOptions& options = {}) {
    access_.server = api_.url();
    watch_ = std::make_unique<KeySecretsWatch>(
        loop_, access_, [this](auto table) { table_ = std::move(table); }, options);
  }
  bool wait_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      loop_.run_for(5ms);
      loop_.restart();
    }
    return condition();
  }
  bool is_listed() {
    return wait_until([this] { return table_->available(); });
  }
  KeyRecord put(const std::string& name) {
    const NewApiKey secret = generate_api_key(random_);
    const KeyRecord key{.id = secret.id, .sha256 = secret.sha256, .user = "alice"};
    api_.put(name, key);
    return key;
  }
  bool knows(const KeyRecord& key) {
    return wait_until([&] { return table_->find(key.id) != nullptr; });
  }
  bool forgets(const KeyRecord& key) {
    return wait_until([&] { return table_->find(key.id) == nullptr; });
  }

  SystemRandom random_;
  KubernetesDouble api_;
  KubernetesAccess access_;
  asio::io_context loop_;
  std::shared_ptr<const KeyTable> table_;
  std::unique_ptr<KeySecretsWatch> watch_;
};

TEST_F(KeySecretsWatchTest, ChangesAreHandedOnAsTheyCome) {
  const KeyRecord early = put("early");
  start();
  EXPECT_FALSE(table_->available()) << "nothing is known before the first list";
  ASSERT_TRUE(is_listed());
  EXPECT_NE(table_->find(early.id), nullptr);
  const KeyRecord late = put("late");
  EXPECT_TRUE(knows(late));
  api_.remove("early");
  EXPECT_TRUE(forgets(early));
  EXPECT_NE(table_->find(late.id), nullptr);
}

TEST_F(KeySecretsWatchTest, AListOfSeveralPagesIsWhole) {
  constexpr int kKeys = 230;
  KeyRecord last;
  for (int i = 0; i < kKeys; ++i) {
    last = put("k" + std::to_string(i));
  }
  start();
  ASSERT_TRUE(is_listed());
  EXPECT_EQ(table_->records().size(), std::size_t{kKeys});
  EXPECT_NE(table_->find(last.id), nullptr);
}

TEST_F(KeySecretsWatchTest, AWatchThatIsCutGoesOnWhereItWas) {
  const KeyRecord key = put("one");
  start();
  ASSERT_TRUE(is_listed());
  for (int i = 0; i < 3; ++i) {
    api_.trouble("disconnect");
    const KeyRecord meanwhile = put("new" + std::to_string(i));
    EXPECT_TRUE(knows(meanwhile));
  }
  EXPECT_NE(table_->find(key.id), nullptr);
}

TEST_F(KeySecretsWatchTest, AVersionThatIsGoneIsListedAnew) {
  const KeyRecord key = put("one");
  start();
  ASSERT_TRUE(is_listed());
  api_.trouble("fail/503");
  api_.trouble("disconnect");
  api_.remove("one");
  api_.trouble("compact");
  api_.trouble("fail/0");
  EXPECT_TRUE(forgets(key)) << "a deletion that no watch can tell any more";
  api_.trouble("expire");
  EXPECT_TRUE(knows(put("two")));
}

TEST_F(KeySecretsWatchTest, EverythingIsListedAgainFromTimeToTime) {
  start({.stale_max = 3s, .resync = 0ms});
  ASSERT_TRUE(is_listed());
  const auto first = table_;
  EXPECT_TRUE(wait_until([&] { return table_ != first; })) << "with no change at all";
}

TEST_F(KeySecretsWatchTest, KeysThatAreTooOldAreNotReliedOn) {
  const KeyRecord key = put("one");
  start({.stale_max = 1s});
  ASSERT_TRUE(is_listed());
  api_.trouble("fail/500");
  api_.trouble("disconnect");
  EXPECT_TRUE(wait_until([this] { return !table_->available(); }));
  EXPECT_EQ(table_->find(key.id), nullptr);
  api_.remove("one");
  const KeyRecord two = put("two");
  api_.trouble("fail/0");
  ASSERT_TRUE(is_listed());
  EXPECT_EQ(table_->find(key.id), nullptr) << "revoked while nobody listened";
  EXPECT_NE(table_->find(two.id), nullptr);
}

TEST_F(KeySecretsWatchTest, AnApiThatNeverAnswersMakesThemTooOld) {
  start({.stale_max = 1s});
  ASSERT_TRUE(is_listed());
  api_.trouble("slow/3");
  EXPECT_TRUE(wait_until([this] { return !table_->available(); }));
  api_.trouble("slow/0");
  EXPECT_TRUE(is_listed());
}

TEST_F(KeySecretsWatchTest, TheTokenIsReadAgain) {
  const auto file = std::filesystem::temp_directory_path() / ("token-" + random_.hex(8));
  ASSERT_TRUE(write_file_atomically(file, "first\n", 0600));
  access_.token_file = file;
  api_.trouble("forget-token/first");
  start({.stale_max = 1s});
  ASSERT_TRUE(is_listed());
  api_.trouble("forget-token/second");
  api_.trouble("disconnect");
  EXPECT_TRUE(wait_until([this] { return !table_->available(); })) << "401 for the old token";
  ASSERT_TRUE(write_file_atomically(file, "second\n", 0600));
  EXPECT_TRUE(is_listed());
  std::filesystem::remove(file);
}

TEST_F(KeySecretsWatchTest, AFileThatIsNoTokenIsNeverSent) {
  const auto file = std::filesystem::temp_directory_path() / ("token-" + random_.hex(8));
  ASSERT_TRUE(write_file_atomically(file, "a\r\nHost: evil", 0600));
  access_ = {.server = api_.url(), .token_file = file};
  const auto api = SecretsApi::open(loop_, access_);
  ASSERT_FALSE(api);
  EXPECT_EQ(api.error().message, file.string() + ": not a token");
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace mcpgate::auth
