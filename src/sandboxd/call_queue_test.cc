#include "sandboxd/call_queue.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace mcpgate::sandboxd {
namespace {

using std::chrono::milliseconds;

class CallQueueTest : public ::testing::Test {
 protected:
  /// One call that enters and, once inside, stays until its place is dropped.
  struct Entry {
    std::optional<Expected<CallQueue::Place>> answer;
  };

  static Task<void> enter(CallQueue& queue, std::shared_ptr<Entry> entry, std::string id,
                          milliseconds patience) {
    entry->answer.emplace(
        co_await queue.enter(std::move(id), std::chrono::steady_clock::now() + patience));
  }

  std::shared_ptr<Entry> start(std::string id, milliseconds patience = milliseconds{10'000}) {
    auto entry = std::make_shared<Entry>();
    asio::co_spawn(loop_, enter(queue_, entry, std::move(id), patience), asio::detached);
    loop_.restart();
    loop_.poll();
    return entry;
  }
  void poll() {
    loop_.restart();
    loop_.poll();
  }

  asio::io_context loop_;
  CallQueue queue_{loop_, 1, 2};
};

TEST_F(CallQueueTest, FirstComeFirstServedAndTheNextIsTurnedAway) {
  const auto a = start("a");
  const auto b = start("b");
  const auto c = start("c");
  const auto d = start("d");
  ASSERT_TRUE(a->answer && a->answer->has_value());
  EXPECT_FALSE(b->answer);
  ASSERT_TRUE(d->answer);
  EXPECT_EQ(d->answer->error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(queue_.waiting(), 2U);
  a->answer.reset();
  poll();
  EXPECT_TRUE(b->answer && b->answer->has_value());
  EXPECT_FALSE(c->answer);
  b->answer.reset();
  poll();
  EXPECT_TRUE(c->answer && c->answer->has_value());
  c->answer.reset();
  EXPECT_EQ(queue_.in_flight(), 0U);
}

TEST_F(CallQueueTest, CancelledAndLateOnesLeaveTheQueue) {
  const auto a = start("a");
  const auto b = start("b");
  const auto c = start("c", milliseconds{1});
  queue_.cancel("b");
  queue_.cancel("unknown");
  poll();
  ASSERT_TRUE(b->answer);
  EXPECT_EQ(b->answer->error().code, ErrorCode::kCancelled);
  loop_.restart();
  loop_.run_for(milliseconds{50});
  ASSERT_TRUE(c->answer);
  EXPECT_EQ(c->answer->error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(queue_.waiting(), 0U);
  EXPECT_EQ(queue_.in_flight(), 1U);
}

// An admitted call holds its place from that moment, not from when its coroutine runs again.
TEST_F(CallQueueTest, NobodySlipsInBetween) {
  const auto a = start("a");
  const auto b = start("b");
  a->answer.reset();
  const auto c = start("c");
  EXPECT_TRUE(b->answer && b->answer->has_value());
  EXPECT_FALSE(c->answer);
  EXPECT_EQ(queue_.in_flight(), 1U);
  queue_.set_bounds(2, 2);
  poll();
  EXPECT_TRUE(c->answer && c->answer->has_value());
}

}  // namespace
}  // namespace mcpgate::sandboxd
