// A follower an issuer, each a coroutine that reads, waits, and reads again. What an issuer answers
// is bounded before it is parsed; redirects are not followed, and https never leads to http.

#include "auth/jwks_watch.h"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/digest.h"
#include "base/log.h"
#include "http/fetch.h"

namespace mcpgate::auth {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kDiscoveryPath = "/.well-known/openid-configuration";
constexpr std::size_t kDiscoveryBytesMax = std::size_t{64} << 10;

/// What a read of an issuer works with.
struct Fetch {
  asio::io_context& loop;
  IssuerSource source;
  SteadyTime deadline;
};

/// The body of a 200 answer to GET `url`.
Task<Expected<std::string>> get(const Fetch& fetch, std::string url, std::size_t bytes_max) {
  auto response = co_await http::fetch_url(
      fetch.loop, {.url = std::move(url), .tls = fetch.source.tls, .deadline = fetch.deadline},
      bytes_max);
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status != 200) {
    co_return fail(ErrorCode::kUnavailable, "it answers with status {}", response->status);
  }
  co_return std::move(response->body);
}

/// `jwks_uri` of a discovery document that is the issuer's own.
Expected<std::string> read_discovery(std::string_view text, const std::string& issuer) {
  json::Parser parser(kDiscoveryBytesMax);
  const auto document = json::as_object(TRY(parser.parse(text)));
  if (!document || json::string_at(*document, "issuer") != issuer) {
    return fail(ErrorCode::kInvalidArgument,
                "its discovery document names another issuer than {}; a token's `iss` would differ "
                "too: configure the name that it has for itself",
                issuer);
  }
  std::string uri(json::string_at(*document, "jwks_uri").value_or(""));
  if (issuer.starts_with("https:") && !uri.starts_with("https:")) {
    return fail(ErrorCode::kInvalidArgument, "its discovery document has no https jwks_uri");
  }
  return uri;
}

/// The JWK Set's bytes.
Task<Expected<std::string>> fetch_jwks(Fetch fetch) {
  const std::string issuer = fetch.source.rules.issuer;
  std::string base = issuer;
  if (base.ends_with('/')) {
    base.pop_back();
  }
  auto discovery = co_await get(fetch, base.append(kDiscoveryPath), kDiscoveryBytesMax);
  if (!discovery) {
    co_return std::unexpected(std::move(discovery.error()));
  }
  auto uri = read_discovery(*discovery, issuer);
  if (!uri) {
    co_return std::unexpected(std::move(uri.error()));
  }
  co_return co_await get(fetch, *std::move(uri), kJwksBytesMax);
}

}  // namespace

/// One issuer and the coroutine that reads its keys. Shared with it: `watch` becomes null when
/// nobody follows the issuer any more.
struct JwksWatch::Follower {
  Follower(JwksWatch& owner, IssuerSource where)
      : watch(&owner),
        source(std::move(where)),
        timer(owner.loop_),
        retry(owner.options_.retry_first) {}

  JwksWatch* watch;
  IssuerSource source;
  asio::steady_timer timer;
  std::shared_ptr<const JwkSet> keys;
  /// Of the bytes of `keys`: the same set again is no change.
  Sha256Digest digest{};
  /// By the injected clock: when `keys` were confirmed, and when a read began, for whatever reason.
  SteadyTime confirmed{};
  SteadyTime begun{};
  /// By the timer's: when the next read begins.
  SteadyTime due{};
  milliseconds retry;
  /// From the start: the first read begins with the coroutine.
  bool reading = true;
  bool failing = false;
  std::vector<std::function<void()>> waiters;

  void release_waiters() {
    for (const auto& done : std::exchange(waiters, {})) {
      done();
    }
  }
};

JwksWatch::JwksWatch(asio::io_context& loop, const Clock& clock, OnTable on_table, Options options)
    : loop_(loop),
      clock_(clock),
      on_table_(std::move(on_table)),
      options_(options),
      table_(std::make_shared<const IssuerTable>()) {}

JwksWatch::~JwksWatch() {
  follow({}, {});
}

void JwksWatch::follow(const std::vector<IssuerSource>& sources, const IssuerTable& limits) {
  limits_ = limits;
  auto old = std::exchange(followers_, {});
  for (const IssuerSource& source : sources) {
    const auto known = std::ranges::find_if(
        old, [&source](const auto& follower) { return follower && follower->source == source; });
    if (known != old.end()) {
      followers_.push_back(std::move(*known));
      continue;
    }
    auto fresh = std::make_shared<Follower>(*this, source);
    const auto before = std::ranges::find_if(old, [&source](const auto& follower) {
      return follower && follower->source.rules.issuer == source.rules.issuer;
    });
    if (before != old.end()) {
      fresh->keys = (*before)->keys;
      fresh->digest = (*before)->digest;
      fresh->confirmed = (*before)->confirmed;
    }
    followers_.push_back(fresh);
    asio::co_spawn(loop_, poll(std::move(fresh)), asio::detached);
  }
  for (const auto& follower : old) {
    if (follower) {
      follower->watch = nullptr;
      follower->timer.cancel();
    }
  }
  publish();
}

