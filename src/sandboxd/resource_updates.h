#pragma once

// What tools say of resources that have changed: `resources/updated`, answered here and now, and
// told to gateways with the manifest.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/task.h"
#include "sandbox/manifest.h"
#include "sandbox/resource_updates.h"
#include "sandboxd/call.h"

namespace mcpgate::sandboxd {

/// Counts them for all calls of a daemon, and publishes the counts at most once in an interval,
/// however often tools say so: each time all gateways read the manifest again. One loop.
class ResourceUpdates {
 public:
  ResourceUpdates(asio::io_context& loop, std::function<void()> on_publish,
                  std::chrono::milliseconds interval = std::chrono::milliseconds{500})
      : timer_(loop), on_publish_(std::move(on_publish)), interval_(interval) {}

  void count(std::string_view uri);
  [[nodiscard]] const sandbox::UpdateCounts& published() const { return published_; }

 private:
  void publish();

  asio::steady_timer timer_;
  std::function<void()> on_publish_;
  std::chrono::milliseconds interval_;
  sandbox::UpdateCounts counts_;
  sandbox::UpdateCounts published_;
  SteadyTime published_at_ = SteadyTime::min();
  bool is_waiting_ = false;
};

/// A sink that takes `resources/updated` for itself, and hands on everything else.
class UpdateQuestions final : public EventSink {
 public:
  struct Call {
    /// Whose resources may be meant.
    const sandbox::Manifest& manifest;
    ResourceUpdates& updates;
    /// Whether it runs what a model wrote, which says nothing to others.
    bool runs_code = false;
  };
  /// All outlive it.
  UpdateQuestions(Call call, EventSink& next) : call_(call), next_(next) {}

  void on_progress(std::string_view json) override { next_.on_progress(json); }
  void on_log(std::string_view json) override { next_.on_log(json); }
  std::optional<std::string> on_question(std::uint64_t number, std::string_view json) override;

 private:
  /// Why it is refused; empty where it was counted.
  [[nodiscard]] std::string_view take(std::string_view uri);

  Call call_;
  EventSink& next_;
};

}  // namespace mcpgate::sandboxd
