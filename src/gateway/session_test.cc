#include "gateway/session.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mcpgate::gateway {
namespace {

const WallTime kNow{std::chrono::seconds{1'800'000'000}};

Principal principal(std::string subject, std::string issuer = "mcpgate:keys") {
  return {.user = "someone", .issuer = std::move(issuer), .subject = std::move(subject)};
}

class SessionTest : public testing::Test {
 protected:
  Sealer sealer_{{std::string(32, 'k')}};
  SystemRandom random_;
  std::string id_ =
      seal_session(sealer_, principal("alice"),
                   {.client = mcp::ClientCapabilities::from_word("fr")}, kNow, random_);
};

TEST_F(SessionTest, IsVisibleAsciiAndNeverTheSame) {
  EXPECT_TRUE(std::ranges::all_of(id_, [](char c) { return c >= 0x21 && c <= 0x7e; }));
  EXPECT_NE(id_, seal_session(sealer_, principal("alice"), {}, kNow, random_));
}

TEST_F(SessionTest, CarriesWhatItsClientCanBeAsked) {
  const auto session = open_session(sealer_, id_, principal("alice"), kNow);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->client.to_json(), R"({"elicitation":{"form":{}},"roots":{}})");
  EXPECT_EQ(session->home, "");
  EXPECT_FALSE(open_session(sealer_, id_, principal("bob"), kNow));
}

TEST_F(SessionTest, CarriesTheReplicaItLivesIn) {
  for (const char* const word : {"", "fr"}) {
    const auto id = seal_session(
        sealer_, principal("alice"),
        {.client = mcp::ClientCapabilities::from_word(word), .home = "i1@10.0.0.1:8081"}, kNow,
        random_);
    const auto session = open_session(sealer_, id, principal("alice"), kNow);
    ASSERT_TRUE(session);
    EXPECT_EQ(session->home, "i1@10.0.0.1:8081");
    EXPECT_EQ(session->client.to_word(), word);
  }
}

TEST_F(SessionTest, EndsAfterItsTime) {
  EXPECT_TRUE(open_session(sealer_, id_, principal("alice"), kNow));
  EXPECT_TRUE(open_session(sealer_, id_, principal("alice"),
                           kNow + kSessionLifetime - std::chrono::seconds{1}));
  EXPECT_FALSE(open_session(sealer_, id_, principal("alice"), kNow + kSessionLifetime));
}

TEST_F(SessionTest, BelongsToIssuerAndSubjectNotToAName) {
  Principal renamed = principal("alice");
  renamed.user = "alice smith";
  EXPECT_TRUE(open_session(sealer_, id_, renamed, kNow));
  EXPECT_FALSE(open_session(sealer_, id_, principal("bob"), kNow));
  EXPECT_FALSE(open_session(sealer_, id_, principal("alice", "https://issuer"), kNow));
}

TEST_F(SessionTest, CannotBeForged) {
  for (std::size_t i = 0; i < id_.size(); ++i) {
    std::string forged = id_;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(open_session(sealer_, forged, principal("alice"), kNow)) << i;
  }
  EXPECT_FALSE(open_session(sealer_, "", principal("alice"), kNow));
  EXPECT_FALSE(open_session(sealer_, id_ + "A", principal("alice"), kNow));
  const Sealer other({std::string(32, 'o')});
  EXPECT_FALSE(open_session(other, id_, principal("alice"), kNow));
}

// What was sealed for another use must not open as a session.
TEST_F(SessionTest, IsNotWhatWasSealedForAnotherUse) {
  const std::string content = *sealer_.open("mcp-session", id_);
  const std::string state = sealer_.seal("request-state", content, random_);
  EXPECT_FALSE(open_session(sealer_, state, principal("alice"), kNow));
}

}  // namespace
}  // namespace mcpgate::gateway
