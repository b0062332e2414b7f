#include "sandboxd/hot_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "base/fd.h"

namespace mcpgate::sandboxd {
namespace {

constexpr std::uintptr_t kPageBytes = 4096;
/// More ranges than any rehearsal made; the rest would be copied one by one as before.
constexpr std::size_t kRangesMax = 8192;
/// Copying a page in vain costs about as much as one more system call.
constexpr std::uintptr_t kGapPagesMax = 1;

/// Documentation/admin-guide/mm/pagemap.rst of the kernel.
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kFileOrShared = std::uint64_t{1} << 61;
constexpr std::uint64_t kExclusive = std::uint64_t{1} << 56;

/// The process's own page table; its file belongs to root while a process may not be dumped.
UniqueFd open_pagemap() {
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return pagemap;
}

}  // namespace

/// What the rehearsing child leaves for the zygote, in memory that both see.
struct HotPages::Findings {
  std::size_t count;
  std::array<Range, kRangesMax> ranges;

  void add(std::uintptr_t page) {
    if (count > 0 && page == ranges[count - 1].end) {
      ranges[count - 1].end = page + kPageBytes;
    } else if (count < kRangesMax) {
      ranges[count++] = {.begin = page, .end = page + kPageBytes};
    }
  }

  /// Adds the private pages of one mapping that are this process's alone.
  void add_own(int pagemap, Range mapping) {
    std::array<std::uint64_t, 512> entries{};
    for (std::uintptr_t at = mapping.begin; at < mapping.end; at += entries.size() * kPageBytes) {
      const std::size_t pages = std::min(entries.size(), (mapping.end - at) / kPageBytes);
      const auto offset = static_cast<off_t>(at / kPageBytes * sizeof(std::uint64_t));
      const ssize_t got = ::pread(pagemap, entries.data(), pages * sizeof(std::uint64_t), offset);
      const std::size_t known = got > 0 ? static_cast<std::size_t>(got) / sizeof entries[0] : 0;
      for (std::size_t i = 0; i < known; ++i) {
        if ((entries[i] & (kPresent | kExclusive | kFileOrShared)) == (kPresent | kExclusive)) {
          add(at + i * kPageBytes);
        }
      }
    }
  }
};

std::optional<HotPages::Range> HotPages::private_mapping(std::string_view line) {
  constexpr int kHex = 16;
  const char* const end = line.data() + line.size();
  Range mapping{};
  const auto [dash, no_begin] = std::from_chars(line.data(), end, mapping.begin, kHex);
  if (no_begin != std::errc{} || dash == end || *dash != '-') {
    return std::nullopt;
  }
  const auto [rest, no_end] = std::from_chars(dash + 1, end, mapping.end, kHex);
  if (no_end != std::errc{} || !std::string_view(rest, end).starts_with(" rw-p ")) {
    return std::nullopt;
  }
  return mapping;
}

void HotPages::find_own_pages(Findings& findings) {
  const UniqueFd pagemap = open_pagemap();
  std::ifstream maps("/proc/self/maps");
  for (std::string line; pagemap && std::getline(maps, line);) {
    // The stack is left out: it is written to before anything could be copied in advance.
    const auto mapping = private_mapping(line);
    if (mapping && !line.ends_with("[stack]")) {
      findings.add_own(pagemap.get(), *mapping);
    }
  }
}

void HotPages::learn(void (*rehearsal)()) {
  void* const shared =
      ::mmap(nullptr, sizeof(Findings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    return;
  }
  auto& findings = *static_cast<Findings*>(shared);
  const pid_t pid = ::fork();
  if (pid == 0) {
    rehearsal();
    find_own_pages(findings);
    ::_exit(0);
  }
  int status = 0;
  if (pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0) {
    ranges_.assign(findings.ranges.begin(), findings.ranges.begin() + findings.count);
  }
  ::munmap(shared, sizeof(Findings));
}

bool HotPages::has_some_of(const void* memory, std::size_t bytes) const {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const auto range = std::ranges::upper_bound(ranges_, begin, {}, &Range::end);
  return range != ranges_.end() && range->begin < begin + bytes;
}

void HotPages::copy() const {
  for (std::size_t i = 0; i < ranges_.size();) {
    const std::uintptr_t begin = ranges_[i].begin;
    std::uintptr_t end = begin;
    for (; i < ranges_.size() && ranges_[i].begin <= end + kGapPagesMax * kPageBytes; ++i) {
      end = ranges_[i].end;
    }
    // The system call, since addresses are numbers here and madvise() wants a pointer. It stops at
    // a gap that is no memory, or none to write to: what follows it is copied at its first write.
    if (::syscall(SYS_madvise, begin, end - begin, MADV_POPULATE_WRITE) != 0 && errno == EINVAL) {
      return;
    }
  }
}

}  // namespace mcpgate::sandboxd
