#include "auth/key_secret.h"

#include <gtest/gtest.h>

#include <regex>

#include "auth/api_key.h"
#include "base/encoding.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000'123ms};

KeyRecord make_key(std::string user) {
  SystemRandom random;
  const NewApiKey secret = generate_api_key(random);
  return {.id = secret.id,
          .sha256 = secret.sha256,
          .user = std::move(user),
          .roles = {"mcp-admin", "mcp-log-analyst"},
          .created = kNow};
}

Expected<KeySecret> parse(std::string_view text) {
  static json::Parser parser(1 << 20);
  return parse_key_secret(*json::as_object(*parser.parse(text)));
}

TEST(KeySecretTest, APlainUserStandsInTheNameAsItIs) {
  EXPECT_EQ(key_secret_name("alice", kNow), "mcp-api-key-alice-1800000000123");
  EXPECT_EQ(key_secret_name("ci-runner-7", kNow), "mcp-api-key-ci-runner-7-1800000000123");
}

// Weakness 5 of the earlier implementation: such users could not exist.
TEST(KeySecretTest, AUserThatKubernetesCannotHoldIsEncoded) {
  EXPECT_EQ(key_secret_name("alice@example.com", kNow),
            "mcp-api-key-alice-example-com-ff8d9819-1800000000123");
  const std::regex name(R"([a-z0-9]([-a-z0-9.]*[a-z0-9])?)");
  for (const std::string& user :
       {std::string("Alice"), std::string("Zoë Müller"), std::string("@"), std::string("a/../b"),
        std::string("-"), std::string("日本"), std::string("a--b"), std::string(256, 'x')}) {
    const std::string text = key_secret_name(user, kNow);
    EXPECT_TRUE(std::regex_match(text, name)) << text;
    EXPECT_LE(text.size(), 253U);
  }
  EXPECT_NE(key_secret_name("a@b", kNow), key_secret_name("a-b", kNow));
  EXPECT_NE(key_secret_name("a@b", kNow), key_secret_name("a.b", kNow));
  EXPECT_NE(key_secret_name(std::string(256, 'x') + "1", kNow),
            key_secret_name(std::string(256, 'x') + "2", kNow));
}

std::string as_answered(const KeyRecord& key) {
  std::string json = key_secret_json("n", key);
  json.replace(json.find(R"("name":"n")"), 10, R"("name":"n","resourceVersion":"7")");
  return json;
}

TEST(KeySecretTest, ARecordIsReadBackAsItWasWritten) {
  const KeyRecord key = make_key("alice@example.com");
  const auto secret = parse(as_answered(key));
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(secret->name, "n");
  EXPECT_EQ(secret->resource_version, "7");
  EXPECT_EQ(secret->record, key);
}

TEST(KeySecretTest, WhatIsWrongWithASecretIsSaidWithoutItsContent) {
  const auto wrong = [](std::string_view members) {
    const auto secret =
        parse(fmt::format(R"({{"metadata":{{"name":"n","resourceVersion":"1"}}{}}})", members));
    return secret && !secret->record ? secret->record.error().message : "no error";
  };
  EXPECT_EQ(wrong(""), "its data has no key.json");
  EXPECT_EQ(wrong(R"(,"data":{"key.json":5})"), "its data has no key.json");
  EXPECT_EQ(wrong(R"(,"data":{"key.json":"%"})"), "key.json: not base64");
  EXPECT_EQ(wrong(R"(,"data":{"key.json":"/w=="})").find('\xff'), std::string::npos);
  EXPECT_EQ(wrong(R"(,"data":{"key.json":"e30="})"), "sha256: not 64 hexadecimal digits");

  std::string moved = as_answered(make_key("alice"));
  const std::size_t id = moved.find(kKeyIdLabel) + kKeyIdLabel.size() + 3;
  moved.replace(id, kKeyIdLength, "aaaaaaaaaaaa");
  EXPECT_EQ(parse(moved)->record.error().message,
            "the label mcpgate.io/key-id is not the key's id");
}

TEST(KeySecretTest, WhatIsNoSecretIsAnError) {
  for (const char* text : {"{}", R"({"metadata":{}})", R"({"metadata":{"name":"n"}})",
                           R"({"metadata":{"name":"","resourceVersion":"1"}})"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

}  // namespace
}  // namespace mcpgate::auth
