#include "base/loops.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include <boost/asio/post.hpp>

namespace mcpgate {
namespace {

TEST(Loops, EachRunsOnAThreadOfItsOwnUntilStop) {
  Loops loops(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    asio::post(loops[i], [&] {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
      if (threads.size() == loops.size()) {
        loops.stop();
      }
    });
  }
  loops.run();
  EXPECT_EQ(threads.size(), 3);
  EXPECT_TRUE(threads.contains(std::this_thread::get_id()));
}

TEST(Loops, ExceptionDoesNotEndALoop) {
  Loops loops(1);
  bool went_on = false;
  asio::post(loops[0], [] { throw std::runtime_error("escaped"); });
  asio::post(loops[0], [&] {
    went_on = true;
    loops.stop();
  });
  loops.run();
  EXPECT_TRUE(went_on);
}

TEST(Loops, DefaultIsOneForEachUsableCore) {
  EXPECT_GE(Loops().size(), 1);
}

}  // namespace
}  // namespace mcpgate
