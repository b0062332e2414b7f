#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/identity.h"
#include "base/random.h"
#include "base/seal.h"
#include "json/parse.h"

namespace mcpgate::gateway {

/// What the tool of one call of 2026-07-28 has been told: the client's responses, and the results
/// of the calls that it made. A question ends the request; the client carries this, sealed, to the
/// next one, where the tool runs again and is told the same in the same order.
class Transcript {
 public:
  /// What it belongs to: a hash of the call, by which the transcript of another one does not open.
  explicit Transcript(std::string call) : call_(std::move(call)) {}

  /// One that the principal was given for this call and that has not expired. kInvalidArgument for
  /// all else.
  [[nodiscard]] static Expected<Transcript> open(const Sealer& sealer, std::string_view token,
                                                 const Principal& principal, std::string call,
                                                 WallTime now);
  [[nodiscard]] std::string seal(const Sealer& sealer, const Principal& principal, WallTime expires,
                                 Random& random) const;

  /// What the question at `place` was told, as JSON bytes: null where it was not asked yet.
  /// kFailedPrecondition where another question was asked there.
  ///
  /// A place is the numbers of the question and of those that it was asked within: `2.1` is the
  /// first question of the tool that the call's second question called.
  [[nodiscard]] Expected<const std::string*> find(const std::string& place,
                                                  std::string_view question) const;
  /// What was asked within the question goes: it has its answer.
  void add(const std::string& place, std::string_view question, std::string answer);

  /// How often the client was asked.
  [[nodiscard]] std::size_t rounds() const { return rounds_; }
  void count_round() { ++rounds_; }
  /// About what it takes, sealed.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    /// A hash of what was asked.
    std::string question;
    std::string answer;
  };
  [[nodiscard]] bool read(std::string_view text);

  std::string call_;
  std::size_t rounds_ = 0;
  std::size_t bytes_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace mcpgate::gateway
