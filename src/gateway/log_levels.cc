#include "gateway/log_levels.h"

namespace mcpgate::gateway {

void LogLevels::set(std::string_view session, mcp::LogLevel level) {
  const std::scoped_lock lock(mutex_);
  const auto [place, added] = levels_.insert_or_assign(std::string(session), level);
  if (!added) {
    return;
  }
  any_ = true;
  order_.push_back(place->first);
  if (order_.size() > sessions_max_) {
    levels_.erase(order_.front());
    order_.pop_front();
  }
}

std::optional<mcp::LogLevel> LogLevels::of(std::string_view session) const {
  if (!any_) {
    return std::nullopt;
  }
  const std::scoped_lock lock(mutex_);
  const auto found = levels_.find(std::string(session));
  return found == levels_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace mcpgate::gateway
