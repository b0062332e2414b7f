#pragma once

// The bounded queue in front of the zygotes: so many calls run, so many wait, the next is turned
// away. Above the number of cores more calls at once only make each slower (measured).

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"

namespace mcpgate::sandboxd {

/// Belongs to one loop. Shared with its places, which a child keeps until it is reaped.
class CallQueue : public std::enable_shared_from_this<CallQueue> {
 public:
  /// How many calls run at once, and how many may wait for that. As many again may be ending.
  struct Bounds {
    std::size_t in_flight_max = 1;
    std::size_t waiting_max = 0;
  };

  /// A call that wants to run.
  struct Entrant {
    std::string call_id;
    SteadyTime deadline;
    /// The tool's name where it has bounds of its own, within the queue's; else empty.
    std::string tool = {};
    Bounds tool_bounds = {};
    /// Whether a call that waits for this one lends its place: only the tool's bounds hold then.
    bool borrows = false;
  };

  /// The right to run one call. Destroying it lets the next one in.
  class Place {
   public:
    Place(Place&& other) noexcept
        : queue_(std::move(other.queue_)),
          tool_(std::move(other.tool_)),
          borrowed_(other.borrowed_),
          ending_(other.ending_) {}
    Place& operator=(Place&&) = delete;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      if (queue_ != nullptr) {
        queue_->leave(*this);
      }
    }

    /// Its call has answered and is only being ended: the next one may come in.
    void set_ending() {
      ending_ = true;
      queue_->set_ending(*this);
    }

   private:
    friend class CallQueue;
    Place(std::shared_ptr<CallQueue> queue, const Entrant& entrant)
        : queue_(std::move(queue)), tool_(entrant.tool), borrowed_(entrant.borrows) {}
    std::shared_ptr<CallQueue> queue_;
    std::string tool_;
    bool borrowed_;
    bool ending_ = false;
  };

  /// `loop` outlives whoever enters.
  CallQueue(asio::io_context& loop, Bounds bounds) : loop_(loop), bounds_(bounds) {}
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;
  ~CallQueue() = default;

  /// Whether enter() would not turn it away at this moment.
  [[nodiscard]] bool may_enter(const Entrant& entrant) const {
    return has_place(entrant) || may_wait(entrant);
  }
  /// Waits for a place: first come, first served, but for those whose tool is full.
  ///
  /// Errors: kResourceExhausted (queue full, at once), kDeadlineExceeded, kCancelled (see
  /// cancel()).
  Task<Expected<Place>> enter(Entrant entrant);

  /// Ends the wait of a call; no effect on one that does not wait.
  void cancel(std::string_view call_id);

  /// New bounds, for calls from now on.
  void set_bounds(Bounds bounds);

  /// Without those in borrowed places.
  [[nodiscard]] std::size_t in_flight() const { return all_.in_flight; }
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter;
  struct Counts {
    std::size_t in_flight = 0;
    std::size_t waiting = 0;
    /// Of those in flight.
    std::size_t ending = 0;

    [[nodiscard]] bool has_place(const Bounds& bounds) const {
      return in_flight - ending < bounds.in_flight_max && in_flight < 2 * bounds.in_flight_max;
    }
  };
  [[nodiscard]] Counts counts_of(std::string_view tool) const;
  [[nodiscard]] bool has_place(const Entrant& entrant) const;
  [[nodiscard]] bool may_wait(const Entrant& entrant) const;
  void count_ending(const Place& place, int step);
  void set_ending(const Place& place);
  /// Counts one in or out of a member of a tool; the empty name is not counted.
  void count(const std::string& tool, std::size_t Counts::* member, int step);
  void take_place(const Entrant& entrant);
  void leave(const Place& place);
  void admit_waiters();

  asio::io_context& loop_;
  Bounds bounds_;
  /// Its `waiting` stays 0: there is the number of waiters.
  Counts all_;
  /// Of the tools with bounds of their own that have any.
  std::map<std::string, Counts, std::less<>> tools_;
  std::deque<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace mcpgate::sandboxd
