#include "auth/logouts.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

namespace mcpgate::auth {

namespace {

/// No issuer has a line feed in its name, so that no two of these texts are the same.
Sha256Digest digest_of(std::string_view kind, std::string_view issuer, std::string_view name) {
  std::string text(kind);
  text.append("\n").append(issuer).append("\n").append(name);
  return sha256(text);
}

}  // namespace

Sha256Digest session_digest(std::string_view issuer, std::string_view session) {
  return digest_of("session", issuer, session);
}

Sha256Digest subject_digest(std::string_view issuer, std::string_view subject) {
  return digest_of("subject", issuer, subject);
}

bool Logouts::add(const Logout& logout, const Limits& limits, WallTime now) {
  const std::unique_lock lock(mutex_);
  const auto [entry, is_new] = at_.try_emplace(logout.whose, logout.at);
  if (!is_new) {
    if (logout.at <= entry->second) {
      return false;
    }
    entry->second = logout.at;
  }
  known_.push_back({.number = ++last_, .logout = logout, .learned = now});
  forget(limits, now);
  size_.store(at_.size(), std::memory_order_release);
  wake_all();
  return true;
}

/// With the lock held: those that are too old or too many.
void Logouts::forget(const Limits& limits, WallTime now) {
  while (!known_.empty() &&
         (known_.size() > limits.entries_max || known_.front().learned + limits.kept <= now)) {
    const Logout& oldest = known_.front().logout;
    // A later logout of the same is still known.
    if (const auto entry = at_.find(oldest.whose);
        entry != at_.end() && entry->second == oldest.at) {
      at_.erase(entry);
    }
    known_.pop_front();
  }
}

bool Logouts::covers(const TokenOrigin& origin) const {
  if (size_.load(std::memory_order_acquire) == 0) {
    return false;
  }
  const std::shared_lock lock(mutex_);
  if (origin.session && at_.contains(*origin.session)) {
    return true;
  }
  const auto subject = at_.find(origin.subject);
  return subject != at_.end() && (!origin.issued || *origin.issued <= subject->second);
}

Logouts::Page Logouts::since(std::uint64_t number, std::size_t logouts_max) const {
  const std::shared_lock lock(mutex_);
  // A number from another start of this replica may be ahead of ours.
  Page page{.next = std::min(number, last_), .logouts = {}};
  auto at = std::ranges::upper_bound(known_, number, {}, &Known::number);
  for (; at != known_.end() && page.logouts.size() < logouts_max; ++at) {
    page.logouts.push_back(at->logout);
    page.next = at->number;
  }
  return page;
}

void Logouts::wake_at_news(std::uint64_t number, const std::shared_ptr<const Wake>& wake) {
  const std::unique_lock lock(mutex_);
  std::erase_if(waiting_, [](const auto& waiting) { return waiting.expired(); });
  waiting_.push_back(wake);
  if (last_ > number) {
    wake_all();
  }
}

/// With the lock held.
void Logouts::wake_all() {
  for (const auto& waiting : std::exchange(waiting_, {})) {
    if (const auto wake = waiting.lock()) {
      (*wake)();
    }
  }
}

}  // namespace mcpgate::auth
