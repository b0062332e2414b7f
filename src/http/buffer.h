#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "http/message.h"

namespace mcpgate::http {

/// What a connection has received and not yet used: one contiguous piece of memory, so that heads
/// and bodies are read where they arrived. Behind its bytes kBodyPaddingBytes can always be read.
class Buffer {
 public:
  /// Holds most requests whole, and is what an idle connection costs.
  static constexpr std::size_t kCapacityMin = std::size_t{8} << 10;
  /// Kept between requests; what is larger is given back.
  static constexpr std::size_t kCapacityKept = std::size_t{16} << 10;

  Buffer() : memory_(allocate(kCapacityMin)), capacity_(kCapacityMin) {}

  [[nodiscard]] std::string_view bytes() const { return {memory_.get(), size_}; }
  [[nodiscard]] char* data() { return memory_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// Free memory behind the bytes; commit() makes a part of it bytes.
  [[nodiscard]] std::span<char> room() { return {memory_.get() + size_, capacity_ - size_}; }

  void commit(std::size_t n) { size_ += n; }
  void truncate(std::size_t size) { size_ = size; }
  /// Drops the first `n` bytes. Views end.
  void consume(std::size_t n) {
    size_ -= n;
    std::memmove(memory_.get(), memory_.get() + n, size_);
  }
  /// Grows to `capacity` at least. Views end.
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) {
      reallocate(capacity);
    }
  }
  /// Gives memory back that the bytes do not need. Views end.
  void shrink() {
    if (capacity_ > kCapacityKept && size_ <= kCapacityMin) {
      reallocate(kCapacityMin);
    }
  }

 private:
  static std::unique_ptr<char[]> allocate(std::size_t capacity) {
    auto memory = std::make_unique_for_overwrite<char[]>(capacity + kBodyPaddingBytes);
    std::memset(memory.get() + capacity, 0, kBodyPaddingBytes);
    return memory;
  }
  void reallocate(std::size_t capacity) {
    auto memory = allocate(capacity);
    std::memcpy(memory.get(), memory_.get(), size_);
    memory_ = std::move(memory);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> memory_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

}  // namespace mcpgate::http
