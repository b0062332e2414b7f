#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "gateway/snapshot.h"
#include "sandbox/client.h"

namespace mcpgate::gateway {

/// Learns what each tool set offers, by a long poll on its sandbox or upstream, and follows every
/// change.
///
/// One loop. A set whose sandbox is away keeps the tools it had: calls then say that it is not
/// available, which tells a client more than a list that shrinks and grows.
class Discovery {
 public:
  /// How far a set has come.
  enum class State { kPending, kReady, kFailed };

  struct Found {
    State state = State::kPending;
    /// Null until it has answered.
    std::shared_ptr<const sandbox::Manifest> manifest;
    /// Of that, what this gateway serves; null with it.
    std::shared_ptr<const ToolSetTools> tools;
  };
  /// By name of the tool set.
  using Sets = std::map<std::string, Found, std::less<>>;
  using OnChange = std::function<void()>;

  /// `on_change` is called on the loop whenever sets() has changed.
  Discovery(asio::io_context& loop, const Clock& clock, OnChange on_change);
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;
  ~Discovery();

  /// Follows exactly these sets from now on. What is known of one whose route did not change stays,
  /// as the route's view shows it.
  void follow(const std::vector<ToolSetRoute>& routes);

  [[nodiscard]] const Sets& sets() const { return sets_; }

 private:
  struct Follower;

  static Task<void> poll(std::shared_ptr<Follower> follower);
  void take(const Follower& follower, State state, std::optional<sandbox::Manifest> manifest);
  void give_up(const Follower& follower, const Error& error);

  asio::io_context& loop_;
  const Clock& clock_;
  OnChange on_change_;
  std::map<std::string, std::shared_ptr<Follower>, std::less<>> followers_;
  Sets sets_;
};

}  // namespace mcpgate::gateway
