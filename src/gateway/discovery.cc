#include "gateway/discovery.h"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "gateway/tool_set_source.h"

namespace mcpgate::gateway {

namespace {

/// How long a daemon may hold the answer to "what is new?": its contract says 30 s.
constexpr std::chrono::seconds kPollWait{30};
/// Between attempts to reach a sandbox that is away: soon enough that its return is felt as at
/// once, seldom enough to cost nothing.
constexpr std::chrono::milliseconds kRetryFirst{50};
constexpr std::chrono::milliseconds kRetryLast{1000};
/// The same for an upstream, which may count attempts with a wrong credential.
constexpr std::chrono::milliseconds kUpstreamRetryLast{30'000};
/// After an answer: one that comes at once, again and again, must not keep the loop busy.
constexpr std::chrono::milliseconds kPollPause{50};
/// A set has failed, rather than not answered yet, after this.
constexpr std::chrono::seconds kPatience{10};
/// The same of a daemon that is there and says nothing: it loads its interpreter, for which it has
/// 120 s (docs/reference/limits.md).
constexpr std::chrono::seconds kLoadPatience{130};

}  // namespace

/// One set and the coroutine that polls it. Shared with it: `discovery` becomes null when nobody
/// follows the set any more.
struct Discovery::Follower {
  Follower(Discovery& owner, const ToolSetRoute& where)
      : discovery(&owner),
        route(where),
        source(owner.loop_, where, owner.clock_),
        timer(owner.loop_) {}

  Discovery* discovery;
  ToolSetRoute route;
  ToolSetSource source;
  asio::steady_timer timer;
};

Discovery::Discovery(asio::io_context& loop, const Clock& clock, OnChange on_change)
    : loop_(loop), clock_(clock), on_change_(std::move(on_change)) {}

Discovery::~Discovery() {
  follow({});
}

void Discovery::follow(const std::vector<ToolSetRoute>& routes) {
  auto old = std::exchange(followers_, {});
  Sets known = std::exchange(sets_, {});
  for (const ToolSetRoute& route : routes) {
    const std::string& name = route.view.name;
    // What a set offered stays listed until its sandbox, perhaps another one now, has answered.
    Found& found = sets_.emplace(name, std::move(known[name])).first->second;
    const auto follower = old.find(name);
    if (found.manifest && follower != old.end() && follower->second->route.view != route.view) {
      found.tools = compile_tools(route.view, *found.manifest);
    }
    if (follower != old.end() && follower->second->source.follow(route)) {
      follower->second->route = route;
      followers_.insert(old.extract(follower));
      continue;
    }
    auto fresh = std::make_shared<Follower>(*this, route);
    followers_.emplace(name, fresh);
    asio::co_spawn(loop_, poll(std::move(fresh)), asio::detached);
  }
  for (auto& [name, follower] : old) {
    follower->discovery = nullptr;
    follower->timer.cancel();
  }
}

void Discovery::take(const Follower& follower, State state,
                     std::optional<sandbox::Manifest> manifest) {
  Found& found = sets_.find(follower.route.view.name)->second;
  if (manifest) {
    const auto before = std::exchange(
        found.manifest, std::make_shared<const sandbox::Manifest>(*std::move(manifest)));
    if (before && before->digest == found.manifest->digest &&
        before->instance == found.manifest->instance && found.state == state) {
      on_change_();  // Of what its tools say of its resources alone.
      return;
    }
    found.tools = compile_tools(follower.route.view, *found.manifest);
    log_info("tool set {}: {} tools, profile {}", follower.route.view.name,
             found.tools->tools.size(), found.manifest->profile);
  } else if (found.state == state) {
    return;
  }
  found.state = state;
  on_change_();
}

void Discovery::give_up(const Follower& follower, const Error& error) {
  const std::string& name = follower.route.view.name;
  if (sets_.find(name)->second.state != State::kFailed) {
    log_warn("tool set {}: its {} does not answer: {}", name,
             follower.route.upstream ? "upstream" : "sandbox", error.message);
  }
  take(follower, State::kFailed, std::nullopt);
}

Task<void> Discovery::poll(std::shared_ptr<Follower> follower) {
  std::string known;
  std::chrono::milliseconds retry = kRetryFirst;
  const SteadyTime started = follower->discovery->clock_.steady_now();
  while (follower->discovery != nullptr) {
    auto manifest =
        co_await follower->source.fetch(known, known.empty() ? std::chrono::seconds{0} : kPollWait);
    if (follower->discovery == nullptr) {
      co_return;
    }
    std::chrono::milliseconds pause = kPollPause;
    if (manifest) {
      retry = kRetryFirst;
      if (const std::optional<sandbox::Manifest>& changed = *manifest) {
        known = changed->digest;
      }
      follower->discovery->take(*follower, State::kReady, *std::move(manifest));
    } else {
      const bool loads =
          !follower->route.upstream && manifest.error().code == ErrorCode::kDeadlineExceeded;
      const auto waited = follower->discovery->clock_.steady_now() - started;
      if (waited >= (loads ? kLoadPatience : kPatience) || !known.empty()) {
        follower->discovery->give_up(*follower, manifest.error());
      }
      const auto last = follower->route.upstream ? kUpstreamRetryLast : kRetryLast;
      pause = std::exchange(retry, std::min(retry * 2, last));
    }
    follower->timer.expires_after(pause);
    (void)co_await follower->timer.async_wait(kAwait);
  }
}

}  // namespace mcpgate::gateway
