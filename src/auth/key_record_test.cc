#include "auth/key_record.h"

#include <gtest/gtest.h>

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};

KeyRecord full_record() {
  KeyRecord key;
  key.id = "abcdefghij27";
  key.sha256 = sha256("secret");
  key.user = "zoë@example.com";
  key.roles = {"mcp-admin", "mcp-log-analyst"};
  key.created = kNow;
  key.expires = kNow + 24h;
  key.not_before = kNow + 1h;
  key.revoked = kNow + 2h;
  key.replaced_by = "zzzzzzzzzzzz";
  key.note = "for \"CI\"";
  key.keycloak_user = "8d4c9cb0-0000-4000-8000-000000000000";
  return key;
}

std::string without(std::string json, std::string_view what, std::string_view with) {
  const std::size_t at = json.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return json.replace(at, what.size(), with);
}

TEST(KeyRecord, IsWrittenAndReadBack) {
  const KeyRecord full = full_record();
  EXPECT_EQ(parse_key_record(to_json(full)), full);
  KeyRecord small;
  small.id = "abcdefghij27";
  small.user = "alice";
  small.created = kNow;
  EXPECT_EQ(parse_key_record(to_json(small)), small);
}

TEST(KeyRecord, HoldsNoPartOfTheKeyItself) {
  EXPECT_EQ(to_json(full_record()).find("secret"), std::string::npos);
}

TEST(KeyRecord, WhatIsWrongIsNamedWithoutItsValue) {
  const std::string good = to_json(full_record());
  const std::pair<std::string, std::string> cases[] = {
      {"", "JSON"},
      {"[]", "not a JSON object"},
      {without(good, "\"user\"", "\"usr\""), "an unknown field"},
      {without(good, "\"note\"", "\"user\""), "a field is there twice"},
      {without(good, "\"abcdefghij27\"", "\"ABC\""), "id: not 12 characters of a-z2-7"},
      {without(good, "\"sha256\": \"", "\"sha256\": \"zz"), "sha256: not 64 hexadecimal digits"},
      {without(good, "\"zoë@example.com\"", "\"\""), "user: empty"},
      {without(good, "\"zoë@example.com\"", "7"), "user: not a string"},
      {without(good, "\"zoë@example.com\"", "\"a\\nb\""),
       "user: not UTF-8 text without control characters"},
      {without(good, "\"zoë@example.com\"", "\"zo\u2066ë\""),
       "user: not UTF-8 text without control characters"},
      {without(good, "\"mcp-admin\"", "1"), "roles: not a list of strings"},
      {without(good, "\"mcp-admin\"", "\"a,b\""),
       "roles: an empty one, or one with a comma or space"},
      {without(good, "\"expires\": \"2", "\"expires\": \"x2"),
       "expires: not a time in RFC 3339 of 1970 to 2200"},
      {without(good, "\"expires\": \"2", "\"created_\": \"x2"), "an unknown field"},
      {without(good, "\"zzzzzzzzzzzz\"", "\"../../etc\""), "replaced_by: not the id of a key"},
  };
  for (const auto& [json, message] : cases) {
    const auto key = parse_key_record(json);
    ASSERT_FALSE(key) << json;
    EXPECT_EQ(key.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(key.error().message.find(message), std::string::npos) << key.error().message;
  }
}

TEST(KeyRecord, StatesFollowTheClock) {
  KeyRecord key;
  key.not_before = kNow;
  key.expires = kNow + 1h;
  EXPECT_EQ(state_of(key, kNow - 1ns), KeyState::kNotYetValid);
  EXPECT_EQ(state_of(key, kNow), KeyState::kActive);
  EXPECT_EQ(state_of(key, kNow + 1h - 1ns), KeyState::kActive);
  EXPECT_EQ(state_of(key, kNow + 1h), KeyState::kExpired);
  key.revoked = kNow;
  EXPECT_EQ(state_of(key, kNow), KeyState::kRevoked);
}

}  // namespace
}  // namespace mcpgate::auth
