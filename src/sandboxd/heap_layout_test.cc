#include "sandboxd/heap_layout.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

namespace mcpgate::sandboxd {
namespace {

/// What a layout takes and does not give back is no leak: it lives as long as the process.
void* keep(void* block) {
  static auto& kept = *new std::vector<void*>;
  kept.push_back(block);
  return block;
}

constexpr Allocator kBase{
    .context = nullptr,
    .malloc = [](void*, std::size_t bytes) { return keep(std::malloc(bytes)); },
    .calloc = [](void*, std::size_t count,
                 std::size_t bytes) { return keep(std::calloc(count, bytes)); },
    .realloc = [](void*, void* block,
                  std::size_t bytes) { return keep(std::realloc(block, bytes)); },
    .free = [](void*, void* block) { std::free(block); }};

constexpr std::size_t kBlocks = 20'000;
constexpr std::size_t kBytes = 100;
/// Every so many blocks one is hot: on a page of its own if nothing is done about it.
constexpr std::size_t kHotEvery = 200;

/// Of the process that has started last.
std::vector<char*>& blocks() {
  static std::vector<char*> blocks;
  return blocks;
}

/// As an interpreter's: some of what is allocated is freed again, some grows.
bool start(HeapLayout& layout) {
  blocks().clear();
  for (std::size_t i = 0; i < kBlocks; ++i) {
    layout.release(kBase, layout.allocate(kBase, kBytes));
    auto* const small = static_cast<char*>(layout.allocate_zeroed(kBase, 1, kBytes / 2));
    EXPECT_EQ(std::count(small, small + kBytes / 2, '\0'), kBytes / 2);
    std::memcpy(small, &i, sizeof i);
    blocks().push_back(static_cast<char*>(layout.reallocate(kBase, small, kBytes)));
  }
  layout.settle(kBase);
  return true;
}

bool fail_to_start(HeapLayout& layout) {
  (void)start(layout);
  return false;
}

void write_to_hot_blocks() {
  for (std::size_t i = 0; i < kBlocks; i += kHotEvery) {
    ++blocks()[i][kBytes - 1];
  }
}

std::size_t pages_of_hot_blocks() {
  constexpr std::uintptr_t kPageBytes = 4096;
  std::set<std::uintptr_t> pages;
  for (std::size_t i = 0; i < kBlocks; i += kHotEvery) {
    pages.insert(reinterpret_cast<std::uintptr_t>(blocks()[i]) / kPageBytes);
  }
  return pages.size();
}

/// Each block begins with its number.
void expect_contents() {
  for (std::size_t i = 0; i < kBlocks; ++i) {
    std::size_t number = 0;
    std::memcpy(&number, blocks()[i], sizeof number);
    ASSERT_EQ(number, i);
  }
}

TEST(HeapLayout, WhatARehearsalWritesToLiesTogether) {
  HeapLayout layout;
  layout.learn(&start, &write_to_hot_blocks);
  ASSERT_TRUE(start(layout));
  EXPECT_LT(pages_of_hot_blocks(), kBlocks / kHotEvery / 10);
  expect_contents();
}

TEST(HeapLayout, NothingIsHotWithoutLearningOrWhereAStartFails) {
  HeapLayout layout;
  layout.learn(&fail_to_start, &write_to_hot_blocks);
  ASSERT_TRUE(start(layout));
  EXPECT_EQ(pages_of_hot_blocks(), kBlocks / kHotEvery);
  expect_contents();
}

TEST(HeapLayout, NothingIsHotWhereTheRehearsalFails) {
  HeapLayout layout;
  layout.learn(&start, [] {
    write_to_hot_blocks();
    ::_exit(1);
  });
  ASSERT_TRUE(start(layout));
  EXPECT_EQ(pages_of_hot_blocks(), kBlocks / kHotEvery);
}

TEST(HeapLayout, AHotBlockMayGrowAndGo) {
  HeapLayout layout;
  layout.learn(&start, &write_to_hot_blocks);
  ASSERT_TRUE(start(layout));
  auto* const grown = static_cast<char*>(layout.reallocate(kBase, blocks()[kHotEvery], 2 * kBytes));
  std::size_t number = 0;
  std::memcpy(&number, grown, sizeof number);
  EXPECT_EQ(number, kHotEvery);
  grown[2 * kBytes - 1] = 1;
  layout.release(kBase, grown);
  layout.release(kBase, blocks()[0]);
  expect_contents();
}

}  // namespace
}  // namespace mcpgate::sandboxd
