#include "base/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <system_error>

#include "base/random.h"

namespace mcpgate {

Expected<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail_errno("open " + path.string());
  }
  std::string bytes;
  char chunk[16384];
  for (;;) {
    const ssize_t got = ::read(fd.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail_errno("read " + path.string());
    }
    if (got == 0) {
      return bytes;
    }
    if (bytes.size() + static_cast<std::size_t>(got) > bytes_max) {
      return fail(ErrorCode::kResourceExhausted, "{}: larger than {} bytes", path.string(),
                  bytes_max);
    }
    bytes.append(chunk, static_cast<std::size_t>(got));
  }
}

UniqueFd open_beneath(int root, const std::string& path, int flags, Links links) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  how.resolve |= links == Links::kRefused ? RESOLVE_NO_SYMLINKS : 0;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

Expected<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return fail_errno("write");
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Expected<void> refuse_open_to_others(const std::filesystem::path& path, std::string_view what) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return fail_errno("open " + path.string());
  }
  if ((status.st_mode & S_IRWXO) != 0) {
    return fail(ErrorCode::kFailedPrecondition, "{}: {} that others may use; run chmod o= on it",
                path.string(), what);
  }
  return {};
}

Expected<void> write_file_atomically(const std::filesystem::path& path, std::string_view bytes,
                                     mode_t mode) {
  // The suffix keeps watchers of a directory from taking the half-written file for a new one.
  const std::string temporary = path.string() + "." + SystemRandom().hex(8) + ".tmp";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) {
    return fail_errno("create " + temporary);
  }
  auto written = write_all(fd.get(), bytes);
  if (written && ::fsync(fd.get()) != 0) {
    written = fail_errno("fsync");
  }
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = fail_errno("rename to " + path.string());
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return fail(written.error().code, "write {}: {}", path.string(), written.error().message);
  }
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  if (UniqueFd directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); directory) {
    (void)::fsync(directory.get());
  }
  return {};
}

Expected<void> make_directories(const std::filesystem::path& path, mode_t mode) {
  std::error_code error;
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) {
      return fail_errno("create directory " + path.parent_path().string(), error.value());
    }
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return fail_errno("create directory " + path.string());
  }
  if (!std::filesystem::is_directory(path, error)) {
    return fail(ErrorCode::kFailedPrecondition, "{} is in the way: not a directory", path.string());
  }
  return {};
}

}  // namespace mcpgate