/// Makes the table anew.
void JwksWatch::publish() {
  IssuerTable table = limits_;
  table.issuers.clear();
  for (const auto& follower : followers_) {
    table.issuers.push_back({.rules = follower->source.rules, .keys = follower->keys});
  }
  table_ = std::make_shared<const IssuerTable>(std::move(table));
}

void JwksWatch::demand(std::string_view issuer, std::function<void()> done) {
  const auto found = std::ranges::find_if(followers_, [issuer](const auto& follower) {
    return follower->source.rules.issuer == issuer;
  });
  if (found == followers_.end() || (*found)->waiters.size() >= options_.waiters_max) {
    done();
    return;
  }
  Follower& follower = **found;
  if (follower.reading) {
    follower.waiters.push_back(std::move(done));
    return;
  }
  const auto wait = follower.begun + options_.demand_interval - clock_.steady_now();
  const bool at_once = wait <= milliseconds(0);
  if (at_once) {
    follower.waiters.push_back(std::move(done));
  } else {
    done();  // It is read as soon as may be: the key may have been made after the last read.
  }
  const SteadyTime now = std::chrono::steady_clock::now();
  follower.due = std::min(follower.due, at_once ? now : now + wait);
  follower.timer.cancel();
}

void JwksWatch::took(Follower& follower, std::shared_ptr<const JwkSet> keys) {
  log_info("issuer {}: {} signing keys", follower.source.rules.issuer, keys->size());
  for (const std::string& why : keys->unusable()) {
    log_info("issuer {}: left out {}", follower.source.rules.issuer, why);
  }
  follower.keys = std::move(keys);
  publish();
  on_table_(table_);
}

void JwksWatch::failed(Follower& follower, const Error& error) {
  if (!std::exchange(follower.failing, true)) {
    log_warn("issuer {}: its signing keys cannot be read{}: {}", follower.source.rules.issuer,
             follower.keys ? "; those known stay in use" : "", error.message);
  }
  if (follower.keys && clock_.steady_now() - follower.confirmed >= options_.stale_max) {
    log_error(
        "issuer {}: its signing keys are too old to be relied on: its access tokens are "
        "refused from now on",
        follower.source.rules.issuer);
    follower.keys = nullptr;
    follower.digest = {};
    publish();
    on_table_(table_);
  }
}

/// A read is over: what it means for the follower, and how long to wait for the next one.
milliseconds JwksWatch::digest_read(Follower& follower, const Expected<std::string>& text) {
  const bool is_known = text && follower.keys && sha256(*text) == follower.digest;
  auto keys = text && !is_known ? JwkSet::parse(*text) : Expected<JwkSet>(JwkSet());
  if (!text || !keys) {
    failed(follower, text ? keys.error() : text.error());
    return std::exchange(follower.retry, std::min(follower.retry * 2, options_.retry_max));
  }
  if (std::exchange(follower.failing, false)) {
    log_info("issuer {}: its signing keys can be read again", follower.source.rules.issuer);
  }
  follower.retry = options_.retry_first;
  follower.confirmed = clock_.steady_now();
  if (!is_known) {
    follower.digest = sha256(*text);
    took(follower, std::make_shared<const JwkSet>(*std::move(keys)));
  }
  return options_.refresh;
}

Task<void> JwksWatch::poll(std::shared_ptr<Follower> follower) {
  while (follower->watch != nullptr) {
    follower->reading = true;
    follower->begun = follower->watch->clock_.steady_now();
    const milliseconds timeout = follower->watch->options_.fetch_timeout;
    const auto text = co_await fetch_jwks({.loop = follower->watch->loop_,
                                           .source = follower->source,
                                           .deadline = std::chrono::steady_clock::now() + timeout});
    follower->reading = false;
    milliseconds pause{0};
    if (follower->watch != nullptr) {
      pause = follower->watch->digest_read(*follower, text);
    }
    follower->release_waiters();
    follower->due = std::chrono::steady_clock::now() + pause;
    while (follower->watch != nullptr && std::chrono::steady_clock::now() < follower->due) {
      follower->timer.expires_at(follower->due);
      (void)co_await follower->timer.async_wait(kAwait);
    }
  }
  follower->release_waiters();  // Those of a watch that ended before it began to read.
}

}  // namespace mcpgate::auth
