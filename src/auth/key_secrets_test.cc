#include "auth/key_secrets.h"

#include <gtest/gtest.h>

#include "auth/api_key.h"

namespace mcpgate::auth {
namespace {

class KeySecretsTest : public ::testing::Test {
 protected:
  KeyRecord make_key() {
    const NewApiKey secret = generate_api_key(random_);
    return {.id = secret.id, .sha256 = secret.sha256, .user = "alice"};
  }
  static std::string object(std::string_view name, int version, const KeyRecord& key) {
    std::string json = key_secret_json(name, key);
    const std::string plain = fmt::format(R"("name":"{}")", name);
    return json.replace(json.find(plain), plain.size(),
                        fmt::format(R"({},"resourceVersion":"{}")", plain, version));
  }
  static std::string event(std::string_view type, std::string_view json) {
    return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, json);
  }
  static std::string page(std::string_view items, std::string_view next = "") {
    return fmt::format(R"({{"metadata":{{"resourceVersion":"5","continue":"{}"}},"items":[{}]}})",
                       next, items);
  }

  SystemRandom random_;
  KeySecrets secrets_;
};

TEST_F(KeySecretsTest, PagesMakeATable) {
  const KeyRecord one = make_key();
  const KeyRecord two = make_key();
  EXPECT_EQ(secrets_.add_page(page(object("a", 1, one), "more")), "more");
  EXPECT_EQ(secrets_.add_page(page(object("b", 2, two))), "");
  EXPECT_EQ(secrets_.resource_version(), "5");
  EXPECT_NE(secrets_.table()->find(one.id), nullptr);
  EXPECT_NE(secrets_.table()->find(two.id), nullptr);
}

TEST_F(KeySecretsTest, EventsCountHoweverTheBytesAreCut) {
  KeyRecord key = make_key();
  const std::string added = event("ADDED", object("a", 11, key));
  bool changed = false;
  for (const char c : added) {
    const auto fed = secrets_.feed({&c, 1});
    ASSERT_TRUE(fed);
    changed |= *fed;
  }
  EXPECT_TRUE(changed);
  EXPECT_NE(secrets_.table()->find(key.id), nullptr);

  key.revoked = WallTime{};
  EXPECT_EQ(secrets_.feed(event("MODIFIED", object("a", 12, key)) +
                          event("BOOKMARK", R"({"metadata":{"resourceVersion":"40"}})")),
            true);
  EXPECT_TRUE(secrets_.table()->find(key.id)->revoked);
  EXPECT_EQ(secrets_.resource_version(), "40");
  EXPECT_EQ(secrets_.feed(event("DELETED", object("a", 41, key))), true);
  EXPECT_EQ(secrets_.table()->find(key.id), nullptr);
  EXPECT_EQ(secrets_.feed("\n\n"), false);
}

TEST_F(KeySecretsTest, HalfAnEventOfAWatchThatEndedIsForgotten) {
  const std::string added = event("ADDED", object("a", 11, make_key()));
  EXPECT_EQ(secrets_.feed(added.substr(0, 40)), false);
  secrets_.begin_watch();
  EXPECT_EQ(secrets_.feed(added), true);
}

// Weakness 6 of the earlier implementation: one bad Secret locked out all keys after it.
TEST_F(KeySecretsTest, ABadSecretIsSkippedAndCounted) {
  const KeyRecord good = make_key();
  testing::internal::CaptureStderr();
  EXPECT_TRUE(secrets_.add_page(
      page(R"({"metadata":{"name":"bad","resourceVersion":"1"},"data":{"key.json":"/w=="}},)"
           R"({"metadata":{"name":"empty","resourceVersion":"2"}},)" +
           object("good", 3, good))));
  const auto table = secrets_.table();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(table->unreadable(), 2U);
  EXPECT_NE(table->find(good.id), nullptr);
  EXPECT_TRUE(log.contains("Secret bad is skipped")) << log;
  EXPECT_TRUE(log.contains("Secret empty is skipped")) << log;
}

TEST_F(KeySecretsTest, AnIdInTwoSecretsCountsInNeither) {
  KeyRecord key = make_key();
  EXPECT_TRUE(secrets_.add_page(page(object("a", 1, key))));
  key.revoked = WallTime{};
  EXPECT_EQ(secrets_.feed(event("ADDED", object("copy", 6, key))), true);
  EXPECT_EQ(secrets_.table()->find(key.id), nullptr);
  EXPECT_EQ(secrets_.table()->unreadable(), 2U);
  EXPECT_EQ(secrets_.feed(event("DELETED", object("copy", 7, key))), true);
  EXPECT_NE(secrets_.table()->find(key.id), nullptr);
}

TEST_F(KeySecretsTest, AVersionThatIsTooOldAsksForANewList) {
  const auto gone = secrets_.feed(event("ERROR", R"({"kind":"Status","code":410})"));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kOutOfRange);
  const auto other = KeySecrets().feed(event("ERROR", R"({"kind":"Status","code":500})"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kUnavailable);
}

TEST_F(KeySecretsTest, WhatIsNoEventIsAnError) {
  const std::string moved = event("MOVED", R"({"metadata":{"name":"a","resourceVersion":"1"}})");
  for (const std::string& text : {std::string("x\n"), std::string("[]\n"), std::string("{}\n"),
                                  std::string("{\"type\":\"ADDED\"}\n"), event("ADDED", "{}"),
                                  event("BOOKMARK", "{}"), moved}) {
    EXPECT_FALSE(KeySecrets().feed(text)) << text;
  }
  EXPECT_FALSE(secrets_.feed(std::string(kWatchEventBytesMax + 1, ' ')));
  EXPECT_FALSE(secrets_.add_page("{}"));
  EXPECT_FALSE(secrets_.add_page(R"({"metadata":{"resourceVersion":"5"},"items":[1]})"));
}

}  // namespace
}  // namespace mcpgate::auth
