#include "gateway/logout_peers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/encoding.h"
#include "base/log.h"
#include "http/client.h"
#include "json/parse.h"
#include "json/write.h"
#include "sandbox/signature.h"

namespace mcpgate::gateway {

namespace {

constexpr int kOk = 200;
constexpr int kConflict = 409;
/// How long an answer is held where there is nothing to tell, and what more it may take.
constexpr std::chrono::seconds kHold{20};
constexpr std::chrono::seconds kGrace{5};
/// Of one answer.
constexpr std::size_t kPageMax = 1'000;
constexpr std::size_t kPageBytesMax = std::size_t{256} << 10;
/// Replicas that are asked.
constexpr std::size_t kReplicasMax = 64;
/// Between two questions to one that does not answer, and after each answer.
constexpr std::chrono::milliseconds kRetryFirst{50};
constexpr std::chrono::milliseconds kRetryLast{500};
constexpr std::chrono::milliseconds kPause{10};
/// Between two looks at the names of the others.
constexpr std::chrono::seconds kFindEvery{5};
/// Without an answer of anybody this one serves after all.
constexpr std::chrono::seconds kPatience{5};
/// One that neither answers nor has a name any more is forgotten after so many attempts.
constexpr int kFailuresMax = 120;
constexpr std::size_t kNonceBytes = 16;

/// A sealed answer opens as that to this request alone.
std::string purpose_of(std::string_view call_id) {
  return "mcp-logouts " + std::string(call_id);
}

std::string write_page(const auth::Logouts::Page& page) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("next", page.next).key("logouts").begin_array();
  for (const auth::Logout& logout : page.logouts) {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(logout.at.time_since_epoch());
    writer.value(fmt::format("{} {}", hex_encode(logout.whose), ms.count()));
  }
  writer.end_array().end_object();
  return out;
}

std::optional<auth::Logout> read_logout(std::string_view text) {
  auth::Logout logout;
  constexpr std::size_t kDigits = 2 * std::tuple_size_v<Sha256Digest>;
  const auto bytes = hex_decode(text.substr(0, std::min(kDigits, text.size())));
  if (text.size() < kDigits + 2 || text[kDigits] != ' ' || !bytes) {
    return std::nullopt;
  }
  std::ranges::copy(*bytes, logout.whose.begin());
  std::int64_t ms = 0;
  const auto [end, error] =
      std::from_chars(text.data() + kDigits + 1, text.data() + text.size(), ms);
  constexpr std::int64_t kMsMax = 253'402'300'799'999;  // The end of the year 9999.
  if (error != std::errc() || end != text.data() + text.size() || ms < 0 || ms > kMsMax) {
    return std::nullopt;
  }
  logout.at = WallTime(std::chrono::milliseconds(ms));
  return logout;
}

std::optional<auth::Logouts::Page> read_page(std::string_view text) {
  json::Parser parser(kPageBytesMax);
  const auto document = parser.parse(text);
  const auto object = document ? json::as_object(*document) : std::nullopt;
  const auto next = object ? json::int_at(*object, "next") : std::nullopt;
  const auto logouts = object ? json::array_at(*object, "logouts") : std::nullopt;
  if (!next || *next < 0 || !logouts) {
    return std::nullopt;
  }
  auth::Logouts::Page page{.next = static_cast<std::uint64_t>(*next), .logouts = {}};
  for (const json::Element each : *logouts) {
    const auto logout = read_logout(json::as_string(each).value_or(""));
    if (!logout) {
      return std::nullopt;
    }
    page.logouts.push_back(*logout);
  }
  return page;
}

}  // namespace

/// Looks for the replicas behind the names. Shared with its coroutine: `owner` becomes null when
/// others are looked for.
struct LogoutPeers::Finder {
  explicit Finder(LogoutPeers& peers)
      : owner(&peers),
        resolver(peers.loop_),
        timer(peers.loop_),
        started(peers.clock_.steady_now()) {}

  LogoutPeers* owner;
  asio::ip::tcp::resolver resolver;
  asio::steady_timer timer;
  SteadyTime started;
  /// As they were found last.
  std::set<std::string> addresses = {};
};

/// Asks one replica. Shared with its coroutine as Finder is.
struct LogoutPeers::Follower {
  Follower(LogoutPeers& peers, std::string where, http::Endpoint endpoint,
           std::chrono::milliseconds connect_timeout)
      : owner(&peers),
        address(std::move(where)),
        client(std::make_shared<http::Client>(
            peers.loop_, std::move(endpoint),
            http::ClientOptions{.connections_max = 1, .connect_timeout = connect_timeout})),
        timer(peers.loop_) {}

  LogoutPeers* owner;
  const std::string address;
  std::shared_ptr<http::Client> client;
  asio::steady_timer timer;
  /// Of the start that it told of itself.
  std::string instance = {};
  std::uint64_t after = 0;
  /// Whether it has told this one all that it knew.
  bool has_told = false;
  int failures = 0;
  bool is_self = false;
  bool is_refused = false;
};

