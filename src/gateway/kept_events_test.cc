#include "gateway/kept_events.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace mcpgate::gateway {
namespace {

using namespace std::chrono_literals;

using Messages = std::vector<std::string>;

class KeptEventsTest : public testing::Test {
 protected:
  KeptEvents::Writer keep(const std::string& id) {
    return kept_->keep(id, limits_, loop_.get_executor(),
                       [this](bool is_here) { presence_.push_back(is_here); });
  }
  std::optional<KeptEvents::Reader> follow(const std::string& id, std::size_t from = 0) {
    return kept_->follow(id, from, loop_.get_executor(), [this] { ++wakes_; });
  }
  void run() {
    loop_.restart();
    loop_.poll();
  }

  asio::io_context loop_;
  std::unique_ptr<KeptEvents> kept_ = std::make_unique<KeptEvents>();
  KeptEvents::Limits limits_{.bytes_max = 10'000, .window = 1h};
  std::vector<bool> presence_;
  int wakes_ = 0;
};

TEST_F(KeptEventsTest, AReaderGetsWhatFollowsInOrder) {
  auto writer = std::optional(keep("call"));
  writer->add("one");
  writer->add("two");
  EXPECT_EQ(writer->count(), 2U);
  auto reader = follow("call", 1);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->take().messages, Messages{"two"});
  EXPECT_TRUE(reader->take().messages.empty());
  writer->add("three");
  run();
  EXPECT_GE(wakes_, 1);
  writer.reset();
  const auto last = reader->take();
  EXPECT_EQ(last.messages, Messages{"three"});
  EXPECT_TRUE(last.is_over);
}

TEST_F(KeptEventsTest, ANumberBeyondTheEndIsTheEnd) {
  auto writer = keep("call");
  writer.add("one");
  auto reader = follow("call", 1'000'000);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(reader->take().messages.empty());
  EXPECT_FALSE(follow("other"));
}

TEST_F(KeptEventsTest, TheCallLearnsWhetherItsClientIsThere) {
  auto writer = keep("call");
  EXPECT_FALSE(writer.is_taken());
  auto first = follow("call");
  EXPECT_TRUE(writer.is_taken());
  auto second = follow("call");
  EXPECT_TRUE(first->take().is_over) << "each message is sent on one stream alone";
  EXPECT_FALSE(second->take().is_over);
  first.reset();
  run();
  EXPECT_EQ(presence_, (std::vector{true, true})) << "one that was replaced does not leave";
  second.reset();
  run();
  EXPECT_EQ(presence_, (std::vector{true, true, false}));
  EXPECT_TRUE(writer.is_taken()) << "the stream that it left does not come back to life";
}

TEST_F(KeptEventsTest, WhatHasEndedIsForgottenAfterTheWindow) {
  limits_.window = 1ms;
  std::optional(keep("call")).reset();
  EXPECT_TRUE(follow("call"));
  loop_.restart();
  loop_.run();
  EXPECT_FALSE(follow("call"));
}

TEST_F(KeptEventsTest, WhereThereIsNoRoomWhatEndedFirstGoes) {
  std::vector<std::optional<KeptEvents::Writer>> ended;
  for (const char* const id : {"first", "second"}) {
    auto& writer = ended.emplace_back(keep(id));
    writer->add(std::string(3'000, 'x'));
    writer.reset();
  }
  auto writer = keep("third");
  writer.add(std::string(5'000, 'y'));
  EXPECT_EQ(writer.count(), 1U);
  EXPECT_FALSE(follow("first"));
  EXPECT_TRUE(follow("second"));
}

TEST_F(KeptEventsTest, WhoSaysTooMuchIsNotKept) {
  auto writer = keep("call");
  auto other = keep("other");
  writer.add("one");
  auto reader = follow("call");
  writer.add(std::string(10'000, 'x'));
  EXPECT_FALSE(writer.count());
  EXPECT_TRUE(reader->take().is_over);
  EXPECT_FALSE(follow("call"));
  writer.add("after that");
  EXPECT_FALSE(writer.count());
  other.add(std::string(8'000, 'x'));
  EXPECT_EQ(other.count(), 1U) << "what it held is free again";
}

TEST_F(KeptEventsTest, WithoutRoomNothingIsKept) {
  limits_.bytes_max = 0;
  auto writer = keep("call");
  EXPECT_FALSE(writer.count());
  EXPECT_FALSE(follow("call"));
}

TEST_F(KeptEventsTest, BothSidesMayOutliveThem) {
  auto writer = std::optional(keep("call"));
  auto reader = follow("call");
  kept_.reset();
  reader.reset();
  writer.reset();
}

}  // namespace
}  // namespace mcpgate::gateway
