#include "sandboxd/hot_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace mcpgate::sandboxd {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kPages = 200;

/// Written to before any fork, so that children share it.
char* memory() {
  static char* const kMemory = static_cast<char*>(::mmap(
      nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  return kMemory;
}

void write_to_all_pages() {
  for (std::size_t page = 0; page < kPages; ++page) {
    volatile char& byte = memory()[page * kPageBytes];
    byte = static_cast<char>(byte + 1);
  }
}

long page_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/// How many faults a fresh child takes that writes to all pages, as its exit status.
int faults_of_child(const HotPages& pages) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    pages.copy();
    const long before = page_faults();
    write_to_all_pages();
    ::_exit(static_cast<int>(std::min<long>(page_faults() - before, 255)));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WEXITSTATUS(status);
}

TEST(HotPages, AChildFindsThePagesOfTheRehearsalCopied) {
  write_to_all_pages();
  HotPages pages;
  EXPECT_GE(faults_of_child(pages), static_cast<int>(kPages));
  pages.learn(&write_to_all_pages);
  EXPECT_LT(faults_of_child(pages), static_cast<int>(kPages) / 10);
}

TEST(HotPages, WhatTheRehearsalWritesIsNotSeenOutside) {
  *memory() = 1;
  HotPages pages;
  pages.learn([] { *memory() = 2; });
  EXPECT_EQ(*memory(), 1);
}

TEST(HotPages, ARehearsalThatFailsTeachesNothing) {
  HotPages pages;
  pages.learn([] {
    write_to_all_pages();
    ::_exit(1);
  });
  EXPECT_GE(faults_of_child(pages), static_cast<int>(kPages));
}

}  // namespace
}  // namespace mcpgate::sandboxd
