// Every open goes through openat2(RESOLVE_BENEATH) on the folder's descriptor, so that neither a
// link nor a rename while we read can lead out of it.

#include "sandboxd/tool_set_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/digest.h"
#include "base/fd.h"
#include "base/file.h"

namespace mcpgate::sandboxd {

namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

bool is_left_out(std::string_view name) {
  return name.starts_with('.') || name == "__pycache__" || name.ends_with(".pyc");
}

/// The names in a directory, sorted; nothing of what is left out.
Expected<std::vector<std::string>> names_in(UniqueFd fd, const std::string& shown,
                                            std::size_t files_max) {
  const Directory directory(::fdopendir(fd.get()));
  if (!directory) {
    return fail_errno("read directory " + shown);
  }
  (void)fd.release();  // closedir() closes it.
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (!is_left_out(entry->d_name)) {
      names.emplace_back(entry->d_name);
    }
    if (names.size() > files_max) {
      return fail(ErrorCode::kResourceExhausted, "{}: more than {} files", shown, files_max);
    }
  }
  if (errno != 0) {
    return fail_errno("read directory " + shown);
  }
  std::ranges::sort(names);
  return names;
}

/// The walk through one folder.
class Reader {
 public:
  /// `all` for a stdio server, which runs whatever is there.
  Reader(std::filesystem::path root, int root_fd, ToolSetFolder& folder, bool all)
      : root_(std::move(root)), root_fd_(root_fd), folder_(folder), all_(all) {}

  /// toolset.yaml as it was read; empty where there is none.
  [[nodiscard]] const std::string& yaml() const { return yaml_; }

  /// `path` is relative to the root; empty for the root itself.
  Expected<void> read_directory(const std::string& path, std::size_t depth) {
    if (depth > depth_max()) {
      return fail(ErrorCode::kResourceExhausted, "{}: deeper than {} folders", shown(path),
                  depth_max());
    }
    UniqueFd fd =
        open_beneath(root_fd_, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY, Links::kFollowed);
    if (!fd) {
      return fail_errno("open directory " + shown(path));
    }
    folder_.directories.push_back(root_ / path);
    for (const std::string& name : TRY(names_in(std::move(fd), shown(path), files_max()))) {
      TRY_VOID(read_entry((std::filesystem::path(path) / name).string(), depth));
    }
    return {};
  }

 private:
  [[nodiscard]] std::size_t files_max() const { return all_ ? kServerFilesMax : kSetFilesMax; }
  [[nodiscard]] std::size_t bytes_max() const { return all_ ? kServerBytesMax : kSetBytesMax; }
  [[nodiscard]] std::size_t depth_max() const { return all_ ? kServerDepthMax : kSetDepthMax; }
  [[nodiscard]] std::string shown(const std::string& path) const { return (root_ / path).string(); }

  Expected<void> read_entry(const std::string& path, std::size_t depth) {
    struct stat status{};
    if (::fstatat(root_fd_, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return fail_errno("stat " + shown(path));
    }
    if (S_ISDIR(status.st_mode)) {
      return read_directory(path, depth + 1);
    }
    const bool link = S_ISLNK(status.st_mode);
    if (!link && !S_ISREG(status.st_mode)) {
      return fail(ErrorCode::kInvalidArgument, "{}: neither file, link nor directory", shown(path));
    }
    // O_NONBLOCK: the target of a link could be a FIFO, which would wait for a writer.
    UniqueFd fd = open_beneath(root_fd_, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, Links::kFollowed);
    if (!fd && link && errno == EXDEV) {
      return fail(ErrorCode::kInvalidArgument, "{}: the link leads out of the tool set's folder",
                  shown(path));
    }
    if (!fd || ::fstat(fd.get(), &status) != 0) {
      return fail_errno("open " + shown(path));
    }
    if (S_ISDIR(status.st_mode)) {
      return {};
    }
    if (!S_ISREG(status.st_mode)) {
      return fail(ErrorCode::kInvalidArgument, "{}: not a regular file", shown(path));
    }
    return take_file(path, fd.get());
  }

  Expected<void> take_file(const std::string& path, int fd) {
    const std::string bytes = TRY(read_bounded(path, fd));
    bytes_ += bytes.size();
    folder_.digests.emplace(path, sha256_hex(bytes));
    if (folder_.digests.size() > files_max()) {
      return fail(ErrorCode::kResourceExhausted, "{}: more than {} files", root_.string(),
                  files_max());
    }
    if (path == sandbox::kToolSetFileName) {
      yaml_ = bytes;
    }
    if (all_ || path.ends_with(".py")) {
      folder_.sources.emplace(path, bytes);
    }
    return {};
  }

  Expected<std::string> read_bounded(const std::string& path, int fd) const {
    std::string bytes;
    char chunk[65536];
    for (;;) {
      const ssize_t got = ::read(fd, chunk, sizeof chunk);
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got < 0) {
        return fail_errno("read " + shown(path));
      }
      if (got == 0) {
        return bytes;
      }
      bytes.append(chunk, static_cast<std::size_t>(got));
      if (bytes_ + bytes.size() > bytes_max()) {
        return fail(
            ErrorCode::kResourceExhausted,
            "{}: the tool set has more than {} bytes; larger data belongs into a data mount",
            root_.string(), bytes_max());
      }
    }
  }

  std::filesystem::path root_;
  int root_fd_;
  ToolSetFolder& folder_;
  bool all_;
  std::size_t bytes_ = 0;
  std::string yaml_;
};

}  // namespace

Expected<ToolSetFolder> read_tool_set_folder(const std::filesystem::path& path) {
  const UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    const int error = errno;
    return fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument,
                "open tool set {}: {}", path.string(), std::strerror(error));
  }
  ToolSetFolder folder;
  const auto peeked = sandbox::load_tool_set_file(path);
  const bool serves = peeked && peeked->server;
  Reader reader(path, root.get(), folder, serves);
  TRY_VOID(reader.read_directory("", 0));
  folder.settings = TRY(sandbox::parse_tool_set_file(reader.yaml(), path));
  if (static_cast<bool>(folder.settings.server) != serves) {
    return fail(ErrorCode::kUnavailable, "{}: changed while it was read", path.string());
  }
  return folder;
}

}  // namespace mcpgate::sandboxd
