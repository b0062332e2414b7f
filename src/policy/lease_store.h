#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace mcpgate::policy {

/// Where several replicas take parts of one budget: calls that may begin in a window. Any thread.
class LeaseStore {
 public:
  struct Ask {
    /// Of the budget. Nobody's name is in it.
    std::string key;
    /// Of all replicas together.
    std::uint64_t limit = 0;
    /// At least 1.
    std::uint64_t wish = 0;
    /// How long the store has to remember the budget.
    std::chrono::milliseconds keep{0};
  };
  struct Grant {
    /// At most what was wished; all grants of a key together are at most its limit.
    std::uint64_t granted = 0;
    /// What nobody has taken yet.
    std::uint64_t rest = 0;
  };
  /// Of asks that were answered.
  struct Counts {
    std::uint64_t granted = 0;
    /// Of a budget of which nothing was left.
    std::uint64_t exhausted = 0;
    /// The store did not answer, or not as it should.
    std::uint64_t failed = 0;
    /// Whether the store answered last time.
    bool is_connected = false;
  };
  /// Nothing: the store did not answer.
  using Answered = std::function<void(std::optional<Grant>)>;

  LeaseStore() = default;
  LeaseStore(const LeaseStore&) = delete;
  LeaseStore& operator=(const LeaseStore&) = delete;
  virtual ~LeaseStore() = default;

  /// Calls `answered` once, on any thread, and not before this has come back.
  virtual void ask(Ask ask, Answered answered) = 0;
  /// Whether an answer is to be hoped for: not while the store is known to be down.
  [[nodiscard]] virtual bool may_answer() const = 0;
  [[nodiscard]] virtual Counts counts() const = 0;
};

}  // namespace mcpgate::policy
