#include "gateway/running_calls.h"

#include <utility>

#include <boost/asio/post.hpp>

namespace mcpgate::gateway {

namespace {

/// A session id has no line feed.
std::string key_of(std::string_view session, std::string_view request_id) {
  std::string key(session);
  key += '\n';
  key += request_id;
  return key;
}

}  // namespace

RunningCalls::Registration::Registration(Registration&& other) noexcept
    : calls_(std::exchange(other.calls_, nullptr)), key_(std::move(other.key_)) {}

RunningCalls::Registration::~Registration() {
  if (calls_ != nullptr) {
    const std::scoped_lock lock(calls_->mutex_);
    calls_->entries_.erase(key_);
  }
}

RunningCalls::Registration RunningCalls::add(std::string_view session, std::string_view request_id,
                                             asio::any_io_executor executor,
                                             std::function<void()> cancel) {
  std::string key = key_of(session, request_id);
  const std::scoped_lock lock(mutex_);
  const bool added =
      entries_.try_emplace(key, Entry{std::move(executor), std::move(cancel)}).second;
  return added ? Registration(this, std::move(key)) : Registration();
}

void RunningCalls::cancel(std::string_view session, std::string_view request_id) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(key_of(session, request_id));
  if (found != entries_.end()) {
    asio::post(found->second.executor, std::move(found->second.cancel));
    found->second.cancel = [] {};
  }
}

}  // namespace mcpgate::gateway
