#pragma once

// Folders that hostile code has filled, or fills at this moment, looked at and emptied from
// outside: any depth, any mode, any names, entries that move while they are counted. No link is
// followed.

#include <cstdint>
#include <string>
#include <vector>

namespace mcpgate::sandboxd {

/// What is in a folder.
struct FolderContent {
  std::uint64_t bytes = 0;
  unsigned entries = 0;
};

/// Folders within folders that are counted; honest calls make flat ones.
inline constexpr unsigned kMeasuredDepthMax = 16;

/// Counts allocated bytes and entries. Stops, with what it has, above `bytes_max` or `entries_max`;
/// what is deeper than kMeasuredDepthMax counts as more than `entries_max`.
[[nodiscard]] FolderContent measure_folder(int folder, std::uint64_t bytes_max,
                                           unsigned entries_max);

/// Removes all that is in the folder. May take a disk seconds: not for the loop's thread.
void empty_folder(int folder);

/// All names in the folder but `.` and `..`; none where it cannot be read.
[[nodiscard]] std::vector<std::string> names_in_folder(int folder);

}  // namespace mcpgate::sandboxd
