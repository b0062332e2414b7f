// Against a Keycloak of the test's own.

#include "auth/key_owners.h"

#include <map>
#include <mutex>

#include "http/testing.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;
using State = KeyOwners::State;

constexpr std::string_view kAnn = "8d4c9cb0-0000-4000-8000-00000000000a";
constexpr std::string_view kBob = "8d4c9cb0-0000-4000-8000-00000000000b";

class KeyOwnersTest : public ::testing::Test {
 protected:
  KeyOwnersTest() {
    server_.handler.on_request = [this](const http::Request& request,
                                        http::Responder& responder) -> Task<void> {
      return answer(*this, request, responder);
    };
    server_.start();
  }

  [[nodiscard]] KeyOwnersSource source() const {
    return {.issuer = "http://" + server_.address + "/auth/realms/mcp",
            .client = {.id = "the gateway", .secret = "a:b"},
            .refresh = 20ms,
            .stale_max = 10min};
  }
  static KeyTable keys_of(const std::vector<std::string>& users) {
    std::vector<KeyRecord> keys;
    for (const std::string& user : users) {
      keys.push_back({.id = "key" + std::to_string(keys.size()), .keycloak_user = user});
    }
    return KeyTable(std::move(keys));
  }
  void say(std::string_view user, std::string text, int status = 200) {
    const std::scoped_lock lock(mutex_);
    users_[std::string(user)] = {status, std::move(text)};
  }
  static std::string user(std::string_view id, std::string_view enabled) {
    return fmt::format(R"({{"id":"{}","username":"u","enabled":{}}})", id, enabled);
  }
  bool comes(std::string_view user, State wanted) {
    return wait_until([&] { return watch_.owners()->state_of(user) == wanted; });
  }
  bool wait_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    loop_.restart();
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      loop_.run_one_for(5ms);
    }
    return condition();
  }
  std::size_t count(std::string_view target) {
    const std::scoped_lock lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(targets_, target));
  }

  static Task<void> answer(KeyOwnersTest& self, const http::Request& request,
                           http::Responder& responder) {
    http::Response response{.content_type = "application/json"};
    {
      const std::scoped_lock lock(self.mutex_);
      self.targets_.emplace_back(request.target);
      const std::string given(request.header("authorization").value_or(""));
      if (request.target == kTokens) {
        self.credentials_ = given + ' ' + std::string(request.body);
        response.status = self.token_status_;
        response.body = fmt::format(R"({{"access_token":"t{}","expires_in":{}}})",
                                    ++self.tokens_given_, self.token_seconds_);
      } else if (given != fmt::format("Bearer t{}", self.tokens_given_)) {
        response.status = 401;
      } else {
        const std::size_t id = request.target.rfind('/') + 1;
        const auto found = self.users_.find(std::string(request.target.substr(id)));
        response.status = found == self.users_.end() ? 404 : found->second.first;
        response.body = found == self.users_.end() ? "{}" : found->second.second;
      }
    }
    responder.send(std::move(response));
    co_return;
  }

  static constexpr std::string_view kTokens = "/auth/realms/mcp/protocol/openid-connect/token";
  static constexpr std::string_view kUsers = "/auth/admin/realms/mcp/users/";

  std::mutex mutex_;
  std::map<std::string, std::pair<int, std::string>> users_;
  std::vector<std::string> targets_;
  std::string credentials_;
  int token_status_ = 200;
  int token_seconds_ = 300;
  int tokens_given_ = 0;
  http::TestServer server_;
  asio::io_context loop_;
  ManualClock clock_;
  KeyOwnersWatch watch_{loop_, clock_};
};

TEST_F(KeyOwnersTest, WithoutASourceNobodyIsAskedAbout) {
  watch_.use(keys_of({std::string(kAnn)}));
  EXPECT_EQ(watch_.owners(), nullptr);
  ASSERT_TRUE(watch_.follow(source()));
  ASSERT_NE(watch_.owners(), nullptr);
  EXPECT_EQ(watch_.owners()->state_of(kAnn), State::kUnknown);
  ASSERT_TRUE(watch_.follow(std::nullopt));
  EXPECT_EQ(watch_.owners(), nullptr);
}

