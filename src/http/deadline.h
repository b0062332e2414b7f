#pragma once

#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/intrusive/list.hpp>

#include "base/clock.h"

namespace mcpgate::http {

namespace asio = boost::asio;

class DeadlineQueue;

/// One moment at which something is given up, embedded in what it guards. Not armed at first.
class Deadline : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// `expired` is called from the loop. It may arm or cancel this and others, and destroy nothing.
  explicit Deadline(std::function<void()> expired) : expired_(std::move(expired)) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() = default;

  void cancel() { unlink(); }
  [[nodiscard]] bool armed() const { return is_linked(); }

 private:
  friend class DeadlineQueue;
  SteadyTime at_{};
  std::function<void()> expired_;
};

/// The deadlines of one loop and, as a rule, one timeout length: then arming is a link at the back
/// of a list, and one timer serves all. Mixed lengths work too, by a search from the back.
class DeadlineQueue {
 public:
  explicit DeadlineQueue(asio::io_context& loop);
  DeadlineQueue(const DeadlineQueue&) = delete;
  DeadlineQueue& operator=(const DeadlineQueue&) = delete;
  ~DeadlineQueue();

  /// Arms `deadline`, or moves it. SteadyTime::max() only cancels.
  void arm(Deadline& deadline, SteadyTime at);
  void arm_after(Deadline& deadline, std::chrono::milliseconds timeout) {
    arm(deadline, std::chrono::steady_clock::now() + timeout);
  }
  /// Lets the earliest one expire now. False when there is none.
  bool expire_first();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mcpgate::http
