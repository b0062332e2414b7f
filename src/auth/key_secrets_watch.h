#pragma once

#include <chrono>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "auth/key_store.h"
#include "auth/secrets_api.h"
#include "base/task.h"

namespace mcpgate::auth {

/// Every bound of a KeySecretsWatch.
struct KeySecretsWatchOptions {
  /// Nothing heard from the API for so long: the keys are not relied on until they are listed anew.
  /// Watches are a third of it long, so that a connection which died quietly is noticed in time.
  std::chrono::milliseconds stale_max{60'000};
  /// Everything is listed again so often, whatever the watch said.
  std::chrono::milliseconds resync{600'000};
  /// Between two attempts that fail or end soon, doubled up to `retry_max`.
  std::chrono::milliseconds retry_first{100};
  std::chrono::milliseconds retry_max{5'000};
};

/// The keys in Kubernetes Secrets, followed while they change by LIST and WATCH: each event is
/// handed on as a new table as it comes. Until the first list has been read, and when nothing was
/// heard of the API for too long, the table is KeyTable::unavailable().
///
/// One loop; destroyed on it, or when it no longer runs. The callback comes on it, first from
/// within the constructor.
class KeySecretsWatch final : public KeyWatch {
 public:
  using Options = KeySecretsWatchOptions;

  KeySecretsWatch(asio::io_context& loop, KubernetesAccess access, OnTable on_table,
                  Options options = {});
  KeySecretsWatch(const KeySecretsWatch&) = delete;
  KeySecretsWatch& operator=(const KeySecretsWatch&) = delete;
  ~KeySecretsWatch() override;

 private:
  struct State;
  static Task<void> follow(std::shared_ptr<State> state);
  static Task<void> age(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace mcpgate::auth
