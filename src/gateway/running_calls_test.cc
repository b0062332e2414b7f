#include "gateway/running_calls.h"

#include <gtest/gtest.h>

#include <optional>

#include <boost/asio/io_context.hpp>

namespace mcpgate::gateway {
namespace {

class RunningCallsTest : public testing::Test {
 protected:
  [[nodiscard]] RunningCalls::Registration add(std::string_view session, std::string_view id,
                                               int& cancelled) {
    return calls_.add(session, id, loop_.get_executor(), [&cancelled] { ++cancelled; });
  }
  void cancel(std::string_view session, std::string_view id) {
    calls_.cancel(session, id);
    loop_.restart();
    loop_.poll();
  }

  asio::io_context loop_;
  RunningCalls calls_;
  int one_ = 0;
  int two_ = 0;
};

TEST_F(RunningCallsTest, CancelsOnceAndOnItsLoop) {
  const auto registration = add("s", "1", one_);
  calls_.cancel("s", "1");
  EXPECT_EQ(one_, 0);  // Only the call's own loop may touch it.
  cancel("s", "1");
  EXPECT_EQ(one_, 1);
}

TEST_F(RunningCallsTest, ReachesThatCallOfThatSessionOnly) {
  const auto first = add("s", "1", one_);
  const auto second = add("t", "1", two_);
  cancel("s", "2");
  cancel("s", R"("1")");
  cancel("", "1");
  EXPECT_EQ(one_ + two_, 0);
  cancel("t", "1");
  EXPECT_EQ(one_, 0);
  EXPECT_EQ(two_, 1);
}

TEST_F(RunningCallsTest, ForgetsACallThatEnded) {
  {
    auto registration = add("s", "1", one_);
    const auto moved = std::move(registration);
  }
  cancel("s", "1");
  EXPECT_EQ(one_, 0);
  const auto again = add("s", "1", two_);
  cancel("s", "1");
  EXPECT_EQ(two_, 1);
}

TEST_F(RunningCallsTest, ASecondCallOfOneIdLeavesTheFirstItsPlace) {
  const auto first = add("s", "1", one_);
  {
    const auto second = add("s", "1", two_);
  }
  cancel("s", "1");
  EXPECT_EQ(one_, 1);
  EXPECT_EQ(two_, 0);
}

}  // namespace
}  // namespace mcpgate::gateway
