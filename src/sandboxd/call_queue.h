#pragma once

// The bounded queue in front of the zygotes: so many calls run, so many wait, the next is turned
// away. Above the number of cores more calls at once only make each slower (measured).

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"

namespace mcpgate::sandboxd {

/// Belongs to one loop.
class CallQueue {
 public:
  /// The right to run one call. Destroying it lets the next one in.
  class Place {
   public:
    Place(Place&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      if (queue_ != nullptr) {
        queue_->leave();
      }
    }

   private:
    friend class CallQueue;
    explicit Place(CallQueue& queue) : queue_(&queue) {}
    CallQueue* queue_;
  };

  /// `loop` outlives it, and it outlives its places.
  CallQueue(asio::io_context& loop, std::size_t in_flight_max, std::size_t queue_max);
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;
  ~CallQueue() = default;

  /// Waits for a place, first come first served.
  ///
  /// Errors: kResourceExhausted (queue full, at once), kDeadlineExceeded, kCancelled (see
  /// cancel()).
  Task<Expected<Place>> enter(std::string call_id, SteadyTime deadline);

  /// Ends the wait of a call; no effect on one that does not wait.
  void cancel(std::string_view call_id);

  /// New bounds, for calls from now on.
  void set_bounds(std::size_t in_flight_max, std::size_t queue_max);

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter;
  void leave();
  void admit_waiters();

  asio::io_context& loop_;
  std::size_t in_flight_max_;
  std::size_t queue_max_;
  std::size_t in_flight_ = 0;
  std::deque<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace mcpgate::sandboxd
