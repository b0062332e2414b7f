#include "auth/api_key.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace mcpgate::auth {
namespace {

TEST(ApiKey, HasTheDocumentedShape) {
  CountingRandom random;
  const NewApiKey key = generate_api_key(random);
  EXPECT_EQ(key.text, "mcpk_aaaqeayeauda_CAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJic" +
                          key.text.substr(kApiKeyLength - 8));
  EXPECT_EQ(key.text.size(), kApiKeyLength);
  EXPECT_EQ(key.id, "aaaqeayeauda");
  EXPECT_EQ(key.sha256, sha256(key.text));
  EXPECT_EQ(parse_api_key(key.text), key.id);
}

TEST(ApiKey, TwoKeysAreDifferent) {
  SystemRandom random;
  EXPECT_NE(generate_api_key(random).text, generate_api_key(random).text);
}

// Every single-character change is caught: by the shape or by the checksum.
TEST(ApiKey, AnyChangedCharacterIsRefused) {
  CountingRandom random;
  const std::string key = generate_api_key(random).text;
  for (std::size_t i = 0; i < key.size(); ++i) {
    for (const char c : std::string_view("aZ27_-/=.% A\0\xff", 14)) {
      std::string changed = key;
      changed[i] = c;
      if (changed != key) {
        EXPECT_EQ(parse_api_key(changed), std::nullopt) << i;
      }
    }
  }
}

TEST(ApiKey, OtherLengthsAndSpellingsAreRefused) {
  CountingRandom random;
  const std::string key = generate_api_key(random).text;
  EXPECT_FALSE(parse_api_key(""));
  EXPECT_FALSE(parse_api_key("mcpk_"));
  EXPECT_FALSE(parse_api_key(key + "a"));
  EXPECT_FALSE(parse_api_key(" " + key));
  EXPECT_FALSE(parse_api_key(key.substr(0, key.size() - 1)));
  std::string upper = key;
  for (std::size_t i = kApiKeyLength - 8; i < upper.size(); ++i) {
    upper[i] = static_cast<char>(std::toupper(upper[i]));
  }
  ASSERT_NE(upper, key);
  EXPECT_FALSE(parse_api_key(upper)) << "a second spelling of one key";
}

TEST(ApiKey, ACredentialInTheQueryIsSeen) {
  CountingRandom random;
  const std::string key = generate_api_key(random).text;
  for (const std::string& target :
       {std::string("/mcp?access_token=x"), std::string("/?a=1&api_key=x"), "/mcp?x=" + key,
        "/mcp?" + key, std::string("/mcp?x=%6Dcpk_abc"), std::string("/mcp?API_KEY=x"),
        std::string("/mcp?acc%65ss_token=x"), std::string("/?token"), std::string("/?a;key=1")}) {
    EXPECT_TRUE(has_credential_in_query(target)) << target;
  }
  for (const char* target : {"/", "/mcp", "/mcp?", "/mcp?session=1", "/mcp?monkey=1&tokens=2",
                             "/mcp?a=access_token", "/mcp?%", "/mcp?%4", "/access_token=1"}) {
    EXPECT_FALSE(has_credential_in_query(target)) << target;
  }
}

}  // namespace
}  // namespace mcpgate::auth
