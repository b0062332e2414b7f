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

/// What of a discovery document is used.
struct Discovered {
  std::string jwks_uri;
  /// Empty where the issuer is not asked.
  std::string introspection_endpoint;
};

/// Of a discovery document that is the issuer's own.
Expected<Discovered> read_discovery(std::string_view text, const IssuerSource& source) {
  const std::string& issuer = source.rules.issuer;
  json::Parser parser(kDiscoveryBytesMax);
  const auto document = json::as_object(TRY(parser.parse(text)));
  if (!document || json::string_at(*document, "issuer") != issuer) {
    return fail(ErrorCode::kInvalidArgument,
                "its discovery document names another issuer than {}; a token's `iss` would differ "
                "too: configure the name that it has for itself",
                issuer);
  }
  const auto url_at = [&](std::string_view name) -> Expected<std::string> {
    const std::string_view url = json::string_at(*document, name).value_or("");
    if (url.empty() || (issuer.starts_with("https:") && !url.starts_with("https:"))) {
      return fail(ErrorCode::kInvalidArgument, "its discovery document has no {}{}",
                  issuer.starts_with("https:") ? "https " : "", name);
    }
    return std::string(url);
  };
  Discovered found{.jwks_uri = TRY(url_at("jwks_uri")), .introspection_endpoint = {}};
  if (source.introspection) {
    found.introspection_endpoint = TRY(url_at("introspection_endpoint"));
  }
  return found;
}

}  // namespace

/// What one read of an issuer gives.
struct JwksWatch::Published {
  /// The JWK Set's bytes.
  std::string jwks;
  std::string introspection_endpoint;

  static Task<Expected<Published>> read(Fetch fetch);
};

Task<Expected<JwksWatch::Published>> JwksWatch::Published::read(Fetch fetch) {
  std::string base = fetch.source.rules.issuer;
  if (base.ends_with('/')) {
    base.pop_back();
  }
  auto discovery = co_await get(fetch, base.append(kDiscoveryPath), kDiscoveryBytesMax);
  if (!discovery) {
    co_return std::unexpected(std::move(discovery.error()));
  }
  auto found = read_discovery(*discovery, fetch.source);
  if (!found) {
    co_return std::unexpected(std::move(found.error()));
  }
  auto jwks = co_await get(fetch, std::move(found->jwks_uri), kJwksBytesMax);
  if (!jwks) {
    co_return std::unexpected(std::move(jwks.error()));
  }
  co_return Published{.jwks = *std::move(jwks),
                      .introspection_endpoint = std::move(found->introspection_endpoint)};
}

/// One issuer and the coroutine that reads its keys. Shared with it: `watch` becomes null when
/// nobody follows the issuer any more.
struct JwksWatch::Follower {
  Follower(JwksWatch& owner, IssuerSource where)
      : watch(&owner),
        source(std::move(where)),
        timer(owner.loop_),
        retry(owner.options_.retry_first) {
    use_introspection("");
  }

  void use_introspection(const std::string& url) {
    if (const auto& asking = source.introspection) {
      introspection = std::make_shared<const IntrospectionEndpoint>(IntrospectionEndpoint{
          .url = url, .client = asking->client, .tls = source.tls, .always = asking->always});
    }
  }
  /// Whether that is what was read before.
  [[nodiscard]] bool has(const Published& read) const {
    return keys && sha256(read.jwks) == digest &&
           (!introspection || introspection->url == read.introspection_endpoint);
  }

  JwksWatch* watch;
  IssuerSource source;
  asio::steady_timer timer;
  std::shared_ptr<const JwkSet> keys;
  /// Null where the issuer is not asked.
  std::shared_ptr<const IntrospectionEndpoint> introspection;
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
      if ((*before)->introspection) {
        fresh->use_introspection((*before)->introspection->url);
      }
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
    table.issuers.push_back({.rules = follower->source.rules,
                             .keys = follower->keys,
                             .introspection = follower->introspection});
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

void JwksWatch::took(Follower& follower, const Published& read,
                     std::shared_ptr<const JwkSet> keys) {
  log_info("issuer {}: {} signing keys", follower.source.rules.issuer, keys->size());
  for (const std::string& why : keys->unusable()) {
    log_info("issuer {}: left out {}", follower.source.rules.issuer, why);
  }
  follower.keys = std::move(keys);
  follower.digest = sha256(read.jwks);
  follower.use_introspection(read.introspection_endpoint);
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
milliseconds JwksWatch::digest_read(Follower& follower, const Expected<Published>& read) {
  const bool is_known = read && follower.has(*read);
  auto keys = read && !is_known ? JwkSet::parse(read->jwks) : Expected<JwkSet>(JwkSet());
  if (!read || !keys) {
    failed(follower, read ? keys.error() : read.error());
    return std::exchange(follower.retry, std::min(follower.retry * 2, options_.retry_max));
  }
  if (std::exchange(follower.failing, false)) {
    log_info("issuer {}: its signing keys can be read again", follower.source.rules.issuer);
  }
  follower.retry = options_.retry_first;
  follower.confirmed = clock_.steady_now();
  if (!is_known) {
    took(follower, *read, std::make_shared<const JwkSet>(*std::move(keys)));
  }
  return options_.refresh;
}

Task<void> JwksWatch::poll(std::shared_ptr<Follower> follower) {
  while (follower->watch != nullptr) {
    follower->reading = true;
    follower->begun = follower->watch->clock_.steady_now();
    const milliseconds timeout = follower->watch->options_.fetch_timeout;
    const auto read =
        co_await Published::read({.loop = follower->watch->loop_,
                                  .source = follower->source,
                                  .deadline = std::chrono::steady_clock::now() + timeout});
    follower->reading = false;
    milliseconds pause{0};
    if (follower->watch != nullptr) {
      pause = follower->watch->digest_read(*follower, read);
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
