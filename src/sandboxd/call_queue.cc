#include "sandboxd/call_queue.h"

#include <algorithm>
#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace mcpgate::sandboxd {

struct CallQueue::Waiter {
  enum class State { kWaiting, kAdmitted, kCancelled };

  Waiter(asio::io_context& loop, std::string id, SteadyTime deadline)
      : call_id(std::move(id)), timer(loop, deadline) {}

  /// Decided once; the timer's end resumes the waiting coroutine, which looks here.
  void decide(State decision) {
    state = decision;
    timer.cancel();
  }

  std::string call_id;
  asio::steady_timer timer;
  State state = State::kWaiting;
};

CallQueue::CallQueue(asio::io_context& loop, std::size_t in_flight_max, std::size_t queue_max)
    : loop_(loop), in_flight_max_(in_flight_max), queue_max_(queue_max) {}

Task<Expected<CallQueue::Place>> CallQueue::enter(std::string call_id, SteadyTime deadline) {
  if (in_flight_ < in_flight_max_ && waiters_.empty()) {
    ++in_flight_;
    co_return Place(*this);
  }
  if (waiters_.size() >= queue_max_) {
    co_return fail(ErrorCode::kResourceExhausted, "{} calls run and {} wait", in_flight_,
                   waiters_.size());
  }
  const auto waiter = std::make_shared<Waiter>(loop_, std::move(call_id), deadline);
  waiters_.push_back(waiter);
  co_await waiter->timer.async_wait(kAwait);
  if (waiter->state == Waiter::State::kAdmitted) {
    co_return Place(*this);
  }
  std::erase(waiters_, waiter);
  if (waiter->state == Waiter::State::kCancelled) {
    co_return fail(ErrorCode::kCancelled, "cancelled while it waited for a place");
  }
  co_return fail(ErrorCode::kDeadlineExceeded, "no place became free before the deadline");
}

void CallQueue::cancel(std::string_view call_id) {
  const auto found = std::ranges::find_if(
      waiters_, [call_id](const auto& waiter) { return waiter->call_id == call_id; });
  if (found != waiters_.end()) {
    (*found)->decide(Waiter::State::kCancelled);
    waiters_.erase(found);
  }
}

void CallQueue::set_bounds(std::size_t in_flight_max, std::size_t queue_max) {
  in_flight_max_ = in_flight_max;
  queue_max_ = queue_max;
  admit_waiters();
}

void CallQueue::leave() {
  --in_flight_;
  admit_waiters();
}

void CallQueue::admit_waiters() {
  while (in_flight_ < in_flight_max_ && !waiters_.empty()) {
    // Counted here, not when its coroutine resumes: nobody may slip in between.
    ++in_flight_;
    waiters_.front()->decide(Waiter::State::kAdmitted);
    waiters_.pop_front();
  }
}

}  // namespace mcpgate::sandboxd
