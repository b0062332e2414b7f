#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/error.h"
#include "base/task.h"

namespace mcpgate {

/// Tells when files or directories may have changed, by inotify(7), within some milliseconds.
///
/// A file counts as changed when it is written and closed, replaced by rename, removed, made, or
/// given other permissions; a directory when that happens to an entry of it (not deeper). Every
/// directory and symbolic link on the way is watched as well: a path that does not exist yet is
/// picked up when it appears, and so is the swap of `..data` by which Kubernetes updates a mounted
/// Secret or ConfigMap. Where events were lost (queue overflow), the callback is called as well: it
/// means "look again", not what happened, and may come without a difference.
///
/// One thread: the executor's, which also runs the callback and must run the destructor (or have
/// stopped). After the destructor no callback starts. The callback may destroy the watch.
class FileWatch {
 public:
  using Callback = std::function<void()>;

  /// How long after the first event of a burst the callback comes: long enough for the events of
  /// one rename, short enough to be felt as at once.
  static constexpr std::chrono::milliseconds kDebounce{5};

  /// Errors: kResourceExhausted and the like, when the system has no inotify instance left
  /// (fs.inotify.max_user_instances, …_watches).
  [[nodiscard]] static Expected<std::unique_ptr<FileWatch>> start(
      const asio::any_io_executor& executor, std::vector<std::filesystem::path> paths,
      Callback callback);

  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch();

  /// Watches these paths from now on instead of the former ones; the callback stays. A directory
  /// that cannot be watched is logged, and looked at again with the next event.
  void set_paths(std::vector<std::filesystem::path> paths);

 private:
  struct State;
  explicit FileWatch(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace mcpgate
