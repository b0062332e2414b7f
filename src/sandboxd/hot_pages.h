#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mcpgate::sandboxd {

/// The pages that each call writes to.
///
/// A child shares its zygote's memory until it writes to it: then each page costs a fault and a
/// copy, and a small call writes to the same pages each time, mostly for reference counts. A
/// rehearsal finds out which; a child then copies them in a few system calls.
class HotPages {
 public:
  /// Forks a child that runs `rehearsal` and sees which pages are its own afterwards. Learns
  /// nothing where the kernel does not tell (/proc/self/pagemap): calls are slower then, and no
  /// different.
  void learn(void (*rehearsal)());

  /// In a new child: copies the pages now. A kernel before 5.14 copies them at their first write.
  void copy() const;

  /// Whether the rehearsal wrote to a page of this memory.
  [[nodiscard]] bool has_some_of(const void* memory, std::size_t bytes) const;

 private:
  /// Of addresses, on page boundaries.
  struct Range {
    std::uintptr_t begin;
    std::uintptr_t end;
  };
  struct Findings;
  /// Of a line of /proc/self/maps, where it can be written and is nobody else's.
  static std::optional<Range> private_mapping(std::string_view line);
  static void find_own_pages(Findings& findings);

  /// Ascending, and apart from each other.
  std::vector<Range> ranges_;
};

}  // namespace mcpgate::sandboxd
