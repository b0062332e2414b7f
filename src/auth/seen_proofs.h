#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "auth/token_map.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/identity.h"

namespace mcpgate::auth {

/// The DPoP proofs that were used in this process and could be used again (RFC 9449, 11.1).
/// Bounded, in all and for one principal, and it forgets none before its time: where there is no
/// room, a proof cannot be used. Thread-safe: one for all loops, since a second connection may be
/// another loop's.
class SeenProofs {
 public:
  struct Limits {
    /// How far the time of a proof may be from ours: it is remembered until it is too old.
    std::chrono::milliseconds window{300'000};
    std::size_t all_max = 200'000;
    std::size_t per_principal_max = 20'000;
  };
  /// kForgotten: so old that nobody can say any more whether it was used; the clock was put back,
  /// or the window made longer.
  enum class Verdict { kNew, kSeen, kForgotten, kFull, kFullForPrincipal };

  SeenProofs() = default;
  SeenProofs(const SeenProofs&) = delete;
  SeenProofs& operator=(const SeenProofs&) = delete;
  ~SeenProofs() = default;

  /// Whether `proof` may be used, and if `is_used`, that it now was. `issued` is its own time, the
  /// same each time that it comes, and within the window of `now`.
  [[nodiscard]] Verdict look_up(const Sha256Digest& proof, WallTime issued,
                                const Principal& principal, const Limits& limits, WallTime now,
                                bool is_used);

  [[nodiscard]] std::size_t size() const;

 private:
  /// How many are remembered of one principal: issuer and subject.
  using Count = std::pair<const std::string, std::size_t>;
  /// Of one second, each with whose it is.
  using Second = std::unordered_map<Sha256Digest, Count*, DigestHash>;

  void forget_old(const Limits& limits, WallTime now, int seconds_max);
  [[nodiscard]] Verdict room_for(const std::string& owner, const Limits& limits) const;

  mutable std::mutex mutex_;
  /// By the second in which they were issued.
  std::map<std::int64_t, Second> seconds_;
  std::unordered_map<std::string, std::size_t> counts_;
  std::size_t size_ = 0;
  /// Up to this second everything was forgotten.
  std::int64_t forgotten_ = -1;
};

}  // namespace mcpgate::auth
