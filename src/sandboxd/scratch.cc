#include "sandboxd/scratch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/log.h"

namespace mcpgate::sandboxd {
namespace {

/// 128 bits: not to be guessed.
constexpr std::size_t kNameBytes = 16;

/// More are not in use at once but in a burst.
constexpr std::size_t kKeptMax = 16;

constexpr std::string_view kRootPrefix = "mcpgate-sandbox-";
/// Names that are tried: a process that starts at the same moment may take one for abandoned.
constexpr int kRootAttempts = 100;

/// Of our uid, private, and nobody's any more: what is opened here is locked by us.
UniqueFd open_abandoned_root(int parent, const char* name) {
  UniqueFd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  const bool ours = fd && ::fstat(fd.get(), &status) == 0 && status.st_uid == ::geteuid() &&
                    (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  return ours && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd) : UniqueFd();
}

void remove_abandoned_roots(const std::filesystem::path& parent) {
  const UniqueFd folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    return;
  }
  for (const std::string& name : names_in_folder(folder.get())) {
    if (!name.starts_with(kRootPrefix) || name.size() != kRootPrefix.size() + 2 * kNameBytes) {
      continue;
    }
    const UniqueFd root = open_abandoned_root(folder.get(), name.c_str());
    if (root) {
      empty_folder(root.get());
      ::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR);
    }
  }
}

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

ScratchDirectory::ScratchDirectory(std::filesystem::path path, UniqueFd fd)
    : path_(std::move(path)), fd_(std::move(fd)), made_(shape()) {}

ScratchDirectory::Shape ScratchDirectory::shape() const {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) {
    return {};
  }
  return {.changed_s = status.st_ctim.tv_sec,
          .changed_ns = status.st_ctim.tv_nsec,
          .bytes = status.st_size,
          .links = status.st_nlink,
          .mode = status.st_mode};
}

bool ScratchDirectory::renew(Random& random) {
  // The time of the change is the kernel's, which nobody sets; but its clock may be a coarse one.
  if (!fd_ || made_.links == 0 || shape() != made_ || !names_in_folder(fd_.get()).empty()) {
    return false;
  }
  std::filesystem::path path = path_.parent_path() / random.hex(kNameBytes);
  if (::rename(path_.c_str(), path.c_str()) != 0) {
    return false;
  }
  path_ = std::move(path);
  made_ = shape();
  return true;
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
  empty_folder(fd_.get());
  if (::rmdir(path_.c_str()) != 0 && errno != ENOENT) {
    log_warn("cannot remove {}: {}", path_.string(), std::strerror(errno));
  }
}

FolderContent ScratchDirectory::measure(std::uint64_t bytes_max, unsigned entries_max) const {
  return measure_folder(fd_.get(), bytes_max, entries_max);
}

Expected<ScratchDirectory> ScratchPool::take() {
  while (!kept_.empty()) {
    ScratchDirectory directory = std::move(kept_.back());
    kept_.pop_back();
    if (::access(directory.path().c_str(), F_OK) == 0) {  // Nobody has cleaned up meanwhile.
      return directory;
    }
  }
  return ScratchDirectory::create(parent_, random_);
}

std::optional<ScratchDirectory> ScratchPool::put(ScratchDirectory directory) {
  if (kept_.size() < kKeptMax && directory.renew(random_)) {
    kept_.push_back(std::move(directory));
    return std::nullopt;
  }
  if (directory.remove_if_empty()) {
    return std::nullopt;
  }
  return directory;
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
    empty_folder(fd_.get());
    ::rmdir(path_.c_str());
  }
}

}  // namespace mcpgate::sandboxd
