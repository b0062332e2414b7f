#pragma once

// Who speaks with a stdio server's process, seen from the process.

#include <memory>
#include <string_view>

namespace mcpgate::sandboxd {

class RunningCall;

/// Holds the other end of a stdio server's streams. Called on the loop's thread; lives until
/// Zygote::serve() returns.
class ServerPeer {
 public:
  ServerPeer() = default;
  ServerPeer(const ServerPeer&) = delete;
  ServerPeer& operator=(const ServerPeer&) = delete;
  virtual ~ServerPeer() = default;

  /// Before anything else: what to write to, account and kill by.
  virtual void on_begin(const std::shared_ptr<RunningCall>& process) = 0;
  /// Bytes of its standard output, hostile; false ends the reading, since it is to die.
  virtual bool on_stdout(std::string_view bytes) = 0;
  /// Bytes of its standard error, the same.
  virtual void on_stderr(std::string_view bytes) = 0;
};

}  // namespace mcpgate::sandboxd
