#include "sandboxd/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"

namespace mcpgate::sandboxd {
namespace {

/// 128 bits: not to be guessed.
constexpr std::size_t kNameBytes = 16;

/// Folders within folders that measure() follows; the temporary directory of an honest call is
/// flat.
constexpr unsigned kDepthMax = 16;

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

/// Opens a folder for reading, never through a link. A hostile call may have taken our rights away.
Directory open_directory(int parent, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(parent, name, kFlags));
  if (!fd && errno == EACCES && ::fchmodat(parent, name, S_IRWXU, 0) == 0) {
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

/// Empties `root` without recursion: a folder's folders are first moved up into `root`, so depth
/// costs neither stack nor descriptors.
void remove_content(int root) {
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
        const std::string target = fmt::format(".removed-{}", moved++);
        again |= ::renameat(descriptor_of(folder), inner.c_str(), root, target.c_str()) == 0;
      }
      ::unlinkat(root, name.c_str(), AT_REMOVEDIR);
    }
  }
}

constexpr std::string_view kRootPrefix = "mcpgate-sandbox-";
/// Names that are tried: a process that starts at the same moment may take one for abandoned.
constexpr int kRootAttempts = 10;

/// Of our uid, private, and nobody's any more: what is opened here is locked by us.
UniqueFd open_abandoned_root(int parent, const char* name) {
  UniqueFd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  const bool ours = fd && ::fstat(fd.get(), &status) == 0 && status.st_uid == ::geteuid() &&
                    (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  return ours && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd) : UniqueFd();
}

void remove_abandoned_roots(const std::filesystem::path& parent) {
  const Directory directory(::opendir(parent.c_str()), ::closedir);
  if (!directory) {
    return;
  }
  for (const std::string& name : names_in(directory)) {
    if (!name.starts_with(kRootPrefix) || name.size() != kRootPrefix.size() + 2 * kNameBytes) {
      continue;
    }
    const UniqueFd root = open_abandoned_root(descriptor_of(directory), name.c_str());
    if (root) {
      remove_content(root.get());
      ::unlinkat(descriptor_of(directory), name.c_str(), AT_REMOVEDIR);
    }
  }
}

struct Measure {
  std::uint64_t bytes_max;
  unsigned entries_max;
  ScratchDirectory::Content content;

  [[nodiscard]] bool full() const {
    return content.bytes > bytes_max || content.entries > entries_max;
  }

  // NOLINTNEXTLINE(misc-no-recursion): kDepthMax bounds it
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
        if (depth >= kDepthMax) {
          content.entries = entries_max + 1;
          return;
        }
        add(descriptor_of(directory), entry->d_name, depth + 1);
      }
    }
  }
};

}  // namespace

Expected<ScratchDirectory> ScratchDirectory::create(const std::filesystem::path& parent,
                                                    Random& random) {
  std::filesystem::path path = parent / random.hex(kNameBytes);
  if (::mkdir(path.c_str(), S_IRWXU) != 0) {
    return fail_errno(fmt::format("make a temporary directory in {}", parent.string()));
  }
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    ::rmdir(path.c_str());
    return fail_errno(fmt::format("open a temporary directory in {}", parent.string()), error);
  }
  return ScratchDirectory(std::move(path), std::move(fd));
}

bool ScratchDirectory::remove_if_empty() {
  if (fd_ && ::rmdir(path_.c_str()) == 0) {
    fd_.reset();
  }
  return !fd_;
}

ScratchDirectory::~ScratchDirectory() {
  if (remove_if_empty()) {
    return;
  }
  ::fchmod(fd_.get(), S_IRWXU);
  remove_content(fd_.get());
  if (::rmdir(path_.c_str()) != 0 && errno != ENOENT) {
    log_warn("cannot remove {}: {}", path_.string(), std::strerror(errno));
  }
}

ScratchDirectory::Content ScratchDirectory::measure(std::uint64_t bytes_max,
                                                    unsigned entries_max) const {
  Measure measure{.bytes_max = bytes_max, .entries_max = entries_max, .content = {}};
  measure.add(fd_.get(), ".", 0);
  return measure.content;
}

Expected<ScratchRoot> ScratchRoot::create(const std::filesystem::path& parent, Random& random) {
  remove_abandoned_roots(parent);
  for (int attempt = 0; attempt < kRootAttempts; ++attempt) {
    std::filesystem::path path = parent / (std::string(kRootPrefix) + random.hex(kNameBytes));
    if (::mkdir(path.c_str(), S_IRWXU) != 0) {
      return fail_errno("make " + path.string());
    }
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // Before it was locked, another may have removed it as abandoned.
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && ::access(path.c_str(), F_OK) == 0) {
      return ScratchRoot(std::move(path), std::move(fd));
    }
  }
  return fail(ErrorCode::kUnavailable, "make a directory in {} that stays", parent.string());
}

ScratchRoot::~ScratchRoot() {
  if (fd_) {
    remove_content(fd_.get());
    ::rmdir(path_.c_str());
  }
}

}  // namespace mcpgate::sandboxd
