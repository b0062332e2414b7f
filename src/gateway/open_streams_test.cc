#include "gateway/open_streams.h"

#include <gtest/gtest.h>

#include <optional>

#include <boost/asio/io_context.hpp>

namespace mcpgate::gateway {
namespace {

Principal principal(std::string subject) {
  return {.user = "someone", .issuer = "mcpgate:keys", .subject = std::move(subject)};
}

class OpenStreamsTest : public testing::Test {
 protected:
  std::expected<OpenStreams::Place, OpenStreams::Full> open(const std::string& subject,
                                                            const std::string& session = "") {
    return streams_.open(principal(subject), session, {.all_max = 3, .per_principal_max = 2},
                         loop_.get_executor(), [this] { ++ended_; });
  }

  asio::io_context loop_;
  OpenStreams streams_;
  int ended_ = 0;
};

TEST_F(OpenStreamsTest, APlaceIsFreeAgainWhenItsStreamHasGone) {
  auto first = std::optional(open("alice"));
  const auto second = open("alice");
  ASSERT_TRUE(*first && second);
  EXPECT_EQ(open("alice").error(), OpenStreams::Full::kPrincipal);
  const auto third = open("bob");
  EXPECT_TRUE(third);
  EXPECT_EQ(open("carol").error(), OpenStreams::Full::kAll);
  first.reset();
  EXPECT_TRUE(open("alice"));
}

TEST_F(OpenStreamsTest, TheYoungestOfASessionIsTheOneOpenedLast) {
  const auto first = open("alice", "a");
  auto second = std::optional(open("alice", "a"));
  const auto other = open("bob", "b");
  EXPECT_FALSE((*first).is_youngest());
  EXPECT_TRUE((**second).is_youngest());
  EXPECT_TRUE((*other).is_youngest());
  second.reset();
  EXPECT_TRUE((*first).is_youngest());
}

TEST_F(OpenStreamsTest, ASessionThatEndsEndsItsStreamsOnTheirLoops) {
  const auto first = open("alice", "a");
  const auto second = open("alice", "a");
  const auto other = open("bob", "b");
  streams_.end("a");
  streams_.end("c");
  EXPECT_EQ(ended_, 0);
  loop_.poll();
  EXPECT_EQ(ended_, 2);
}

TEST_F(OpenStreamsTest, APlaceMayOutliveThem) {
  auto streams = std::make_unique<OpenStreams>();
  const auto place = streams->open(principal("alice"), "a", {.all_max = 1, .per_principal_max = 1},
                                   loop_.get_executor(), [] {});
  streams.reset();
  EXPECT_TRUE(place->is_youngest());
}

}  // namespace
}  // namespace mcpgate::gateway
