#pragma once

// What a detached call says, from its first event to its result, for whoever follows it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/task.h"

namespace mcpgate::sandboxd {

/// Lines of ndjson, numbered from 0; the last one is the result. Lives on one loop, shared by the
/// call and its followers.
class CallLog {
 public:
  explicit CallLog(asio::io_context& loop);
  /// Of a call that has ended: `lines`, each with its LF.
  CallLog(asio::io_context& loop, std::string lines);

  /// One event, LF included.
  void add(std::string_view line);
  /// The result; nothing follows.
  void end(std::string_view line);

  [[nodiscard]] bool has_ended() const { return has_ended_; }
  /// Without the result.
  [[nodiscard]] std::uint64_t events() const { return starts_.size() - (has_ended_ ? 1 : 0); }
  [[nodiscard]] const std::string& lines() const { return lines_; }

  /// Where a follower is.
  struct Reader {
    /// The number of the next line; may be ahead of what was said so far.
    std::uint64_t next = 0;
    /// Whether it has the result.
    bool is_done = false;
  };
  /// The lines from there on; empty: none yet, or all were read. The result comes wherever the
  /// reader is: events may have been lost with a daemon.
  [[nodiscard]] std::string read(Reader& reader) const;

  /// Until something was added, or wake().
  Task<> changed();
  void wake() { changed_.cancel(); }

 private:
  void append(std::string_view line);

  std::string lines_;
  /// Where each line starts.
  std::vector<std::size_t> starts_;
  bool has_ended_ = false;
  asio::steady_timer changed_;
};

}  // namespace mcpgate::sandboxd
