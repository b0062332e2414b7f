#pragma once

// What outlives a call: one folder for each user of a tool set. Below the root that the daemon is
// given there is a folder for the set, and in it one for each user, named by an HMAC of the user's
// identity whose key never leaves that folder: 256 bits, so that no two users share one and nobody
// can tell another's name (nothing hides a known name from stat(2) in profile pod).
//
// Whether a workspace is in use is told by a shared lock on it (flock(2)), across daemons of the
// set, which may be several for a while. When it was used last is its folder's own time.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/error.h"
#include "base/fd.h"
#include "base/task.h"
#include "sandbox/tool_limits.h"
#include "sandboxd/hostile_folder.h"

namespace mcpgate::sandboxd {

class Workspaces;

/// One user's folder while somebody uses it: it is not removed before this object.
class Workspace {
 public:
  /// `folder` is locked. `was_full`: it holds more than it may.
  Workspace(std::shared_ptr<const Workspaces> owner, std::string name, UniqueFd folder,
            bool was_full);
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  /// Notes the time as that of its last use.
  ~Workspace();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::filesystem::path path() const;
  /// What the folder is, whatever its path comes to name.
  [[nodiscard]] dev_t device() const { return device_; }
  [[nodiscard]] ino_t inode() const { return inode_; }
  [[nodiscard]] const sandbox::WorkspaceLimits& limits() const;

  /// Whether it held more than it may when the call began.
  [[nodiscard]] bool was_full() const { return was_full_; }
  /// What it holds now above its limits: `more than 64Mi`; empty where nothing. Counted elsewhere
  /// than on the loop, since a folder may be large. The object outlives it.
  [[nodiscard]] Task<std::string> excess() const;

 private:
  std::shared_ptr<const Workspaces> owner_;
  std::string name_;
  UniqueFd folder_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool was_full_;
};

/// The workspaces of one tool set. Belongs to one loop, which outlives it.
class Workspaces : public std::enable_shared_from_this<Workspaces> {
 public:
  /// Makes the set's folder below `root`, and its key, where they are missing. An error where it
  /// cannot be written or others may look into it.
  [[nodiscard]] static Expected<std::shared_ptr<Workspaces>> open(
      asio::io_context& loop, const std::filesystem::path& root, std::string_view tool_set,
      const sandbox::WorkspaceLimits& limits);

  Workspaces(const Workspaces&) = delete;
  Workspaces& operator=(const Workspaces&) = delete;
  ~Workspaces();

  /// The folder of the set.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const sandbox::WorkspaceLimits& limits() const { return limits_; }

  /// The user's, made where there is none. kResourceExhausted where there are as many as may be.
  /// The object outlives it.
  [[nodiscard]] Task<Expected<std::shared_ptr<Workspace>>> enter(std::string issuer,
                                                                 std::string subject) const;

  /// Removes those that nobody uses and that were used last before `now` less `limits().expires`;
  /// how many. May take a disk seconds.
  std::size_t remove_expired(std::chrono::system_clock::time_point now) const;
  /// Does so from time to time, off the loop, as long as the object lives.
  void keep_removing_expired();

 private:
  friend class Workspace;
  Workspaces(asio::io_context& loop, std::filesystem::path path, UniqueFd folder, std::string key,
             const sandbox::WorkspaceLimits& limits);

  static Task<Expected<std::shared_ptr<Workspace>>> enter_on_worker(const Workspaces& self,
                                                                    std::string issuer,
                                                                    std::string subject);
  static Task<> remove_on_worker(const Workspaces& self);
  static Task<> remove_from_time_to_time(std::weak_ptr<Workspaces> weak,
                                         std::shared_ptr<asio::steady_timer> timer);
  [[nodiscard]] Expected<std::shared_ptr<Workspace>> enter_now(std::string_view issuer,
                                                               std::string_view subject) const;
  [[nodiscard]] std::string name_of(std::string_view issuer, std::string_view subject) const;
  [[nodiscard]] Expected<UniqueFd> take(const std::string& name) const;
  [[nodiscard]] Expected<void> make(const std::string& name) const;
  [[nodiscard]] bool remove_if_expired(const std::string& name,
                                       std::chrono::system_clock::time_point before) const;

  asio::io_context& loop_;
  std::filesystem::path path_;
  UniqueFd folder_;
  std::string key_;
  sandbox::WorkspaceLimits limits_;
  /// Where disks are waited for: one thread may remove while the other counts.
  mutable asio::thread_pool workers_{2};
  /// One at a time makes a new one, so that they are counted right.
  mutable std::mutex making_;
  std::shared_ptr<asio::steady_timer> timer_;
};

}  // namespace mcpgate::sandboxd