LogoutPeers::LogoutPeers(asio::io_context& loop, auth::Logouts& logouts, const Clock& clock,
                         Random& random, Home self, std::function<void()> on_change)
    : loop_(loop),
      logouts_(logouts),
      clock_(clock),
      random_(random),
      self_(std::move(self)),
      on_change_(std::move(on_change)) {}

LogoutPeers::~LogoutPeers() {
  if (finder_) {
    finder_->owner = nullptr;
  }
  for (const auto& [address, follower] : followers_) {
    follower->owner = nullptr;
  }
}

void LogoutPeers::use(std::shared_ptr<const Settings> settings) {
  const bool same = settings_ && settings_->peer_addresses == settings->peer_addresses;
  settings_ = std::move(settings);
  if (same) {
    return;
  }
  if (finder_) {
    finder_->owner = nullptr;
    finder_->timer.cancel();
  }
  if (settings_->peer_addresses.empty()) {
    finder_ = nullptr;
    has_caught_up_ = true;
    return;
  }
  finder_ = std::make_shared<Finder>(*this);
  asio::co_spawn(loop_, find(finder_), asio::detached);
}

void LogoutPeers::meet(const std::string& address) {
  if (address == self_.address || followers_.contains(address)) {
    return;
  }
  auto endpoint = http::Endpoint::parse("http://" + address);
  if (!endpoint || followers_.size() >= kReplicasMax) {
    return;
  }
  auto follower =
      std::make_shared<Follower>(*this, address, *std::move(endpoint), settings_->peer_connect);
  followers_.emplace(address, follower);
  asio::co_spawn(loop_, follow(std::move(follower)), asio::detached);
}

Task<void> LogoutPeers::find(std::shared_ptr<Finder> finder) {
  while (finder->owner != nullptr) {
    const std::vector<http::Endpoint> names = finder->owner->settings_->peer_addresses;
    std::set<std::string> found;
    for (const http::Endpoint& name : names) {
      const auto [error, results] =
          co_await finder->resolver.async_resolve(name.host, std::to_string(name.port), kAwait);
      if (finder->owner == nullptr) {
        co_return;
      }
      for (const auto& entry : results) {
        const asio::ip::tcp::endpoint at = entry.endpoint();
        found.insert(at.address().is_v6()
                         ? fmt::format("[{}]:{}", at.address().to_string(), at.port())
                         : fmt::format("{}:{}", at.address().to_string(), at.port()));
      }
    }
    for (const std::string& address : found) {
      finder->owner->meet(address);
    }
    finder->addresses = std::move(found);
    const auto waited = finder->owner->clock_.steady_now() - finder->started;
    if (waited >= kPatience && !finder->owner->has_caught_up_) {
      log_warn("no other replica answers: who has logged out elsewhere is not known here");
      finder->owner->catch_up();
    }
    finder->timer.expires_after(kFindEvery);
    (void)co_await finder->timer.async_wait(kAwait);
  }
}

void LogoutPeers::catch_up() {
  if (!std::exchange(has_caught_up_, true)) {
    on_change_();
  }
}

/// One that is away comes back, or is forgotten; one that is there and cannot be understood is for
/// people to mend.
void LogoutPeers::note_failure(Follower& follower, const Error& error) {
  ++follower.failures;
  if (error.code == ErrorCode::kPermissionDenied && !std::exchange(follower.is_refused, true)) {
    log_error("replica {}: {}", follower.address, error.message);
  } else if (follower.failures == kFailuresMax) {
    log_warn("replica {}: it does not tell of logouts: {}", follower.address, error.message);
  }
}

Task<void> LogoutPeers::follow(std::shared_ptr<Follower> follower) {
  std::chrono::milliseconds retry = kRetryFirst;
  while (follower->owner != nullptr) {
    const auto page = co_await ask(*follower);
    LogoutPeers* const self = follower->owner;
    if (self == nullptr || follower->is_self) {
      co_return;
    }
    std::chrono::milliseconds pause = kPause;
    if (page) {
      for (const auth::Logout& logout : page->logouts) {
        self->logouts_.add(logout, self->settings_->logouts, self->clock_.wall_now());
      }
      follower->after = page->next;
      follower->failures = 0;
      follower->is_refused = false;
      retry = kRetryFirst;
      if (page->logouts.size() < kPageMax) {
        follower->has_told = true;
        self->catch_up();
      }
    } else {
      note_failure(*follower, page.error());
      if (follower->failures >= kFailuresMax &&
          !(self->finder_ && self->finder_->addresses.contains(follower->address))) {
        self->followers_.erase(follower->address);
        co_return;
      }
      pause = std::exchange(retry, std::min(retry * 2, kRetryLast));
    }
    follower->timer.expires_after(pause);
    (void)co_await follower->timer.async_wait(kAwait);
  }
}

