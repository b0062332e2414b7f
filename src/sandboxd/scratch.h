#pragma once

// The temporary directory of one call, and the directory that holds those of one daemon.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/random.h"
#include "sandboxd/hostile_folder.h"

namespace mcpgate::sandboxd {

/// A directory of its own, mode 0700, with a name of 128 random bits (nothing hides a known name
/// from stat(2) of another call of the same uid). The destructor removes it with all that a hostile
/// call left in it: any depth, any mode, any number of entries up to what its quota let it make.
/// That may take a disk seconds: not for the loop's thread unless remove_if_empty() did it.
class ScratchDirectory {
 public:
  /// `parent` must exist.
  [[nodiscard]] static Expected<ScratchDirectory> create(const std::filesystem::path& parent,
                                                         Random& random);
  ScratchDirectory(ScratchDirectory&&) noexcept = default;
  ScratchDirectory& operator=(ScratchDirectory&&) noexcept = delete;
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory();

  /// Removes it at once where nothing is in it, as nearly always.
  [[nodiscard]] bool remove_if_empty();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// As measure_folder().
  [[nodiscard]] FolderContent measure(std::uint64_t bytes_max, unsigned entries_max) const;

  /// Gives it another name where it is as it was made: empty, and never changed. False leaves it.
  [[nodiscard]] bool renew(Random& random);

 private:
  ScratchDirectory(std::filesystem::path path, UniqueFd fd);
  /// What a change of the directory, or of anything about it, would change too.
  struct Shape {
    std::int64_t changed_s = 0;
    std::int64_t changed_ns = 0;
    std::int64_t bytes = 0;
    std::uint64_t links = 0;
    std::uint32_t mode = 0;
    friend bool operator==(const Shape&, const Shape&) = default;
  };
  [[nodiscard]] Shape shape() const;

  std::filesystem::path path_;
  UniqueFd fd_;
  Shape made_;
};

/// The temporary directories of calls to come. One that its call has left as it found it, as nearly
/// all are, serves another call under another name: ext4 takes the longer to make a directory the
/// more were removed in the last seconds (0.3 ms at 300 a second).
class ScratchPool {
 public:
  /// `parent` must exist, and `random` outlives it.
  ScratchPool(std::filesystem::path parent, Random& random)
      : parent_(std::move(parent)), random_(random) {}

  [[nodiscard]] Expected<ScratchDirectory> take();
  /// Once no process can reach it any more. Returns it where it is to be removed, which may take
  /// its time.
  [[nodiscard]] std::optional<ScratchDirectory> put(ScratchDirectory directory);

 private:
  std::filesystem::path parent_;
  Random& random_;
  std::vector<ScratchDirectory> kept_;
};

/// A directory `mcpgate-sandbox-<random>`, mode 0700, for the calls' temporary directories; removed
/// with the object. It outlives the loop, since what a zygote leaves is cleared with that.
///
/// A process that is killed cannot remove its own; the next one that starts does. Whose process
/// lives is told by a lock on the directory (flock(2)), which ends with its owner whatever ends
/// that, works across PID namespaces, and keeps systemd-tmpfiles away as well.
class ScratchRoot {
 public:
  /// Removes what processes of our uid have left in `parent`, then makes one there.
  [[nodiscard]] static Expected<ScratchRoot> create(const std::filesystem::path& parent,
                                                    Random& random);
  ScratchRoot(ScratchRoot&&) noexcept = default;
  ScratchRoot& operator=(ScratchRoot&&) = delete;
  ScratchRoot(const ScratchRoot&) = delete;
  ScratchRoot& operator=(const ScratchRoot&) = delete;
  ~ScratchRoot();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  ScratchRoot(std::filesystem::path path, UniqueFd fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}
  std::filesystem::path path_;
  /// Locked; closed in what was moved from.
  UniqueFd fd_;
};

}  // namespace mcpgate::sandboxd
