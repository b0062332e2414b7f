#pragma once

// The detached calls of a daemon, kept on its volume until their time is over, whoever asks and
// whatever becomes of the daemon.
//
// One file a call, ID.ndjson: a line of ours,
// {"expires_ms":…,"changed_ms":…,"owner":…,"profile":…,"events":…,"ended":…,"cancelled":…}, then
// the lines of its CallLog. It is written when the call is accepted and when it has ended,
// atomically, mode 0600. A call whose file says that it runs, when a daemon starts, died with the
// daemon before: its result says so.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/task.h"
#include "sandbox/execute.h"
#include "sandbox/tool_limits.h"
#include "sandboxd/call_log.h"

namespace mcpgate::sandboxd {

/// Belongs to one loop; files are read and written on a thread of its own.
class DetachedCalls {
 public:
  /// What a call is accepted with.
  struct NewCall {
    std::string id;
    std::chrono::milliseconds ttl;
    /// Whose it is, as a digest of a fixed length.
    std::string owner;
    std::string profile;
    /// Room that is kept for what it says and answers.
    std::uint64_t reserved_bytes = 0;
  };

  /// Reads what is in `directory`, which is made if missing; none may be detached where it is
  /// empty. Waits for a daemon that still uses it: kFailedPrecondition where that does not end.
  [[nodiscard]] static Task<Expected<std::unique_ptr<DetachedCalls>>> open(
      asio::io_context& loop, std::filesystem::path directory, const Clock& clock);
  DetachedCalls(const DetachedCalls&) = delete;
  DetachedCalls& operator=(const DetachedCalls&) = delete;
  ~DetachedCalls() = default;

  /// On the volume when this returns; the call adds its events to the log. Errors:
  /// kInvalidArgument (none are kept here), kAlreadyExists, kResourceExhausted (`limits`),
  /// kUnavailable (the volume).
  Task<Expected<std::shared_ptr<CallLog>>> accept(NewCall call, sandbox::DetachedLimits limits);

  /// Notes that it asked or was answered.
  void touch(std::string_view id);
  /// Notes that its end was asked for. Nothing for one that has ended.
  void set_cancelled(std::string_view id);
  /// Keeps the result, as a line; then those who follow it get it.
  Task<> end(std::string id, std::string result);

  /// Nothing for an id that is not kept, whether it ever was or not. `is_asking` is not known here.
  [[nodiscard]] std::optional<sandbox::DetachedState> find(std::string_view id) const;
  /// What it said. Errors: kNotFound as above, kUnavailable (the volume).
  Task<Expected<std::shared_ptr<CallLog>>> read(std::string id);

  [[nodiscard]] std::size_t size() const { return calls_.size(); }
  /// What they count with, together.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Call {
    WallTime expires;
    /// When its state changed last.
    WallTime changed;
    std::string owner;
    std::uint64_t bytes = 0;
    std::uint64_t events = 0;
    std::string profile;
    bool has_ended = false;
    bool is_cancelled = false;
    /// Null where the file has it all.
    std::shared_ptr<CallLog> log = nullptr;
  };

  DetachedCalls(asio::io_context& loop, std::filesystem::path directory, const Clock& clock);
  [[nodiscard]] Expected<bool> lock();
  void load();
  void load_file(const std::filesystem::path& path);
  [[nodiscard]] bool has_room(const NewCall& call, const sandbox::DetachedLimits& limits) const;
  [[nodiscard]] std::filesystem::path path_of(std::string_view id) const;
  Task<Expected<void>> write(std::string id, std::string bytes);
  void sweep();

  asio::io_context& loop_;
  std::filesystem::path directory_;
  const Clock& clock_;
  /// The directory, locked (flock(2)).
  UniqueFd lock_;
  std::map<std::string, Call, std::less<>> calls_;
  asio::steady_timer sweep_timer_;
  asio::thread_pool disk_{1};
};

}  // namespace mcpgate::sandboxd