Task<Expected<auth::Logouts::Page>> LogoutPeers::ask(Follower& follower) {
  LogoutPeers& self = *follower.owner;
  const std::shared_ptr<const Settings> settings = self.settings_;
  const std::string own_instance = self.self_.instance;
  std::string body;
  json::Writer(body)
      .begin_object()
      .field("after", follower.after)
      .field("wait", follower.has_told)
      .field("instance", own_instance)
      .field("address", self.self_.address)
      .end_object();
  const std::string call_id = self.random_.hex(kNonceBytes);
  const std::array<http::Header, 1> content = {{{"Content-Type", "application/json"}}};
  const sandbox::SignedHeaders headers(settings->peer_keys->signing(),
                                       {.method = "POST",
                                        .path = kLogoutsTarget,
                                        .call_id = call_id,
                                        .instance = follower.instance,
                                        .body = body},
                                       self.clock_.wall_now(), content);
  const std::shared_ptr<http::Client> client = follower.client;
  auto answer =
      co_await client->fetch({.method = "POST",
                              .target = kLogoutsTarget,
                              .headers = headers.view(),
                              .body = body,
                              .deadline = std::chrono::steady_clock::now() + kHold + kGrace},
                             kPageBytesMax * 2);  // Sealed, and in base64.
  if (!answer) {
    co_return std::unexpected(std::move(answer.error()));
  }
  const auto instance = std::ranges::find_if(answer->headers, [](const auto& header) {
    return http::iequals(header.first, sandbox::kInstanceHeader);
  });
  if (answer->status == kConflict && instance != answer->headers.end()) {
    follower.is_self = instance->second == own_instance;
    follower.instance = instance->second;
    follower.after = 0;  // Another start counts anew.
    follower.has_told = false;
    co_return fail(ErrorCode::kUnavailable, "it is another start");
  }
  if (answer->status != kOk) {
    co_return fail(ErrorCode::kPermissionDenied,
                   "it refuses this one with status {}; compare peers.key and clocks",
                   answer->status);
  }
  const auto text = settings->sealer->open(purpose_of(call_id), answer->body);
  auto page = text ? read_page(*text) : std::nullopt;
  if (!page) {
    co_return fail(ErrorCode::kPermissionDenied,
                   "its answer is sealed otherwise; compare sealingKeys");
  }
  co_return *std::move(page);
}

LogoutTeller::LogoutTeller(asio::io_context& loop, auth::Logouts& logouts, Random& random,
                           std::string instance, std::function<void(std::string)> meet)
    : loop_(loop),
      logouts_(logouts),
      random_(random),
      instance_(std::move(instance)),
      meet_(std::move(meet)) {}

Task<void> LogoutTeller::tell(const http::Request& request, const Sealer& sealer,
                              http::Responder& responder) {
  json::Parser parser(request.body.size());
  const auto document = parser.parse(request.body);
  const auto object = document ? json::as_object(*document) : std::nullopt;
  const auto number = object ? json::int_at(*object, "after") : std::nullopt;
  if (!number || *number < 0) {
    responder.send({.status = 400});
    co_return;
  }
  const auto after = static_cast<std::uint64_t>(*number);
  if (const auto address = json::string_at(*object, "address");
      address && json::string_at(*object, "instance") != instance_) {
    meet_(std::string(*address));
  }
  const std::string purpose = purpose_of(request.header(sandbox::kCallHeader).value_or(""));
  auth::Logouts::Page page = logouts_.since(after, kPageMax);
  const bool waits = json::bool_at(*object, "wait").value_or(false);
  if (page.logouts.empty() && waits && !draining_) {
    co_await wait_for_news(after, responder);
    page = logouts_.since(after, kPageMax);
  }
  responder.send({.body = sealer.seal(purpose, write_page(page), random_),
                  .content_type = "application/octet-stream"});
}

Task<void> LogoutTeller::wait_for_news(std::uint64_t after, http::Responder& responder) {
  const auto timer = std::make_shared<asio::steady_timer>(loop_, kHold);
  std::erase_if(held_, [](const auto& held) { return held.expired(); });
  held_.push_back(timer);
  const auto wake =
      std::make_shared<const auth::Logouts::Wake>([&loop = loop_, weak = std::weak_ptr(timer)] {
        asio::post(loop, [weak] {
          if (const auto held = weak.lock()) {
            held->cancel();
          }
        });
      });
  responder.on_disconnect([weak = std::weak_ptr(timer)] {
    if (const auto held = weak.lock()) {
      held->cancel();
    }
  });
  logouts_.wake_at_news(after, wake);
  (void)co_await timer->async_wait(kAwait);
}

void LogoutTeller::drain() {
  draining_ = true;
  for (const auto& weak : std::exchange(held_, {})) {
    if (const auto held = weak.lock()) {
      held->cancel();
    }
  }
}

}  // namespace mcpgate::gateway
