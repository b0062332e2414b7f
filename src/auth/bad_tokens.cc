#include "auth/bad_tokens.h"

#include <chrono>

namespace mcpgate::auth {
namespace {

std::int64_t second_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

IpAddress subscriber_of(std::string_view peer) {
  return IpAddress::parse(peer).value_or(IpAddress()).subscriber();
}

}  // namespace

bool BadTokens::is_this_second(WallTime now) const {
  return second_ == second_of(now);
}

bool BadTokens::has_room_for(std::string_view peer, const Limits& limits, WallTime now) const {
  if (!is_this_second(now)) {
    return true;
  }
  const auto known = counts_.find(subscriber_of(peer));
  if (known != counts_.end()) {
    return known->second < limits.per_peer;
  }
  return counts_.size() < limits.peers_max || others_ < limits.per_peer;
}

void BadTokens::count(std::string_view peer, const Limits& limits, WallTime now) {
  if (!is_this_second(now)) {
    counts_.clear();
    others_ = 0;
    second_ = second_of(now);
  }
  found_.fetch_add(1, std::memory_order_relaxed);
  const IpAddress subscriber = subscriber_of(peer);
  if (const auto known = counts_.find(subscriber); known != counts_.end()) {
    ++known->second;
  } else if (counts_.size() < limits.peers_max) {
    counts_.emplace(subscriber, 1);
  } else {
    ++others_;
  }
}

}  // namespace mcpgate::auth
