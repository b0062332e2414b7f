#include "sandboxd/huge_region.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace mcpgate::sandboxd {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

bool collapses() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string text;
  return std::getline(file, text) && !text.contains("[never]");
}

/// Whether the kernel makes one now; where memory is in pieces it may not.
bool makes_a_huge_page() {
  constexpr int kMadvCollapse = 25;
  const std::size_t bytes = 2 * kHugePageBytes;
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return false;
  }
  std::memset(memory, 1, bytes);
  auto* const page = reinterpret_cast<char*>(
      (reinterpret_cast<std::uintptr_t>(memory) + kHugePageBytes - 1) & ~(kHugePageBytes - 1));
  const bool made = ::madvise(page, kHugePageBytes, kMadvCollapse) == 0;
  ::munmap(memory, bytes);
  return made;
}

/// Of all mappings, KiB.
std::uint64_t huge_kib() {
  std::ifstream file("/proc/self/smaps");
  std::uint64_t sum = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("AnonHugePages:")) {
      sum += std::strtoull(line.c_str() + std::strlen("AnonHugePages:"), nullptr, 10);
    }
  }
  return sum;
}

TEST(HugeRegion, WhatWasFilledLiesOnHugePagesAndIsTheSame) {
  if (!collapses()) {
    GTEST_SKIP() << "the kernel has no huge pages";
  }
  HugeRegion region;
  std::vector<char*> blocks;
  for (char fill = 1; fill <= 6; ++fill) {
    blocks.push_back(static_cast<char*>(region.allocate(kBlockBytes)));
    ASSERT_NE(blocks.back(), nullptr);
    EXPECT_EQ(blocks.back()[kBlockBytes / 2], 0);
    std::memset(blocks.back(), fill, kBlockBytes);
  }
  const std::uint64_t before = huge_kib();
  region.settle();
  const std::uint64_t made = huge_kib() - before;
  EXPECT_TRUE(made == 3 * kHugePageBytes / 1024 || !makes_a_huge_page()) << made << " KiB";
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_TRUE(std::all_of(blocks[i], blocks[i] + kBlockBytes,
                            [fill = static_cast<char>(i + 1)](char c) { return c == fill; }));
  }
}

TEST(HugeRegion, WhatComesLaterLiesElsewhere) {
  HugeRegion region;
  auto* const before = static_cast<char*>(region.allocate(kBlockBytes));
  region.settle();
  auto* const after = static_cast<char*>(region.allocate(kBlockBytes));
  ASSERT_NE(after, nullptr);
  EXPECT_TRUE(after < before || after >= before + kHugePageBytes);
  std::memset(after, 1, kBlockBytes);
  region.release(after, kBlockBytes);
  std::memset(before, 1, kBlockBytes);
  region.release(before, kBlockBytes);
  EXPECT_EQ(before[0], 0);
}

TEST(HugeRegion, OneThatIsFullAsksTheKernel) {
  HugeRegion region;
  constexpr std::size_t kMuch = std::size_t{256} << 20;
  void* const block = region.allocate(kMuch);
  ASSERT_NE(block, nullptr);
  region.release(block, kMuch);
  EXPECT_NE(region.allocate(kBlockBytes), nullptr);
}

}  // namespace
}  // namespace mcpgate::sandboxd
