#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>

#include "base/task.h"

namespace mcpgate::gateway {

/// The calls that a `notifications/cancelled` can reach: those of legacy sessions. Shared by all
/// loops, since the notification may come on another connection than the call.
class RunningCalls {
 public:
  RunningCalls() = default;
  RunningCalls(const RunningCalls&) = delete;
  RunningCalls& operator=(const RunningCalls&) = delete;
  ~RunningCalls() = default;

  /// Keeps a call known while it lives.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept;
    Registration& operator=(Registration&& other) noexcept = delete;
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration();

   private:
    friend class RunningCalls;
    Registration(RunningCalls* calls, std::string key) : calls_(calls), key_(std::move(key)) {}
    RunningCalls* calls_ = nullptr;
    std::string key_;
  };

  /// `cancel` is called at most once, on `executor`, and may come after the registration ended. A
  /// second call under the id of one that runs cannot be cancelled.
  [[nodiscard]] Registration add(std::string_view session, std::string_view request_id,
                                 asio::any_io_executor executor, std::function<void()> cancel);

  /// Cancels that call of that session; ignores what does not run (any more), as MCP asks.
  void cancel(std::string_view session, std::string_view request_id);

 private:
  struct Entry {
    asio::any_io_executor executor;
    std::function<void()> cancel;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace mcpgate::gateway
