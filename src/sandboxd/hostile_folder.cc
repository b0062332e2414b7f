#include "sandboxd/hostile_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "base/fd.h"

namespace mcpgate::sandboxd {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

/// Gives us all rights to a folder and to nothing else: whoever runs beside us may put a link in
/// its place at any moment, and fchmodat(2) by name would follow that to any file of our uid.
bool take_rights(int parent, const char* name) {
  const UniqueFd fd(::openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return fd && ::chmod(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), S_IRWXU) == 0;
}

/// Opens a folder for reading, never through a link. A hostile call may have taken our rights away.
Directory open_directory(int parent, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(parent, name, kFlags));
  if (!fd && errno == EACCES && take_rights(parent, name)) {
    fd.reset(::openat(parent, name, kFlags));
  }
  Directory directory(fd ? ::fdopendir(fd.get()) : nullptr, ::closedir);
  if (directory) {
    (void)fd.release();  // closedir closes it
  }
  return directory;
}

int descriptor_of(const Directory& directory) {
  const int fd = ::dirfd(directory.get());
  MCPGATE_ASSERT(fd >= 0);
  return fd;
}

bool is_dot(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

std::vector<std::string> names_in(const Directory& directory) {
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (!is_dot(entry->d_name)) {
      names.emplace_back(entry->d_name);
    }
  }
  return names;
}

/// Moves a folder into `root` under a name that is free there: a hostile call may have taken those
/// that we would give. `moved` counts the names that were tried.
bool move_up(int parent, const char* name, int root, std::uint64_t& moved) {
  take_rights(parent, name);  // Its `..` changes.
  for (;;) {
    const std::string target = fmt::format(".removed-{}", moved++);
    if (::renameat(parent, name, root, target.c_str()) == 0) {
      return true;
    }
    if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) {
      return false;
    }
  }
}

struct Measure {
  std::uint64_t bytes_max;
  unsigned entries_max;
  FolderContent content;

  [[nodiscard]] bool full() const {
    return content.bytes > bytes_max || content.entries > entries_max;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kMeasuredDepthMax bounds it
  void add(int parent, const char* name, unsigned depth) {
    const Directory directory = open_directory(parent, name);
    if (!directory) {
      return;
    }
    while (const dirent* entry = full() ? nullptr : ::readdir(directory.get())) {
      struct stat status{};
      if (is_dot(entry->d_name) ||
          ::fstatat(descriptor_of(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        continue;
      }
      constexpr std::uint64_t kBlockBytes = 512;
      content.bytes += static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
      ++content.entries;
      if (S_ISDIR(status.st_mode)) {
        if (depth >= kMeasuredDepthMax) {
          content.entries = entries_max + 1;
          return;
        }
        add(descriptor_of(directory), entry->d_name, depth + 1);
      }
    }
  }
};

}  // namespace

std::vector<std::string> names_in_folder(int folder) {
  const Directory directory = open_directory(folder, ".");
  return directory ? names_in(directory) : std::vector<std::string>();
}

FolderContent measure_folder(int folder, std::uint64_t bytes_max, unsigned entries_max) {
  Measure measure{.bytes_max = bytes_max, .entries_max = entries_max, .content = {}};
  measure.add(folder, ".", 0);
  return measure.content;
}

/// Empties `root` without recursion: a folder's folders are first moved up into `root`, so depth
/// costs neither stack nor descriptors.
void empty_folder(int root) {
  std::uint64_t moved = 0;
  for (bool again = true; again;) {
    again = false;
    const Directory top = open_directory(root, ".");
    if (!top) {
      return;
    }
    for (const std::string& name : names_in(top)) {
      if (::unlinkat(root, name.c_str(), 0) == 0) {
        continue;
      }
      const Directory folder = open_directory(root, name.c_str());
      if (!folder) {
        continue;
      }
      ::fchmod(descriptor_of(folder), S_IRWXU);
      for (const std::string& inner : names_in(folder)) {
        if (::unlinkat(descriptor_of(folder), inner.c_str(), 0) == 0) {
          continue;
        }
        again |= move_up(descriptor_of(folder), inner.c_str(), root, moved);
      }
      ::unlinkat(root, name.c_str(), AT_REMOVEDIR);
    }
  }
}

}  // namespace mcpgate::sandboxd
