#include "base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace mcpgate {
namespace {

TEST(PooledRandom, NeverGivesTheSameBytesTwice) {
  PooledRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {  // Several pools.
    EXPECT_TRUE(seen.insert(random.hex(16)).second);
  }
  EXPECT_TRUE(seen.insert(random.hex(8192)).second) << "more than a pool at once";
}

}  // namespace
}  // namespace mcpgate
