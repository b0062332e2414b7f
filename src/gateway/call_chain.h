#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "sandbox/client.h"

namespace mcpgate::gateway {

/// The executions of one client's call: its own and, innermost last, those that its tools made.
/// They end together. Belongs to one loop; shared with whatever may end it.
class CallChain : public std::enable_shared_from_this<CallChain> {
 public:
  explicit CallChain(asio::io_context& loop) : window_(loop) {}
  CallChain(const CallChain&) = delete;
  CallChain& operator=(const CallChain&) = delete;
  ~CallChain() = default;

  /// Keeps the innermost execution in the chain while it lives.
  class Link {
   public:
    explicit Link(CallChain& chain) : chain_(chain) {}
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() { chain_.executions_.pop_back(); }

   private:
    CallChain& chain_;
  };
  /// What is told of the chain's end while it lives, at once where that has been; one at a time.
  class Waiting {
   public:
    Waiting(CallChain& chain, std::function<void()> on_cancel) : chain_(chain) {
      chain_.on_cancel_ = std::move(on_cancel);
      if (!chain_.why_.empty()) {
        chain_.on_cancel_();
      }
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { chain_.on_cancel_ = nullptr; }

   private:
    CallChain& chain_;
  };
  /// In a chain that was cancelled it is cancelled at once.
  [[nodiscard]] Link add(const std::shared_ptr<sandbox::Execution>& execution);

  /// Ends them all; the first reason stands. `why` is a word of ours, for the record.
  void cancel(std::string_view why);
  /// The same after `window`, unless the chain is gone by then.
  void cancel_after(std::chrono::milliseconds window, std::string_view why);

  /// That does not come to pass: what it waited for has come back.
  void stay() { window_.cancel(); }

  /// Why it was cancelled; empty while it was not.
  [[nodiscard]] std::string_view why_cancelled() const { return why_; }

  /// How many calls its tools have made so far.
  std::size_t inner_calls = 0;

 private:
  std::vector<std::weak_ptr<sandbox::Execution>> executions_;
  std::function<void()> on_cancel_;
  std::string_view why_;
  asio::steady_timer window_;
};

}  // namespace mcpgate::gateway
