#include "gateway/sessions.h"

#include <algorithm>

namespace mcpgate::gateway {

Sessions::Session& Sessions::remembered(std::string_view session) {
  const auto [place, added] = sessions_.try_emplace(std::string(session));
  if (added) {
    any_ = true;
    order_.push_back(place->first);
    if (order_.size() > limits_.sessions_max) {
      forget_oldest();
    }
  }
  return place->second;
}

void Sessions::drop_uris(Session& session) {
  for (const std::string& uri : session.uris) {
    uri_bytes_ -= uri.size();
  }
  session.uris.clear();
}

void Sessions::forget_oldest() {
  const auto oldest = sessions_.find(order_.front());
  drop_uris(oldest->second);
  sessions_.erase(oldest);
  order_.pop_front();
}

void Sessions::set_log_level(std::string_view session, mcp::LogLevel level) {
  const std::scoped_lock lock(mutex_);
  remembered(session).log_level = level;
}

std::optional<mcp::LogLevel> Sessions::log_level_of(std::string_view session) const {
  if (!any_) {
    return std::nullopt;
  }
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(std::string(session));
  return found == sessions_.end() ? std::nullopt : found->second.log_level;
}

bool Sessions::subscribe(std::string_view session, std::string_view uri, std::size_t most) {
  const std::scoped_lock lock(mutex_);
  auto& uris = remembered(session).uris;
  if (std::ranges::find(uris, uri) != uris.end()) {
    return true;
  }
  if (uris.size() >= most) {
    return false;
  }
  uris.emplace_back(uri);
  uri_bytes_ += uri.size();
  while (uri_bytes_ > limits_.uri_bytes_max && order_.size() > 1) {
    forget_oldest();
  }
  return true;
}

void Sessions::unsubscribe(std::string_view session, std::string_view uri) {
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(std::string(session));
  if (found != sessions_.end()) {
    uri_bytes_ -= uri.size() * std::erase(found->second.uris, uri);
  }
}

std::vector<std::string> Sessions::subscriptions_of(std::string_view session) const {
  if (!any_) {
    return {};
  }
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(std::string(session));
  return found == sessions_.end() ? std::vector<std::string>() : found->second.uris;
}

void Sessions::end(std::string_view session) {
  const std::scoped_lock lock(mutex_);
  Session& ended = remembered(session);
  drop_uris(ended);
  ended = {.log_level = std::nullopt, .uris = {}, .ended = true};
}

bool Sessions::has_ended(std::string_view session) const {
  if (!any_) {
    return false;
  }
  const std::scoped_lock lock(mutex_);
  const auto found = sessions_.find(std::string(session));
  return found != sessions_.end() && found->second.ended;
}

}  // namespace mcpgate::gateway