TEST_F(KeyOwnersTest, TellsWhoIsEnabledDisabledAndGone) {
  say(kAnn, user(kAnn, "true"));
  say(kBob, user(kBob, "false"));
  ASSERT_TRUE(watch_.follow(source()));
  watch_.use(keys_of({std::string(kAnn), std::string(kBob), "gone", std::string(kAnn), ""}));
  EXPECT_TRUE(comes(kAnn, State::kEnabled));
  EXPECT_TRUE(comes(kBob, State::kDisabled));
  EXPECT_TRUE(comes("gone", State::kDisabled));
  EXPECT_EQ(watch_.owners()->state_of("nobody"), State::kUnknown);
  EXPECT_EQ(count(kTokens), 1);
  EXPECT_EQ(count(fmt::format("{}{}", kUsers, kAnn)), 1) << "two keys, one question";
  // "the gateway" and "a:b", escaped.
  EXPECT_EQ(credentials_, "Basic dGhlJTIwZ2F0ZXdheTphJTNBYg== grant_type=client_credentials");
}

TEST_F(KeyOwnersTest, AskAgainAfterAWhile) {
  say(kAnn, user(kAnn, "true"));
  ASSERT_TRUE(watch_.follow(source()));
  watch_.use(keys_of({std::string(kAnn)}));
  ASSERT_TRUE(comes(kAnn, State::kEnabled));
  say(kAnn, user(kAnn, "false"));
  clock_.advance(21ms);
  EXPECT_TRUE(comes(kAnn, State::kDisabled));
  say(kAnn, user(kAnn, "true"));
  clock_.advance(21ms);
  EXPECT_TRUE(comes(kAnn, State::kEnabled));
}

TEST_F(KeyOwnersTest, ANewUserIsAskedAboutAtOnceAndOthersKeepTheirState) {
  KeyOwnersSource slow = source();
  slow.refresh = 1h;
  slow.stale_max = 1h;
  say(kAnn, user(kAnn, "true"));
  say(kBob, user(kBob, "true"));
  ASSERT_TRUE(watch_.follow(slow));
  watch_.use(keys_of({std::string(kAnn)}));
  ASSERT_TRUE(comes(kAnn, State::kEnabled));
  watch_.use(keys_of({std::string(kAnn), std::string(kBob)}));
  EXPECT_EQ(watch_.owners()->state_of(kAnn), State::kEnabled);
  EXPECT_TRUE(comes(kBob, State::kEnabled));
  EXPECT_EQ(count(fmt::format("{}{}", kUsers, kAnn)), 1);
  watch_.use(keys_of({std::string(kBob)}));
  EXPECT_EQ(watch_.owners()->state_of(kAnn), State::kUnknown);
  // Another client of the same realm asks on; another realm starts anew.
  slow.client.secret = "new";
  ASSERT_TRUE(watch_.follow(slow));
  EXPECT_EQ(watch_.owners()->state_of(kBob), State::kEnabled);
  slow.issuer = "http://" + server_.address + "/realms/other";
  ASSERT_TRUE(watch_.follow(slow));
  EXPECT_EQ(watch_.owners()->state_of(kBob), State::kUnknown);
}

TEST_F(KeyOwnersTest, WhatWasToldIsReliedOnForAWhile) {
  say(kAnn, user(kAnn, "true"));
  ASSERT_TRUE(watch_.follow(source()));
  watch_.use(keys_of({std::string(kAnn)}));
  ASSERT_TRUE(comes(kAnn, State::kEnabled));
  const std::string asked = fmt::format("{}{}", kUsers, kAnn);
  say(kAnn, "", 503);
  clock_.advance(9min);
  const std::size_t before = count(asked);
  ASSERT_TRUE(wait_until([&] { return count(asked) > before; }));
  EXPECT_EQ(watch_.owners()->state_of(kAnn), State::kEnabled);
  clock_.advance(2min);
  EXPECT_TRUE(comes(kAnn, State::kUnknown));
  say(kAnn, user(kAnn, "true"));
  EXPECT_TRUE(comes(kAnn, State::kEnabled));
}

