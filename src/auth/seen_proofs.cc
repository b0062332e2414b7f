#include "auth/seen_proofs.h"

#include <limits>

namespace mcpgate::auth {
namespace {

/// Seconds that are forgotten at once, so that no request waits for all that a quiet hour left
/// behind. No request adds more than one.
constexpr int kForgottenAtOnce = 4;

std::int64_t second_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

void SeenProofs::forget_old(const Limits& limits, WallTime now, int seconds_max) {
  for (int i = 0; i < seconds_max && !seconds_.empty(); ++i) {
    const auto oldest = seconds_.begin();
    if (WallTime(std::chrono::seconds(oldest->first + 1)) + limits.window > now) {
      return;
    }
    for (const auto& [proof, count] : oldest->second) {
      if (--count->second == 0) {
        counts_.erase(counts_.find(count->first));
      }
    }
    size_ -= oldest->second.size();
    forgotten_ = oldest->first;
    seconds_.erase(oldest);
  }
}

SeenProofs::Verdict SeenProofs::room_for(const std::string& owner, const Limits& limits) const {
  const auto count = counts_.find(owner);
  return size_ >= limits.all_max ? Verdict::kFull
         : count != counts_.end() && count->second >= limits.per_principal_max
             ? Verdict::kFullForPrincipal
             : Verdict::kNew;
}

SeenProofs::Verdict SeenProofs::look_up(const Sha256Digest& proof, WallTime issued,
                                        const Principal& principal, const Limits& limits,
                                        WallTime now, bool is_used) {
  const std::int64_t second = second_of(issued);
  const std::string owner = principal.issuer + '\0' + principal.subject;
  const std::lock_guard lock(mutex_);
  forget_old(limits, now, kForgottenAtOnce);
  if (second <= forgotten_) {
    return Verdict::kForgotten;
  }
  if (const auto known = seconds_.find(second);
      known != seconds_.end() && known->second.contains(proof)) {
    return Verdict::kSeen;
  }
  Verdict room = room_for(owner, limits);
  if (room != Verdict::kNew) {
    forget_old(limits, now, std::numeric_limits<int>::max());
    room = room_for(owner, limits);
  }
  if (room == Verdict::kNew && is_used) {
    Count& count = *counts_.try_emplace(owner, 0).first;
    seconds_[second].emplace(proof, &count);
    ++count.second;
    ++size_;
  }
  return room;
}

std::size_t SeenProofs::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace mcpgate::auth
