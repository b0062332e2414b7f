#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace mcpgate {

/// The largest configuration, key or certificate file that is read: 1 MiB, far above any real one.
inline constexpr std::size_t kSmallFileBytesMax = std::size_t{1} << 20;

/// All bytes of a file. kResourceExhausted when it has more than `bytes_max`.
[[nodiscard]] Expected<std::string> read_file(const std::filesystem::path& path,
                                              std::size_t bytes_max = kSmallFileBytesMax);

/// Refuses a file that every user of the machine may use. `what` is in it, such as `a password`.
[[nodiscard]] Expected<void> refuse_open_to_others(const std::filesystem::path& path,
                                                   std::string_view what);

/// Replaces a file whole: readers see the old bytes or the new ones, never a part, and after a
/// crash one of the two. The directory must exist.
[[nodiscard]] Expected<void> write_file_atomically(const std::filesystem::path& path,
                                                   std::string_view bytes, mode_t mode);

/// Makes a directory and its parents where they are missing. Only the last gets `mode`.
[[nodiscard]] Expected<void> make_directories(const std::filesystem::path& path, mode_t mode);

/// What becomes of symbolic links on the way.
enum class Links { kFollowed, kRefused };

/// Opens `path` beneath the folder `root`, close-on-exec: neither a link nor a rename at the same
/// moment leads out of it (EXDEV then; ELOOP for a link that is refused). None and errno where it
/// cannot be opened.
[[nodiscard]] UniqueFd open_beneath(int root, const std::string& path, int flags, Links links);

/// Writes all of `bytes`, across short writes and EINTR.
[[nodiscard]] Expected<void> write_all(int fd, std::string_view bytes);

}  // namespace mcpgate
