#include "gateway/open_streams.h"

#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

namespace mcpgate::gateway {

struct OpenStreams::State {
  struct OfSession {
    std::uint64_t number;
    asio::any_io_executor executor;
    std::function<void()> end;
  };

  std::mutex mutex;
  std::size_t count = 0;
  std::uint64_t last_number = 0;
  std::unordered_map<std::string, std::size_t> by_principal;
  /// In the order in which they were opened.
  std::unordered_map<std::string, std::vector<OfSession>> by_session;
};

OpenStreams::Place::~Place() {
  if (state_ == nullptr) {
    return;
  }
  const std::scoped_lock lock(state_->mutex);
  --state_->count;
  const auto count = state_->by_principal.find(principal_);
  if (--count->second == 0) {
    state_->by_principal.erase(count);
  }
  const auto siblings = state_->by_session.find(session_);
  if (siblings != state_->by_session.end()) {
    std::erase_if(siblings->second, [this](const auto& one) { return one.number == number_; });
    if (siblings->second.empty()) {
      state_->by_session.erase(siblings);
    }
  }
}

bool OpenStreams::Place::is_youngest() const {
  if (session_.empty()) {
    return true;
  }
  const std::scoped_lock lock(state_->mutex);
  const auto siblings = state_->by_session.find(session_);
  return siblings != state_->by_session.end() && siblings->second.back().number == number_;
}

OpenStreams::OpenStreams() : state_(std::make_shared<State>()) {}

std::expected<OpenStreams::Place, OpenStreams::Full> OpenStreams::open(
    const Principal& principal, std::string_view session, const Limits& limits,
    asio::any_io_executor executor, std::function<void()> end) {
  std::string who = principal.issuer + '\0' + principal.subject;
  const std::scoped_lock lock(state_->mutex);
  if (state_->count >= limits.all_max) {
    return std::unexpected(Full::kAll);
  }
  const auto known = state_->by_principal.find(who);
  if ((known == state_->by_principal.end() ? 0 : known->second) >= limits.per_principal_max) {
    return std::unexpected(Full::kPrincipal);
  }
  ++state_->count;
  ++state_->by_principal[who];
  const std::uint64_t number = ++state_->last_number;
  if (!session.empty()) {
    state_->by_session[std::string(session)].push_back(
        {.number = number, .executor = std::move(executor), .end = std::move(end)});
  }
  return Place(state_, std::move(who), std::string(session), number);
}

void OpenStreams::end(std::string_view session) {
  const std::scoped_lock lock(state_->mutex);
  const auto streams = state_->by_session.find(std::string(session));
  if (streams == state_->by_session.end()) {
    return;
  }
  for (const State::OfSession& stream : streams->second) {
    asio::post(stream.executor, stream.end);
  }
}

}  // namespace mcpgate::gateway
