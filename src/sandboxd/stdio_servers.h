#pragma once

// The processes of one set's stdio server: one for each user who calls, never shared, ended when
// idle. And one for nobody, which tells what tools there are.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"
#include "sandboxd/call.h"
#include "sandboxd/stdio_server.h"

namespace mcpgate::sandboxd {

/// Belongs to one loop, which outlives it.
class StdioServers {
 public:
  /// `on_list_changed` is called when a process says that its tools have changed.
  StdioServers(asio::io_context& loop, StdioServerOptions options,
               std::function<void()> on_list_changed);
  StdioServers(const StdioServers&) = delete;
  StdioServers& operator=(const StdioServers&) = delete;
  /// Ends all processes. No run() or describe() may be pending.
  ~StdioServers();

  /// What Zygote::describe() says of a set with Python files, of this one: every tool of all pages
  /// of tools/list, declared in `file`. By a process of its own, which serves no user.
  [[nodiscard]] Task<Expected<CallOutcome>> describe(std::string_view file);

  /// Runs one call in the process of CallSpec::identity, starting that where there is none; calls
  /// of one identity one after the other. When this returns, the process either waits for the next
  /// call or is dead and reaped. A JSON-RPC error is a result with isError.
  ///
  /// Errors: kResourceExhausted (all processes are at work for others).
  [[nodiscard]] Task<Expected<CallOutcome>> run(CallSpec spec, EventSink& sink);

  /// Ends a call, one that waits for its turn too; no effect on an id that is not in flight.
  void cancel(std::string_view call_id);

  /// Kills all processes and waits for their end. No run() may be pending.
  Task<> finish();

  /// Users who have a process, or a call that waits for it.
  [[nodiscard]] std::size_t size() const { return slots_.size(); }

 private:
  struct Slot;
  using Slots = std::map<std::string, std::shared_ptr<Slot>, std::less<>>;

  [[nodiscard]] Expected<std::shared_ptr<Slot>> find_slot(const std::string& identity);
  [[nodiscard]] bool evict_idle();
  Task<CallOutcome> run_in_turn(Slot& slot, const CallSpec& spec, EventSink& sink);
  void keep_idle(const std::shared_ptr<Slot>& slot);
  void drop(const std::string& identity, std::chrono::milliseconds grace = StdioServer::kStopGrace);

  asio::io_context& loop_;
  StdioServerOptions options_;
  std::function<void()> on_list_changed_;
  Slots slots_;
};

}  // namespace mcpgate::sandboxd
