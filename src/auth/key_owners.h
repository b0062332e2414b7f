#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "auth/issuer_client.h"
#include "auth/key_table.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "http/client.h"

namespace mcpgate::auth {

/// What Keycloak says of the users that API keys are linked to (`keycloak_user`). Which users is
/// fixed; what is known of them changes, and may be asked from any thread.
class KeyOwners {
 public:
  enum class State : std::uint8_t {
    kUnknown,  ///< Keycloak has not told, or too long ago to rely on it.
    kEnabled,
    kDisabled,  ///< Or gone.
  };

  /// kUnknown for a user that is not there.
  [[nodiscard]] State state_of(std::string_view user) const {
    const auto found = states_.find(user);
    return found == states_.end() ? State::kUnknown : found->second.load(std::memory_order_relaxed);
  }

 private:
  friend class KeyOwnersWatch;
  std::map<std::string, std::atomic<State>, std::less<>> states_;
};

/// Where the users are, and how often they are asked for.
struct KeyOwnersSource {
  /// `https://HOST/…/realms/REALM`, as Keycloak names itself.
  std::string issuer;
  /// A client whose service account has realm-management's role `view-users`.
  IssuerClient client;
  /// Whom to trust for https.
  std::shared_ptr<http::TlsClient> tls = nullptr;
  /// Between two questions about one user.
  std::chrono::milliseconds refresh{30'000};
  /// How long what was told is relied on while Keycloak does not answer.
  std::chrono::milliseconds stale_max{600'000};
};

/// Asks Keycloak about the users that keys are linked to, one after the other, again and again; at
/// once about one who is new (Admin REST API, `GET /admin/realms/REALM/users/ID`).
///
/// One loop; destroyed on it, or when it no longer runs.
class KeyOwnersWatch {
 public:
  KeyOwnersWatch(asio::io_context& loop, const Clock& clock) : loop_(loop), clock_(clock) {}
  KeyOwnersWatch(const KeyOwnersWatch&) = delete;
  KeyOwnersWatch& operator=(const KeyOwnersWatch&) = delete;
  ~KeyOwnersWatch();

  /// Asks there from now on; what another realm told is forgotten. Nothing: nobody is asked.
  /// kInvalidArgument: the issuer is no realm's URL.
  Expected<void> follow(std::optional<KeyOwnersSource> source);
  /// Asks about the users of these keys from now on.
  void use(const KeyTable& keys);

  /// Of the keys that use() had last; null where nobody is asked.
  [[nodiscard]] std::shared_ptr<const KeyOwners> owners() const {
    return line_ ? owners_ : nullptr;
  }

 private:
  struct Line;
  /// When a user was told about, by the injected clock: before all time where that was never.
  using Told = std::pair<SteadyTime, std::string>;

  static Task<void> poll(std::shared_ptr<Line> line);
  /// Asks about everybody whose time has come. How long to wait then.
  static Task<std::chrono::milliseconds> ask_all(std::shared_ptr<Line> line);
  void took(const Told& asked, bool is_enabled);
  void forget_stale();

  asio::io_context& loop_;
  const Clock& clock_;
  /// Null: nobody is asked.
  std::shared_ptr<Line> line_;
  std::shared_ptr<KeyOwners> owners_ = std::make_shared<KeyOwners>();
  /// Everybody in `owners_`, who waits longest first.
  std::set<Told> queue_;
};

}  // namespace mcpgate::auth