TEST_F(KeyOwnersTest, ATokenIsRenewedAtItsEndAndWhenItIsRefused) {
  token_seconds_ = 60;
  say(kAnn, user(kAnn, "true"));
  ASSERT_TRUE(watch_.follow(source()));
  watch_.use(keys_of({std::string(kAnn)}));
  ASSERT_TRUE(comes(kAnn, State::kEnabled));
  say(kAnn, user(kAnn, "false"));
  clock_.advance(51s);  // Ten seconds before its end it is not used any more.
  ASSERT_TRUE(comes(kAnn, State::kDisabled));
  EXPECT_EQ(count(kTokens), 2);
  {
    const std::scoped_lock lock(mutex_);
    ++tokens_given_;  // Keycloak has forgotten the one that is used.
  }
  say(kAnn, user(kAnn, "true"));
  clock_.advance(21ms);
  EXPECT_TRUE(comes(kAnn, State::kEnabled));
  EXPECT_EQ(count(kTokens), 3);
}

TEST_F(KeyOwnersTest, AnswersThatAreNoneTellNothing) {
  ASSERT_TRUE(watch_.follow(source()));
  const std::string asked = fmt::format("{}{}", kUsers, kAnn);
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), user(kBob, "true"),
        user(kAnn, R"("true")"), user(kAnn, "null"), std::string(std::size_t{300} << 10, 'a')}) {
    say(kAnn, text);
    watch_.use(keys_of({}));
    watch_.use(keys_of({std::string(kAnn)}));
    const std::size_t before = count(asked);
    ASSERT_TRUE(wait_until([&] { return count(asked) > before + 1; }));
    EXPECT_EQ(watch_.owners()->state_of(kAnn), State::kUnknown) << text.substr(0, 80);
  }
  say(kAnn, "{}", 403);
  const std::size_t before = count(asked);
  ASSERT_TRUE(wait_until([&] { return count(asked) > before + 1; }));
  EXPECT_EQ(watch_.owners()->state_of(kAnn), State::kUnknown);
}

TEST_F(KeyOwnersTest, AClientThatIsRefusedTellsNothing) {
  token_status_ = 401;
  say(kAnn, user(kAnn, "true"));
  ASSERT_TRUE(watch_.follow(source()));
  watch_.use(keys_of({std::string(kAnn)}));
  ASSERT_TRUE(wait_until([&] { return count(kTokens) > 1; }));
  EXPECT_EQ(watch_.owners()->state_of(kAnn), State::kUnknown);
  {
    const std::scoped_lock lock(mutex_);
    token_status_ = 200;
  }
  EXPECT_TRUE(comes(kAnn, State::kEnabled));
}

TEST_F(KeyOwnersTest, AUsersIdIsNoPath) {
  ASSERT_TRUE(watch_.follow(source()));
  watch_.use(keys_of({"../../x?y#z"}));
  EXPECT_TRUE(comes("../../x?y#z", State::kDisabled));
  EXPECT_EQ(count(fmt::format("{}..%2F..%2Fx%3Fy%23z", kUsers)), 1);
}

TEST_F(KeyOwnersTest, OnlyARealmKnowsUsers) {
  KeyOwnersSource other = source();
  for (const char* issuer : {"https://as.example", "ftp://as.example/realms/r", "realms"}) {
    other.issuer = issuer;
    EXPECT_FALSE(watch_.follow(other)) << issuer;
  }
}

}  // namespace
}  // namespace mcpgate::auth
