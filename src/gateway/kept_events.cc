#include "gateway/kept_events.h"

#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace mcpgate::gateway {

namespace {

/// What keeping a call, and each of its messages, costs beside the bytes themselves.
constexpr std::size_t kCallBytes = 512;
constexpr std::size_t kMessageBytes = 48;

}  // namespace

struct KeptEvents::Call {
  std::string id;
  Limits limits;
  asio::any_io_executor executor;
  OnPresence presence;

  // With the lock held.
  std::vector<std::string> messages;
  std::size_t bytes = kCallBytes;
  bool has_ended = false;
  /// Too much was said: nothing is kept any more.
  bool is_dropped = false;
  /// Counts the streams that took over; the last one, if any, is read and woken.
  std::uint64_t last_reader = 0;
  asio::any_io_executor reader_executor;
  std::function<void()> wake;
};

struct KeptEvents::State {
  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<Call>> calls;
  /// Those that have ended, the first in front.
  std::deque<std::shared_ptr<Call>> ended;
  std::size_t bytes = 0;
  /// The loops may be no more.
  bool is_over = false;

  // All with the lock held.

  /// Whether there is room for `bytes` more, perhaps at the cost of calls that have ended.
  [[nodiscard]] bool make_room(std::size_t wanted, std::size_t bytes_max) {
    while (bytes + wanted > bytes_max && !ended.empty()) {
      drop(*std::shared_ptr(ended.front()));
    }
    return bytes + wanted <= bytes_max;
  }

  void drop(Call& call) {
    if (std::exchange(call.is_dropped, true)) {
      return;
    }
    bytes -= call.bytes;
    call.messages = {};
    std::erase_if(ended, [&call](const auto& one) { return one.get() == &call; });
    wake_reader(call);
    calls.erase(call.id);
  }

  static void wake_reader(const Call& call) {
    if (call.wake) {
      asio::post(call.reader_executor, call.wake);
    }
  }
};

KeptEvents::KeptEvents() : state_(std::make_shared<State>()) {}

KeptEvents::~KeptEvents() {
  const std::scoped_lock lock(state_->mutex);
  state_->is_over = true;
}

KeptEvents::Writer KeptEvents::keep(std::string id, const Limits& limits,
                                    asio::any_io_executor executor, OnPresence presence) {
  auto call = std::make_shared<Call>(Call{.id = std::move(id),
                                          .limits = limits,
                                          .executor = std::move(executor),
                                          .presence = std::move(presence)});
  const std::scoped_lock lock(state_->mutex);
  call->is_dropped = !state_->make_room(call->bytes, limits.bytes_max);
  if (!call->is_dropped) {
    state_->bytes += call->bytes;
    state_->calls.emplace(call->id, call);
  }
  return {state_, std::move(call)};
}

KeptEvents::Writer::~Writer() {
  if (call_ == nullptr) {
    return;
  }
  const std::scoped_lock lock(state_->mutex);
  call_->has_ended = true;
  if (state_->is_over || call_->is_dropped) {
    return;
  }
  state_->ended.push_back(call_);
  State::wake_reader(*call_);
  const auto timer = std::make_shared<asio::steady_timer>(call_->executor, call_->limits.window);
  timer->async_wait(
      [timer, state = state_, call = call_](const boost::system::error_code& /*never cancelled*/) {
        const std::scoped_lock locked(state->mutex);
        state->drop(*call);
      });
}

void KeptEvents::Writer::add(std::string_view message) {
  const std::size_t bytes = message.size() + kMessageBytes;
  const std::scoped_lock lock(state_->mutex);
  if (call_->is_dropped) {
    return;
  }
  if (!state_->make_room(bytes, call_->limits.bytes_max)) {
    state_->drop(*call_);
    return;
  }
  state_->bytes += bytes;
  call_->bytes += bytes;
  call_->messages.emplace_back(message);
  State::wake_reader(*call_);
}

std::optional<std::size_t> KeptEvents::Writer::count() const {
  const std::scoped_lock lock(state_->mutex);
  return call_->is_dropped ? std::nullopt : std::optional(call_->messages.size());
}

bool KeptEvents::Writer::is_taken() const {
  const std::scoped_lock lock(state_->mutex);
  return call_->last_reader != 0;
}

std::optional<KeptEvents::Reader> KeptEvents::follow(const std::string& id, std::size_t from,
                                                     asio::any_io_executor executor,
                                                     std::function<void()> wake) {
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->calls.find(id);
  if (found == state_->calls.end()) {
    return std::nullopt;
  }
  const std::shared_ptr<Call>& call = found->second;
  State::wake_reader(*call);
  call->reader_executor = std::move(executor);
  call->wake = std::move(wake);
  asio::post(call->executor, [presence = call->presence] { presence(true); });
  return Reader(state_, call, from, ++call->last_reader);
}

KeptEvents::Reader::~Reader() {
  if (call_ == nullptr) {
    return;
  }
  const std::scoped_lock lock(state_->mutex);
  if (!state_->is_over && number_ == call_->last_reader) {
    call_->wake = nullptr;
    asio::post(call_->executor, [presence = call_->presence] { presence(false); });
  }
}

KeptEvents::Reader::News KeptEvents::Reader::take() {
  const std::scoped_lock lock(state_->mutex);
  News news;
  if (call_->is_dropped || number_ != call_->last_reader) {
    news.is_over = true;
    return news;
  }
  for (; next_ < call_->messages.size(); ++next_) {
    news.messages.push_back(call_->messages[next_]);
  }
  news.is_over = call_->has_ended;
  return news;
}

}  // namespace mcpgate::gateway
