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

  static Task<void> enter(CallQueue& queue, std::shared_ptr<Entry> entry,
                          CallQueue::Entrant entrant) {
    entry->answer.emplace(co_await queue.enter(std::move(entrant)));
  }

  std::shared_ptr<Entry> start(CallQueue::Entrant entrant) {
    auto entry = std::make_shared<Entry>();
    asio::co_spawn(loop_, enter(*queue_, entry, std::move(entrant)), asio::detached);
    poll();
    return entry;
  }
  std::shared_ptr<Entry> start(std::string id, milliseconds patience = milliseconds{10'000}) {
    return start(CallQueue::Entrant{.call_id = std::move(id),
                                    .deadline = std::chrono::steady_clock::now() + patience});
  }
  /// A call of a tool that runs `in_flight_max` at once, and has one waiting.
  std::shared_ptr<Entry> start_of(std::string tool, std::size_t in_flight_max) {
    return start({.call_id = tool,
                  .deadline = std::chrono::steady_clock::now() + milliseconds{10'000},
                  .tool = tool,
                  .tool_bounds = {.in_flight_max = in_flight_max, .waiting_max = 1}});
  }
  static bool is_in(const std::shared_ptr<Entry>& entry) {
    return entry->answer && entry->answer->has_value();
  }
  void poll() {
    loop_.restart();
    loop_.poll();
  }

  asio::io_context loop_;
  std::shared_ptr<CallQueue> queue_ =
      std::make_shared<CallQueue>(loop_, CallQueue::Bounds{.in_flight_max = 1, .waiting_max = 2});
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
  EXPECT_EQ(queue_->waiting(), 2U);
  a->answer.reset();
  poll();
  EXPECT_TRUE(b->answer && b->answer->has_value());
  EXPECT_FALSE(c->answer);
  b->answer.reset();
  poll();
  EXPECT_TRUE(c->answer && c->answer->has_value());
  c->answer.reset();
  EXPECT_EQ(queue_->in_flight(), 0U);
}

TEST_F(CallQueueTest, CancelledAndLateOnesLeaveTheQueue) {
  const auto a = start("a");
  const auto b = start("b");
  const auto c = start("c", milliseconds{1});
  queue_->cancel("b");
  queue_->cancel("unknown");
  poll();
  ASSERT_TRUE(b->answer);
  EXPECT_EQ(b->answer->error().code, ErrorCode::kCancelled);
  loop_.restart();
  for (int round = 0; round < 1000 && !c->answer; ++round) {
    loop_.run_one_for(milliseconds{50});
  }
  ASSERT_TRUE(c->answer);
  EXPECT_EQ(c->answer->error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(queue_->waiting(), 0U);
  EXPECT_EQ(queue_->in_flight(), 1U);
}

// An admitted call holds its place from that moment, not from when its coroutine runs again.
TEST_F(CallQueueTest, TheNextComesInWhileOneEndsButNotWithoutBound) {
  queue_->set_bounds({.in_flight_max = 1, .waiting_max = 1});
  const auto a = start_of("nap", 1);
  const auto b = start_of("nap", 1);
  ASSERT_TRUE(is_in(a));
  EXPECT_FALSE(b->answer);
  (*a->answer)->set_ending();
  poll();
  ASSERT_TRUE(is_in(b)) << "a waits for nothing but its end";
  (*b->answer)->set_ending();
  const auto c = start_of("nap", 1);
  EXPECT_FALSE(c->answer) << "two are ending already";
  a->answer.reset();
  poll();
  EXPECT_TRUE(is_in(c));
  b->answer.reset();
  c->answer.reset();
  EXPECT_EQ(queue_->in_flight(), 0U);
  EXPECT_TRUE(is_in(start("d")));
}

TEST_F(CallQueueTest, NobodySlipsInBetween) {
  const auto a = start("a");
  const auto b = start("b");
  a->answer.reset();
  const auto c = start("c");
  EXPECT_TRUE(b->answer && b->answer->has_value());
  EXPECT_FALSE(c->answer);
  EXPECT_EQ(queue_->in_flight(), 1U);
  queue_->set_bounds({.in_flight_max = 2, .waiting_max = 2});
  poll();
  EXPECT_TRUE(c->answer && c->answer->has_value());
}

// A tool with bounds of its own waits for itself: the others pass it by, and no more of it wait
// than may.
TEST_F(CallQueueTest, AFullToolKeepsNobodyElseWaiting) {
  queue_->set_bounds({.in_flight_max = 3, .waiting_max = 3});
  auto first = start_of("slow", 1);
  const auto second = start_of("slow", 1);
  const auto third = start_of("slow", 1);
  auto other = start("other");
  EXPECT_TRUE(is_in(first));
  EXPECT_FALSE(second->answer);
  ASSERT_TRUE(third->answer);
  EXPECT_EQ(third->answer->error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(is_in(other));
  const auto another = start("another");
  EXPECT_TRUE(is_in(another));
  // The set is full now. A place that becomes free is not the slow tool's.
  const auto late = start("late");
  EXPECT_FALSE(late->answer);
  other->answer.reset();
  poll();
  EXPECT_FALSE(second->answer);
  EXPECT_TRUE(is_in(late));
  first->answer.reset();
  poll();
  EXPECT_TRUE(is_in(second));
  EXPECT_EQ(queue_->waiting(), 0U);
}

// What waited in vain is counted no longer.
TEST_F(CallQueueTest, ACancelledCallOfAFullToolMakesRoomToWait) {
  queue_->set_bounds({.in_flight_max = 3, .waiting_max = 3});
  const auto first = start_of("slow", 1);
  const auto second = start_of("slow", 1);
  queue_->cancel("slow");
  poll();
  ASSERT_TRUE(second->answer);
  EXPECT_EQ(second->answer->error().code, ErrorCode::kCancelled);
  const auto third = start_of("slow", 1);
  EXPECT_FALSE(third->answer);
  first->answer.reset();
  poll();
  EXPECT_TRUE(is_in(third));
}

}  // namespace
}  // namespace mcpgate::sandboxd
