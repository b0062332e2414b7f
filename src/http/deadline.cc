#include "http/deadline.h"

#include <iterator>
#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace mcpgate::http {

// Shared with the timer's handler, which may run after the queue is gone.
struct DeadlineQueue::State : std::enable_shared_from_this<State> {
  using List = boost::intrusive::list<Deadline, boost::intrusive::constant_time_size<false>>;

  explicit State(asio::io_context& loop) : timer(loop) {}

  // The timer is left alone when its deadline is cancelled: it wakes up once for nothing instead of
  // being set anew for each operation.
  void wait() {
    if (closed || list.empty() || list.front().at_ >= timer_at) {
      return;
    }
    timer_at = list.front().at_;
    timer.expires_at(timer_at);
    timer.async_wait([self = shared_from_this(), at = timer_at](boost::system::error_code) {
      if (!self->closed && self->timer_at == at) {
        self->expire();
      }
    });
  }

  void expire() {
    timer_at = SteadyTime::max();
    const SteadyTime now = std::chrono::steady_clock::now();
    while (!list.empty() && list.front().at_ <= now) {
      Deadline& first = list.front();
      first.unlink();
      first.expired_();
    }
    wait();
  }

  asio::steady_timer timer;
  List list;
  SteadyTime timer_at = SteadyTime::max();
  bool closed = false;
};

DeadlineQueue::DeadlineQueue(asio::io_context& loop) : state_(std::make_shared<State>(loop)) {}

DeadlineQueue::~DeadlineQueue() {
  state_->closed = true;
  state_->list.clear();
  state_->timer.cancel();
}

void DeadlineQueue::arm(Deadline& deadline, SteadyTime at) {
  deadline.unlink();
  if (at == SteadyTime::max()) {
    return;
  }
  deadline.at_ = at;
  auto place = state_->list.end();
  while (place != state_->list.begin() && std::prev(place)->at_ > at) {
    --place;
  }
  state_->list.insert(place, deadline);
  state_->wait();
}

bool DeadlineQueue::expire_first() {
  if (state_->list.empty()) {
    return false;
  }
  Deadline& first = state_->list.front();
  first.unlink();
  first.expired_();
  return true;
}

}  // namespace mcpgate::http
