#include "sandboxd/heap_layout.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/fd.h"
#include "sandboxd/hot_pages.h"

namespace mcpgate::sandboxd {
namespace {

constexpr std::size_t kPageBytes = 4096;
/// What the interpreter's allocator promises, and the step of its size classes.
constexpr std::size_t kAlignment = 16;
/// Address space alone: the suspects, with pages of their own, have taken 40 MiB.
constexpr std::size_t kRegionBytes = std::size_t{256} << 20;
/// Of one size: more than has ever been free.
constexpr std::size_t kHolesBytesMax = std::size_t{1} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// Takes what is free between the blocks of this size, until a page of them comes one by one.
void fill_holes(const Allocator& base, std::size_t bytes) {
  std::vector<char*> run;
  for (std::size_t taken = 0; run.size() * bytes < kPageBytes && taken < kHolesBytesMax;
       taken += bytes) {
    auto* const block = static_cast<char*>(base.malloc(base.context, bytes));
    if (block == nullptr) {
      return;
    }
    const bool follows = !run.empty() && run.back() < block && block <= run.back() + 2 * bytes;
    if (!follows) {
      run.clear();
    }
    run.push_back(block);
  }
  for (; !run.empty(); run.pop_back()) {
    base.free(base.context, run.back());
  }
}

bool write_numbers(int file, const std::vector<std::uint64_t>& numbers) {
  const std::uint64_t count = numbers.size();
  const std::size_t bytes = count * sizeof count;
  return ::write(file, &count, sizeof count) == sizeof count &&
         ::write(file, numbers.data(), bytes) == static_cast<ssize_t>(bytes);
}

bool read_numbers(int file, std::vector<std::uint64_t>& numbers) {
  std::uint64_t count = 0;
  if (::read(file, &count, sizeof count) != sizeof count) {
    return false;
  }
  numbers.resize(count);
  const std::size_t bytes = count * sizeof count;
  return ::read(file, numbers.data(), bytes) == static_cast<ssize_t>(bytes);
}

}  // namespace

void HeapLayout::learn(const Start& start, void (*rehearsal)()) {
  const BlockNumbers suspects = try_start({}, start, rehearsal);
  if (suspects != BlockNumbers{}) {
    choose(try_start(suspects, start, rehearsal), kAlignment);
  }
}

/// Of the suspects, or of all blocks where there is none, those on pages that the rehearsal writes
/// to.
HeapLayout::BlockNumbers HeapLayout::try_start(const BlockNumbers& suspects, const Start& start,
                                               void (*rehearsal)()) {
  const UniqueFd findings(::memfd_create("hot blocks", MFD_CLOEXEC));
  const pid_t pid = findings ? ::fork() : -1;
  if (pid == 0) {
    HeapLayout trial;
    trial.choose(suspects, kPageBytes);
    trial.remembers_ = suspects == BlockNumbers{} ? Remembers::kAll : Remembers::kChosen;
    if (!start(trial)) {
      ::_exit(1);
    }
    HotPages pages;
    pages.learn(rehearsal);
    const bool written = std::ranges::all_of(trial.remembered_on(pages), [&](const auto& numbers) {
      return write_numbers(findings.get(), numbers);
    });
    ::_exit(written ? 0 : 1);
  }
  int status = 0;
  BlockNumbers found;
  const bool learned = pid > 0 && ::waitpid(pid, &status, 0) == pid && status == 0 &&
                       ::lseek(findings.get(), 0, SEEK_SET) == 0 &&
                       std::ranges::all_of(found, [&](auto& numbers) {
                         return read_numbers(findings.get(), numbers);
                       });
  return learned ? found : BlockNumbers{};
}

void HeapLayout::choose(const BlockNumbers& numbers, std::size_t pitch) {
  void* const region = ::mmap(nullptr, kRegionBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) {
    return;
  }
  // A child would copy a large page in small ones, and look for its way through both.
  ::madvise(region, kRegionBytes, MADV_NOHUGEPAGE);
  begin_ = next_ = static_cast<char*>(region);
  end_ = begin_ + kRegionBytes;
  pitch_ = pitch;
  chosen_ = numbers;
  for (std::size_t i = 0; i < kSizeClasses; ++i) {
    choose_next(i);
  }
}

void HeapLayout::choose_next(std::size_t size_class) {
  const auto& numbers = chosen_[size_class];
  std::size_t& taken = taken_[size_class];
  next_number_[size_class] = taken < numbers.size() ? numbers[taken++] : kNever;
}

void* HeapLayout::allocate(const Allocator& base, std::size_t bytes) {
  const Block block = count(bytes);
  return is_chosen(block) ? place(block) : remember(block, base.malloc(base.context, bytes));
}

void* HeapLayout::allocate_zeroed(const Allocator& base, std::size_t number, std::size_t bytes) {
  const Block block = count(number * bytes);
  return is_chosen(block) ? place(block)  // Nothing was there before.
                          : remember(block, base.calloc(base.context, number, bytes));
}

void* HeapLayout::reallocate(const Allocator& base, void* old, std::size_t bytes) {
  if (old == nullptr) {
    return allocate(base, bytes);
  }
  if (is_placed(old)) {
    void* const at = allocate(base, bytes);
    if (at != nullptr) {
      // Its size is not known; what is copied beyond it means nothing.
      const auto readable = static_cast<std::size_t>(end_ - static_cast<char*>(old));
      std::memmove(at, old, std::min(bytes, readable));
      forget(old);
    }
    return at;
  }
  const Block block = count(bytes);
  void* const at = base.realloc(base.context, old, bytes);
  if (at == nullptr) {
    return nullptr;
  }
  forget(old);
  if (!is_chosen(block)) {
    return remember(block, at);
  }
  void* const placed = place(block);
  std::memcpy(placed, at, bytes);
  base.free(base.context, at);
  return placed;
}

void HeapLayout::release(const Allocator& base, void* block) {
  forget(block);
  if (!is_placed(block)) {
    base.free(base.context, block);
  }
}

void HeapLayout::settle(const Allocator& base) {
  next_number_.fill(kNever);
  remembers_ = Remembers::kNothing;
  char* const unused = begin_ + round_up(static_cast<std::size_t>(next_ - begin_), kPageBytes);
  ::munmap(unused, static_cast<std::size_t>(end_ - unused));
  end_ = unused;
  for (std::size_t bytes = kAlignment; bytes < kSizeClasses * kAlignment; bytes += kAlignment) {
    fill_holes(base, bytes);
  }
}

HeapLayout::Block HeapLayout::count(std::size_t bytes) {
  const std::size_t size_class = std::min((bytes + kAlignment - 1) / kAlignment, kSizeClasses - 1);
  return {.bytes = bytes, .size_class = size_class, .number = counts_[size_class]++};
}

bool HeapLayout::is_chosen(const Block& block) const {
  return block.number == next_number_[block.size_class] &&
         block.bytes + pitch_ <= static_cast<std::size_t>(end_ - next_);
}

void* HeapLayout::place(const Block& block) {
  choose_next(block.size_class);
  char* const at = next_;
  next_ += round_up(std::max<std::size_t>(block.bytes, 1), pitch_);
  return remember(block, at);
}

bool HeapLayout::is_placed(const void* block) const {
  return block >= begin_ && block < end_;
}

void* HeapLayout::remember(const Block& block, void* at) {
  if (remembers_ == Remembers::kAll || (remembers_ == Remembers::kChosen && is_placed(at))) {
    remembered_[at] = block;
  }
  return at;
}

void HeapLayout::forget(const void* block) {
  if (remembers_ != Remembers::kNothing) {
    remembered_.erase(block);
  }
}

HeapLayout::BlockNumbers HeapLayout::remembered_on(const HotPages& pages) const {
  BlockNumbers found;
  for (const auto& [at, block] : remembered_) {
    if (pages.has_some_of(at, block.bytes)) {
      found[block.size_class].push_back(block.number);
    }
  }
  for (auto& numbers : found) {
    std::ranges::sort(numbers);
  }
  return found;
}

}  // namespace mcpgate::sandboxd
