// One question at a time over a kept connection, so that many keys never are a burst on Keycloak.
// What it answers is bounded, parsed and checked here.

#include "auth/key_owners.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "http/form.h"
#include "json/parse.h"

namespace mcpgate::auth {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kRealms = "/realms/";
/// A user with many attributes; Keycloak has no shorter form of one user.
constexpr std::size_t kUserBytesMax = std::size_t{256} << 10;
constexpr std::size_t kTokenBytesMax = std::size_t{64} << 10;
constexpr milliseconds kAnswerTimeout{5'000};
/// After a question that was not answered.
constexpr milliseconds kRetry{2'000};
/// A token is not used so short before its end.
constexpr std::chrono::seconds kTokenMargin{10};
constexpr int kOk = 200;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;

/// An access token of the client's own.
struct OwnToken {
  std::string authorization;
  SteadyTime ends = SteadyTime::min();
};

Expected<OwnToken> read_token(std::string_view body, SteadyTime now) {
  json::Parser parser(kTokenBytesMax);
  const auto answer = json::as_object(TRY(parser.parse(body)));
  const auto token = answer ? json::string_at(*answer, "access_token") : std::nullopt;
  if (!token || token->empty()) {
    return fail(ErrorCode::kUnavailable, "its answer to a client has no access_token");
  }
  const auto seconds = json::int_at(*answer, "expires_in").value_or(0);
  return OwnToken{.authorization = "Bearer " + std::string(*token),
                  .ends = now + std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, 86'400)) -
                          kTokenMargin};
}

/// Of the user that was asked for.
Expected<bool> read_enabled(std::string_view body, std::string_view user) {
  json::Parser parser(kUserBytesMax);
  const auto answer = json::as_object(TRY(parser.parse(body)));
  const auto enabled = answer ? json::bool_at(*answer, "enabled") : std::nullopt;
  if (!enabled || json::string_at(*answer, "id") != user) {
    return fail(ErrorCode::kUnavailable, "its answer is not about the user that was asked for");
  }
  return *enabled;
}

}  // namespace

/// The connection to one source, shared with the coroutine that uses it: `watch` becomes null when
/// nobody follows the source any more.
struct KeyOwnersWatch::Line {
  Line(KeyOwnersWatch& owner, KeyOwnersSource where, http::Endpoint endpoint)
      : watch(&owner),
        source(std::move(where)),
        token_target(endpoint.path + "/protocol/openid-connect/token"),
        users_target(endpoint.path),
        client(owner.loop_, std::move(endpoint),
               {.connections_max = 1, .idle_connections_max = 1, .tls = source.tls}),
        timer(owner.loop_) {
    users_target.replace(users_target.rfind(kRealms), kRealms.size(), "/admin/realms/");
    users_target += "/users/";
  }

  Task<Expected<void>> renew_token();
  /// Whether the user is there and enabled.
  Task<Expected<bool>> ask(std::string user);
  /// Says once that nobody answers, and once that somebody does again.
  void note(const Expected<bool>& answer);

  KeyOwnersWatch* watch;
  KeyOwnersSource source;
  std::string token_target;
  std::string users_target;
  http::Client client;
  asio::steady_timer timer;
  OwnToken token;
  bool failing = false;
};

Task<Expected<void>> KeyOwnersWatch::Line::renew_token() {
  const SteadyTime now = watch->clock_.steady_now();
  if (now < token.ends) {
    co_return Expected<void>{};
  }
  const std::string credentials = basic_credentials(source.client);
  const std::string form = http::form_encode({{"grant_type", "client_credentials"}});
  const std::array<http::Header, 3> headers{
      {{"Accept", "application/json"},
       {"Authorization", credentials},
       {"Content-Type", "application/x-www-form-urlencoded"}}};
  auto response =
      co_await client.fetch({.method = "POST",
                             .target = token_target,
                             .headers = headers,
                             .body = form,
                             .deadline = std::chrono::steady_clock::now() + kAnswerTimeout,
                             .idempotent = true},
                            kTokenBytesMax);
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status != kOk) {
    co_return fail(ErrorCode::kUnavailable, "its token endpoint answers client {} with status {}",
                   source.client.id, response->status);
  }
  auto fresh = read_token(response->body, now);
  if (!fresh) {
    co_return std::unexpected(std::move(fresh.error()));
  }
  token = *std::move(fresh);
  co_return Expected<void>{};
}

Task<Expected<bool>> KeyOwnersWatch::Line::ask(std::string user) {
  if (auto renewed = co_await renew_token(); !renewed) {
    co_return std::unexpected(std::move(renewed.error()));
  }
  const std::string target = users_target + http::form_escape(user);
  const std::array<http::Header, 2> headers{
      {{"Accept", "application/json"}, {"Authorization", token.authorization}}};
  auto response =
      co_await client.fetch({.target = target,
                             .headers = headers,
                             .deadline = std::chrono::steady_clock::now() + kAnswerTimeout,
                             .idempotent = true},
                            kUserBytesMax);
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  switch (response->status) {
    case kOk:
      co_return read_enabled(response->body, user);
    case kNotFound:
      co_return false;
    case kUnauthorized:
      token = {};  // Its session may have ended: the next question has a new one.
      co_return fail(ErrorCode::kUnavailable, "it refuses the token of client {}",
                     source.client.id);
    case kForbidden:
      co_return fail(
          ErrorCode::kUnavailable,
          "client {} may not look at users: give its service account the role view-users "
          "of realm-management",
          source.client.id);
    default:
      co_return fail(ErrorCode::kUnavailable, "it answers with status {}", response->status);
  }
}

void KeyOwnersWatch::Line::note(const Expected<bool>& answer) {
  if (std::exchange(failing, !answer) == !answer) {
    return;
  }
  if (answer) {
    log_info("issuer {}: it can be asked about the users of API keys again", source.issuer);
  } else {
    log_error("issuer {}: it cannot be asked about the users of API keys: {}", source.issuer,
              answer.error().message);
  }
}

KeyOwnersWatch::~KeyOwnersWatch() {
  (void)follow(std::nullopt);
}

Expected<void> KeyOwnersWatch::follow(std::optional<KeyOwnersSource> source) {
  const bool is_same_realm = line_ && source && line_->source.issuer == source->issuer;
  std::shared_ptr<Line> fresh;
  if (source) {
    http::Endpoint endpoint = TRY(http::Endpoint::parse(source->issuer));
    if (!endpoint.path.contains(kRealms)) {
      return fail(ErrorCode::kInvalidArgument,
                  "{} is no realm of Keycloak (https://HOST/realms/REALM), which alone knows users",
                  source->issuer);
    }
    fresh = std::make_shared<Line>(*this, *std::move(source), std::move(endpoint));
  }
  if (line_) {
    line_->watch = nullptr;
    line_->timer.cancel();
  }
  line_ = std::move(fresh);
  if (!is_same_realm) {
    queue_.clear();
    for (auto& [user, state] : owners_->states_) {
      state = KeyOwners::State::kUnknown;
      queue_.emplace(SteadyTime::min(), user);
    }
  }
  if (line_) {
    asio::co_spawn(loop_, poll(line_), asio::detached);
  }
  return {};
}

void KeyOwnersWatch::use(const KeyTable& keys) {
  auto fresh = std::make_shared<KeyOwners>();
  for (const KeyRecord& key : keys.records()) {
    if (!key.keycloak_user.empty()) {
      fresh->states_[key.keycloak_user] = owners_->state_of(key.keycloak_user);
    }
  }
  std::erase_if(queue_, [&](const Told& told) { return !fresh->states_.contains(told.second); });
  for (const auto& [user, state] : fresh->states_) {
    if (!owners_->states_.contains(user)) {
      queue_.emplace(SteadyTime::min(), user);
    }
  }
  owners_ = std::move(fresh);
  if (line_) {
    line_->timer.cancel();
  }
}

Task<void> KeyOwnersWatch::poll(std::shared_ptr<Line> line) {
  while (line->watch != nullptr) {
    const milliseconds pause = co_await ask_all(line);
    if (line->watch != nullptr) {
      line->timer.expires_after(pause);
      (void)co_await line->timer.async_wait(kAwait);
    }
  }
}

Task<milliseconds> KeyOwnersWatch::ask_all(std::shared_ptr<Line> line) {
  const milliseconds refresh = line->source.refresh;
  for (KeyOwnersWatch* self = line->watch; !self->queue_.empty();) {
    const Told due = *self->queue_.begin();
    const SteadyTime now = self->clock_.steady_now();
    if (due.first > now - refresh) {
      co_return std::chrono::ceil<milliseconds>(due.first + refresh - now);
    }
    const auto answer = co_await line->ask(due.second);
    self = line->watch;
    if (self == nullptr) {
      break;
    }
    line->note(answer);
    if (!answer) {
      self->forget_stale();
      co_return std::min(kRetry, refresh);
    }
    self->took(due, *answer);
  }
  co_return refresh;
}

void KeyOwnersWatch::took(const Told& asked, bool is_enabled) {
  const auto owner = owners_->states_.find(asked.second);
  if (owner == owners_->states_.end() || queue_.erase(asked) == 0) {
    return;  // Its last key has gone meanwhile.
  }
  queue_.emplace(clock_.steady_now(), asked.second);
  const auto state = is_enabled ? KeyOwners::State::kEnabled : KeyOwners::State::kDisabled;
  if (owner->second.exchange(state) != state && !is_enabled) {
    log_info("the API keys of Keycloak user {} stop: it is disabled or gone", asked.second);
  }
}

void KeyOwnersWatch::forget_stale() {
  const SteadyTime oldest = clock_.steady_now() - line_->source.stale_max;
  for (const auto& [told, user] : queue_) {
    if (told >= oldest) {
      break;
    }
    owners_->states_.find(user)->second = KeyOwners::State::kUnknown;
  }
}

}  // namespace mcpgate::auth
