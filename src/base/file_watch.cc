// What decides which file a path means is every directory entry on its way, symbolic links
// followed. So each such directory is watched, and of its events only those with the name on the
// way count. Each entry is looked up after its directory is watched: whatever changes later is an
// event.

#include "base/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"

namespace mcpgate {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                  IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ONLYDIR;
/// A way's length in components with links followed, as the kernel bounds links (ELOOP).
constexpr int kStepsMax = 256;

}  // namespace

struct FileWatch::State : std::enable_shared_from_this<FileWatch::State> {
  State(const asio::any_io_executor& executor, int inotify, Callback on_change)
      : descriptor(executor, inotify), timer(executor), callback(std::move(on_change)) {}

  /// Which entries of a watched directory matter.
  struct Interest {
    std::set<std::string> names;
    bool all = false;
  };

  asio::posix::stream_descriptor descriptor;
  asio::steady_timer timer;
  Callback callback;
  std::vector<fs::path> paths;
  std::map<int, Interest> watched;
  std::set<std::string> failed;
  bool pending = false;
  alignas(inotify_event) std::array<char, std::size_t{16} * 1024> buffer{};

  void read();
  void look_at(std::size_t bytes);
  [[nodiscard]] bool matters(const inotify_event& event, std::string_view name) const;
  void schedule();
  void refresh();
  void follow(const fs::path& path, std::map<int, Interest>& found);
  Interest* watch(const fs::path& directory, std::map<int, Interest>& found);
};

void FileWatch::State::read() {
  descriptor.async_read_some(
      asio::buffer(buffer),
      [self = weak_from_this()](boost::system::error_code error, std::size_t bytes) {
        if (const auto state = self.lock(); state && !error) {
          state->look_at(bytes);
          state->read();
        }
      });
}

void FileWatch::State::look_at(std::size_t bytes) {
  for (std::size_t at = 0; at + sizeof(inotify_event) <= bytes;) {
    const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
    const std::string_view name = event->len == 0 ? "" : event->name;
    if (matters(*event, name)) {
      schedule();
    }
    at += sizeof(inotify_event) + event->len;
  }
}

bool FileWatch::State::matters(const inotify_event& event, std::string_view name) const {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    return true;
  }
  const auto interest = watched.find(event.wd);
  if (interest == watched.end()) {
    return false;
  }
  return interest->second.all || name.empty() || interest->second.names.contains(std::string(name));
}

void FileWatch::State::schedule() {
  if (std::exchange(pending, true)) {
    return;
  }
  timer.expires_after(kDebounce);
  timer.async_wait([self = weak_from_this()](boost::system::error_code error) {
    const auto state = self.lock();
    if (!state || error) {
      return;
    }
    state->pending = false;
    state->refresh();
    const Callback changed = state->callback;  // which may destroy the watch
    changed();
  });
}

void FileWatch::State::refresh() {
  std::map<int, Interest> found;
  std::set<std::string> failed_before = std::exchange(failed, {});
  for (const fs::path& path : paths) {
    follow(path, found);
  }
  for (const auto& [wd, interest] : watched) {
    if (!found.contains(wd)) {
      ::inotify_rm_watch(descriptor.native_handle(), wd);
    }
  }
  watched = std::move(found);
  for (const std::string& directory : failed) {
    if (!failed_before.contains(directory)) {
      log_warn("cannot watch {} for changes", directory);
    }
  }
}

/// Walks a path as the kernel does, and watches each directory before it looks into it.
void FileWatch::State::follow(const fs::path& path, std::map<int, Interest>& found) {
  std::deque<fs::path> rest(path.begin(), path.end());
  fs::path here = "/";
  for (int step = 0; !rest.empty() && step < kStepsMax; ++step) {
    const fs::path name = rest.front();
    rest.pop_front();
    if (name.empty() || name == "." || name == "/") {
      continue;
    }
    if (name == "..") {
      here = here.parent_path();
      continue;
    }
    Interest* interest = watch(here, found);
    if (interest == nullptr) {
      return;
    }
    interest->names.insert(name.string());
    const fs::path next = here / name;
    struct stat info{};
    if (::lstat(next.c_str(), &info) != 0) {
      return;
    }
    if (!S_ISLNK(info.st_mode)) {
      here = next;
      continue;
    }
    std::error_code error;
    const fs::path target = fs::read_symlink(next, error);
    if (error) {
      return;
    }
    rest.insert(rest.begin(), target.begin(), target.end());
    here = target.is_absolute() ? fs::path("/") : here;
  }
  struct stat info{};
  if (rest.empty() && ::stat(here.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    if (Interest* interest = watch(here, found); interest != nullptr) {
      interest->all = true;
    }
  }
}

/// Null for what is no directory, or cannot be read.
FileWatch::State::Interest* FileWatch::State::watch(const fs::path& directory,
                                                    std::map<int, Interest>& found) {
  const int wd = ::inotify_add_watch(descriptor.native_handle(), directory.c_str(), kEvents);
  if (wd < 0) {
    if (errno != ENOENT && errno != ENOTDIR) {
      failed.insert(directory.string());
    }
    return nullptr;
  }
  return &found[wd];
}

FileWatch::FileWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}

Expected<std::unique_ptr<FileWatch>> FileWatch::start(const asio::any_io_executor& executor,
                                                      std::vector<fs::path> paths,
                                                      Callback callback) {
  const int inotify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify < 0) {
    return fail_errno("watch files (inotify_init1)");
  }
  std::unique_ptr<FileWatch> watch(
      new FileWatch(std::make_shared<State>(executor, inotify, std::move(callback))));
  watch->set_paths(std::move(paths));
  watch->state_->read();
  return watch;
}

FileWatch::~FileWatch() {
  boost::system::error_code ignored;
  state_->descriptor.close(ignored);
  state_->timer.cancel();
}

void FileWatch::set_paths(std::vector<fs::path> paths) {
  std::error_code error;
  for (fs::path& path : paths) {
    // Links are followed later, step by step, so the path is only made absolute here.
    path = fs::absolute(path, error);
  }
  state_->paths = std::move(paths);
  state_->refresh();
}

}  // namespace mcpgate
