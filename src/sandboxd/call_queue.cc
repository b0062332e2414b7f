#include "sandboxd/call_queue.h"

#include <algorithm>

#include <boost/asio/steady_timer.hpp>

namespace mcpgate::sandboxd {

struct CallQueue::Waiter {
  enum class State { kWaiting, kAdmitted, kCancelled };

  Waiter(asio::io_context& loop, Entrant wanted)
      : entrant(std::move(wanted)), timer(loop, entrant.deadline) {}

  /// Decided once; the timer's end resumes the waiting coroutine, which looks here.
  void decide(State decision) {
    state = decision;
    timer.cancel();
  }

  Entrant entrant;
  asio::steady_timer timer;
  State state = State::kWaiting;
};

Task<Expected<CallQueue::Place>> CallQueue::enter(Entrant entrant) {
  // Nobody is passed over: whoever waits although there is room has a tool without.
  if (has_place(entrant)) {
    take_place(entrant);
    co_return Place(shared_from_this(), entrant);
  }
  if (!may_wait(entrant)) {
    co_return fail(ErrorCode::kResourceExhausted, "{} calls run and {} wait", all_.in_flight,
                   waiters_.size());
  }
  count(entrant.tool, &Counts::waiting, 1);
  const auto waiter = std::make_shared<Waiter>(loop_, std::move(entrant));
  waiters_.push_back(waiter);
  co_await waiter->timer.async_wait(kAwait);
  if (waiter->state == Waiter::State::kAdmitted) {
    co_return Place(shared_from_this(), waiter->entrant);
  }
  if (waiter->state == Waiter::State::kCancelled) {
    co_return fail(ErrorCode::kCancelled, "cancelled while it waited for a place");
  }
  std::erase(waiters_, waiter);
  count(waiter->entrant.tool, &Counts::waiting, -1);
  co_return fail(ErrorCode::kDeadlineExceeded, "no place became free before the deadline");
}

void CallQueue::cancel(std::string_view call_id) {
  const auto found = std::ranges::find_if(
      waiters_, [call_id](const auto& waiter) { return waiter->entrant.call_id == call_id; });
  if (found != waiters_.end()) {
    count((*found)->entrant.tool, &Counts::waiting, -1);
    (*found)->decide(Waiter::State::kCancelled);
    waiters_.erase(found);
  }
}

void CallQueue::set_bounds(Bounds bounds) {
  bounds_ = bounds;
  admit_waiters();
}

CallQueue::Counts CallQueue::counts_of(std::string_view tool) const {
  const auto found = tools_.find(tool);
  return found == tools_.end() ? Counts{} : found->second;
}

bool CallQueue::has_place(const Entrant& entrant) const {
  return (entrant.borrows || all_.has_place(bounds_)) &&
         (entrant.tool.empty() || counts_of(entrant.tool).has_place(entrant.tool_bounds));
}

bool CallQueue::may_wait(const Entrant& entrant) const {
  return waiters_.size() < bounds_.waiting_max &&
         (entrant.tool.empty() ||
          counts_of(entrant.tool).waiting < entrant.tool_bounds.waiting_max);
}

void CallQueue::count(const std::string& tool, std::size_t Counts::* member, int step) {
  if (tool.empty()) {
    return;
  }
  const auto counts = tools_.try_emplace(tool).first;
  counts->second.*member += static_cast<std::size_t>(step);
  if (counts->second.in_flight == 0 && counts->second.waiting == 0) {
    tools_.erase(counts);
  }
}

void CallQueue::take_place(const Entrant& entrant) {
  all_.in_flight += entrant.borrows ? 0 : 1;
  count(entrant.tool, &Counts::in_flight, 1);
}

void CallQueue::count_ending(const Place& place, int step) {
  all_.ending += static_cast<std::size_t>(place.borrowed_ ? 0 : step);
  count(place.tool_, &Counts::ending, step);
}

void CallQueue::set_ending(const Place& place) {
  count_ending(place, 1);
  admit_waiters();
}

void CallQueue::leave(const Place& place) {
  if (place.ending_) {
    count_ending(place, -1);
  }
  all_.in_flight -= place.borrowed_ ? 0 : 1;
  count(place.tool_, &Counts::in_flight, -1);
  admit_waiters();
}

void CallQueue::admit_waiters() {
  for (auto next = waiters_.begin(); next != waiters_.end();) {
    const std::shared_ptr<Waiter> waiter = *next;
    if (!has_place(waiter->entrant)) {
      ++next;  // Its tool may be what is full; the others need not wait for that.
      continue;
    }
    next = waiters_.erase(next);
    // Counted here, not when its coroutine resumes: nobody may slip in between.
    take_place(waiter->entrant);
    count(waiter->entrant.tool, &Counts::waiting, -1);
    waiter->decide(Waiter::State::kAdmitted);
  }
}

}  // namespace mcpgate::sandboxd
