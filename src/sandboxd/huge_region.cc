#include "sandboxd/huge_region.h"

#include <sys/mman.h>

#include <bit>
#include <cstdint>

namespace mcpgate::sandboxd {
namespace {

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
/// The interpreter, the harness and what they import have taken 8 MiB.
constexpr std::size_t kRegionBytes = std::size_t{64} << 20;
/// Since Linux 6.1; not in Debian 12's headers.
constexpr int kMadvCollapse = 25;

char* map(std::size_t bytes, int flags = 0) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

char* round_up(char* at) {
  const auto address = std::bit_cast<std::uintptr_t>(at);
  return at + (kHugePageBytes - address % kHugePageBytes) % kHugePageBytes;
}

}  // namespace

HugeRegion::HugeRegion() {
  char* const memory = map(kRegionBytes + kHugePageBytes, MAP_NORESERVE);
  if (memory != nullptr) {
    begin_ = next_ = round_up(memory);
    end_ = begin_ + kRegionBytes;
  }
}

void* HugeRegion::allocate(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(end_ - next_)) {
    return map(bytes);
  }
  char* const block = next_;
  next_ += bytes;
  return block;
}

void HugeRegion::release(void* block, std::size_t bytes) {
  if (block >= begin_ && block < end_) {
    ::madvise(block, bytes, MADV_DONTNEED);  // Its place is not given again.
  } else {
    ::munmap(block, bytes);
  }
}

void HugeRegion::settle() {
  if (begin_ == nullptr) {
    return;
  }
  char* const used_end = round_up(next_);
  ::munmap(used_end, static_cast<std::size_t>(end_ - used_end));
  end_ = next_ = used_end;
  for (char* page = begin_; page < end_; page += kHugePageBytes) {
    ::madvise(page, kHugePageBytes, kMadvCollapse);
  }
}

}  // namespace mcpgate::sandboxd
