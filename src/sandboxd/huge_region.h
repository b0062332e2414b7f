#pragma once

#include <cstddef>

namespace mcpgate::sandboxd {

/// Memory that a zygote fills before its first fork, and that lies on huge pages from then on: a
/// fork copies one entry for 2 MiB of it where it would copy 512, and the end of a child drops one.
/// What a child writes to is copied by small pages as ever.
class HugeRegion {
 public:
  /// Address space alone. Where none is to be had, each block is the kernel's.
  HugeRegion();
  HugeRegion(const HugeRegion&) = delete;
  HugeRegion& operator=(const HugeRegion&) = delete;
  /// The blocks stay.
  ~HugeRegion() = default;

  /// Zeroed, on a page's boundary; `bytes` are whole pages. After settle(), or where the region is
  /// full, from the kernel; null where that has none.
  [[nodiscard]] void* allocate(std::size_t bytes);
  void release(void* block, std::size_t bytes);

  /// Everything is loaded. A kernel before 6.1, or without huge pages, leaves it as it is.
  void settle();

 private:
  char* begin_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace mcpgate::sandboxd
