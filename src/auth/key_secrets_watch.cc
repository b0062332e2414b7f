// One coroutine lists and watches, again and again; another one looks at how long ago the API was
// last heard of. Both share the state, which the owner leaves by `ended`.

#include "auth/key_secrets_watch.h"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "auth/key_secrets.h"
#include "base/clock.h"
#include "base/log.h"

namespace mcpgate::auth {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;

/// A turn that lasted so long is no failure, however it ended.
constexpr milliseconds kLongTurn{1'000};

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

struct KeySecretsWatch::State {
  State(asio::io_context& on, KubernetesAccess where, OnTable callback, Options bounds)
      : loop(on),
        access(std::move(where)),
        on_table(std::move(callback)),
        options(bounds),
        retry_timer(on),
        age_timer(on) {}

  asio::io_context& loop;
  KubernetesAccess access;
  OnTable on_table;
  Options options;
  asio::steady_timer retry_timer;
  asio::steady_timer age_timer;
  bool ended = false;

  KeySecrets secrets;
  /// Whether `secrets` is a whole list from which to watch on.
  bool listed = false;
  SteadyTime listed_at{};
  SteadyTime heard_at = now();
  /// Whether the table in force is `secrets`.
  bool in_force = false;
  bool failing = false;

  void publish() {
    if (!ended) {
      in_force = true;
      on_table(secrets.table());
    }
  }

  Task<Expected<void>> list(SecretsApi& api) {
    KeySecrets fresh;
    std::string next;
    do {
      auto page = co_await api.list(std::move(next));
      auto rest = page ? fresh.add_page(*page) : std::unexpected(std::move(page.error()));
      if (!rest) {
        co_return std::unexpected(std::move(rest.error()));
      }
      heard_at = now();
      next = *std::move(rest);
    } while (!next.empty());
    secrets = std::move(fresh);
    listed = true;
    listed_at = now();
    publish();
    co_return Expected<void>();
  }

  /// What the watch brings; nothing when it begins.
  Expected<void> take(std::string_view bytes) {
    if (ended) {
      return fail(ErrorCode::kCancelled, "nobody watches any more");
    }
    if (!listed) {  // The process was stopped for so long that age() came first.
      return fail(ErrorCode::kOutOfRange, "the watch is too old");
    }
    heard_at = now();
    if (std::exchange(failing, false)) {
      log_info("API keys: the Kubernetes API answers again");
    }
    if (TRY(secrets.feed(bytes))) {
      publish();
    }
    return {};
  }

  /// Lists where that is due, then watches to the end of the watch.
  Task<Expected<void>> turn() {
    auto api = SecretsApi::open(loop, access);
    if (!api) {
      co_return std::unexpected(std::move(api.error()));
    }
    if (!listed || now() - listed_at >= options.resync) {
      if (auto done = co_await list(**api); !done) {
        co_return done;
      }
    }
    secrets.begin_watch();
    const auto length = std::chrono::ceil<seconds>(options.stale_max / 3);
    co_return co_await (*api)->watch(secrets.resource_version(), length,
                                     [this](std::string_view bytes) { return take(bytes); });
  }

  /// A turn is over. What the watch brought so far stays good unless it could not be understood.
  void digest(const Expected<void>& done) {
    if (done) {
      return;
    }
    const ErrorCode code = done.error().code;
    listed = listed && (code == ErrorCode::kUnavailable || code == ErrorCode::kDeadlineExceeded ||
                        code == ErrorCode::kUnauthenticated);
    if (code != ErrorCode::kOutOfRange && !ended && !std::exchange(failing, true)) {
      log_warn("API keys cannot be followed{}: {}", in_force ? "; those known stay in use" : "",
               done.error().message);
    }
  }
};

KeySecretsWatch::KeySecretsWatch(asio::io_context& loop, KubernetesAccess access, OnTable on_table,
                                 Options options)
    : state_(std::make_shared<State>(loop, std::move(access), std::move(on_table), options)) {
  state_->on_table(KeyTable::unavailable());
  asio::co_spawn(loop, follow(state_), asio::detached);
  asio::co_spawn(loop, age(state_), asio::detached);
}

KeySecretsWatch::~KeySecretsWatch() {
  state_->ended = true;
  state_->retry_timer.cancel();
  state_->age_timer.cancel();
}

Task<void> KeySecretsWatch::follow(std::shared_ptr<State> state) {
  milliseconds retry = state->options.retry_first;
  while (!state->ended) {
    const SteadyTime begun = now();
    state->digest(co_await state->turn());
    if (now() - begun >= kLongTurn) {
      retry = state->options.retry_first;
      continue;
    }
    if (!state->ended) {
      state->retry_timer.expires_after(retry);
      (void)co_await state->retry_timer.async_wait(kAwait);
    }
    retry = std::min(retry * 2, state->options.retry_max);
  }
}

Task<void> KeySecretsWatch::age(std::shared_ptr<State> state) {
  while (!state->ended) {
    const SteadyTime stale_at = state->heard_at + state->options.stale_max;
    if (now() < stale_at) {
      state->age_timer.expires_at(stale_at);
    } else {
      // Only a list brings them back: between two watches a key may have been revoked.
      state->listed = false;
      if (std::exchange(state->in_force, false)) {
        log_error("API keys: the Kubernetes API was not heard of for {} ms: all are refused",
                  state->options.stale_max.count());
        state->on_table(KeyTable::unavailable());
      }
      state->age_timer.expires_after(state->options.stale_max);
    }
    (void)co_await state->age_timer.async_wait(kAwait);
  }
}

}  // namespace mcpgate::auth
