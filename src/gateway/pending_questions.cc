#include "gateway/pending_questions.h"

#include <utility>

#include <boost/asio/post.hpp>

namespace mcpgate::gateway {

namespace {

constexpr std::size_t kIdBytes = 16;

/// A session id has no line feed.
std::string key_of(std::string_view session, std::string_view id) {
  return std::string(session).append("\n").append(id);
}

}  // namespace

std::string new_question_id(Random& random) {
  return '"' + random.hex(kIdBytes) + '"';
}

PendingQuestions::Pending::Pending(PendingQuestions& questions, std::string_view session,
                                   std::string id, asio::io_context& loop)
    : questions_(questions),
      id_(std::move(id)),
      key_(key_of(session, id_)),
      waiting_(std::make_shared<Waiting>(loop)) {
  const std::scoped_lock lock(questions_.mutex_);
  questions_.pending_.emplace(key_, waiting_);
}

PendingQuestions::Pending::~Pending() {
  const std::scoped_lock lock(questions_.mutex_);
  questions_.pending_.erase(key_);
}

Task<std::optional<PendingQuestions::Response>> PendingQuestions::Pending::wait(SteadyTime until) {
  if (!waiting_->response && !waiting_->given_up) {
    waiting_->wake.expires_at(until);
    co_await waiting_->wake.async_wait(kAwait);
  }
  co_return std::exchange(waiting_->response, std::nullopt);
}

void PendingQuestions::Pending::give_up() {
  waiting_->given_up = true;
  waiting_->wake.cancel();
}

bool PendingQuestions::answer(std::string_view session, std::string_view id, Response response) {
  const std::scoped_lock lock(mutex_);
  const auto found = pending_.find(key_of(session, id));
  if (found == pending_.end()) {
    return false;
  }
  asio::post(found->second->io,
             [waiting = found->second, response = std::move(response)]() mutable {
               waiting->response = std::move(response);
               waiting->wake.cancel();
             });
  pending_.erase(found);
  return true;
}

}  // namespace mcpgate::gateway
