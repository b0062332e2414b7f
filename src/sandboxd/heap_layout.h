#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <unordered_map>
#include <vector>

namespace mcpgate::sandboxd {

class HotPages;

/// An allocator as the interpreter has them; see PyMemAllocatorEx in Python's C API.
struct Allocator {
  void* context;
  void* (*malloc)(void* context, std::size_t bytes);
  void* (*calloc)(void* context, std::size_t count, std::size_t bytes);
  void* (*realloc)(void* context, void* block, std::size_t bytes);
  void (*free)(void* context, void* block);
};

/// Where the blocks of the interpreter's heap lie, so that a call writes to few pages.
///
/// A call writes to each object that it so much as looks at: its reference count. Those are some
/// nine hundred blocks, and left to themselves they lie on five hundred pages, each of which each
/// child has to copy. The interpreter starts the same way each time, so that a block is known by
/// its size and by how many of that size came before it. Two trial starts in children of their own
/// find out which blocks are hot: the first which are on the pages that a rehearsed call writes to,
/// the second, in which each of these has pages of its own, which of them it was. The start that
/// counts puts the hot ones side by side.
///
/// It stands before the allocators it is given, and is used by one thread at a time.
class HeapLayout {
 public:
  /// No block is hot.
  HeapLayout() { next_number_.fill(kNever); }
  HeapLayout(const HeapLayout&) = delete;
  HeapLayout& operator=(const HeapLayout&) = delete;
  /// The blocks stay.
  ~HeapLayout() = default;

  using Start = std::function<bool(HeapLayout& layout)>;
  /// Learns which are the hot blocks of `start`, which has to allocate by the layout that it is
  /// given and settle it; `rehearsal` runs in a child of the trial's. Nothing is hot where either
  /// fails, where the kernel does not tell (see HotPages), or for which the start is not the same.
  void learn(const Start& start, void (*rehearsal)());

  // As malloc(), calloc(), realloc() of a block, and free().
  [[nodiscard]] void* allocate(const Allocator& base, std::size_t bytes);
  [[nodiscard]] void* allocate_zeroed(const Allocator& base, std::size_t count, std::size_t bytes);
  [[nodiscard]] void* reallocate(const Allocator& base, void* block, std::size_t bytes);
  void release(const Allocator& base, void* block);

  /// The start is over: of what comes now no block is hot, and it lies apart from what is there,
  /// on pages which nothing else has made private.
  void settle(const Allocator& base);

 private:
  /// Sixteen bytes each, as the interpreter's; the last is of all blocks that are larger.
  static constexpr std::size_t kSizeClasses = 33;
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  /// For each size class, numbers of blocks, ascending.
  using BlockNumbers = std::array<std::vector<std::uint64_t>, kSizeClasses>;
  struct Block {
    std::size_t bytes;
    std::size_t size_class;
    /// How many of its class came before it.
    std::uint64_t number;
  };

  static BlockNumbers try_start(const BlockNumbers& suspects, const Start& start,
                                void (*rehearsal)());
  void choose(const BlockNumbers& numbers, std::size_t pitch);
  void choose_next(std::size_t size_class);
  Block count(std::size_t bytes);
  [[nodiscard]] bool is_chosen(const Block& block) const;
  void* place(const Block& block);
  void* remember(const Block& block, void* at);
  void forget(const void* block);
  [[nodiscard]] bool is_placed(const void* block) const;
  [[nodiscard]] BlockNumbers remembered_on(const HotPages& pages) const;

  BlockNumbers chosen_;
  /// Of `chosen_`: how many were taken, and the number of the next one.
  std::array<std::size_t, kSizeClasses> taken_{};
  std::array<std::uint64_t, kSizeClasses> next_number_{};
  std::array<std::uint64_t, kSizeClasses> counts_{};
  /// The chosen blocks, each at a multiple of `pitch_`. What is freed of them, which is little, is
  /// not used again.
  char* begin_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
  std::size_t pitch_ = 0;
  /// A trial knows where the blocks are among which it looks for hot ones.
  enum class Remembers : std::uint8_t { kNothing, kAll, kChosen } remembers_ = Remembers::kNothing;
  std::unordered_map<const void*, Block> remembered_;
};

}  // namespace mcpgate::sandboxd
