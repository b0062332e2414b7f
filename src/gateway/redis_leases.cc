// One coroutine connects, asks what has come together meanwhile in one go, waits, and comes back
// after failures. It does not count on anything: a reply that is late, or another than the command
// has, is the end of the connection, and what it may have granted is nobody's.

#include "gateway/redis_leases.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "base/task.h"
#include "gateway/redis_reply.h"
#include "http/deadline.h"
#include "http/dial.h"

namespace mcpgate::gateway {

namespace {

using std::chrono::milliseconds;

/// Of what is asked in one go.
constexpr std::size_t kBatchMax = 1'000;
/// What a read has room for.
constexpr std::size_t kReadBytes = std::size_t{16} << 10;

struct Pending {
  policy::LeaseStore::Ask ask;
  policy::LeaseStore::Answered answered;
};
using Grants = std::vector<policy::LeaseStore::Grant>;

enum class State { kStarting, kConnected, kDown };

std::string name_of(const http::Endpoint& server) {
  return server.scheme == http::Endpoint::Scheme::kUnix ? server.host : server.authority();
}

}  // namespace

policy::LeaseStore::Grant grant_of(const policy::LeaseStore::Ask& ask, std::uint64_t total) {
  const std::uint64_t before = total - std::min(total, ask.wish);
  const std::uint64_t free = ask.limit - std::min(ask.limit, before);
  const std::uint64_t granted = std::min(free, ask.wish);
  return {.granted = granted, .rest = free - granted};
}

/// What any thread may touch.
struct RedisLeases::Shared {
  std::atomic<bool> is_stopped = false;
  std::atomic<State> state = State::kStarting;
  std::atomic<std::uint64_t> granted = 0;
  std::atomic<std::uint64_t> exhausted = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::mutex mutex;
  std::deque<Pending> waiting;
};

/// The connection and the coroutine that serves it. Of the loop alone.
struct RedisLeases::Link {
  Link(asio::io_context& own_loop, Options own_options, std::shared_ptr<Shared> with);

  static Task<void> run(std::shared_ptr<Link> link);

  Task<bool> connect();
  Task<void> rest();
  Task<void> serve();
  Task<Expected<void>> try_connect();
  Task<Expected<void>> connect_to(http::SocketAddress address);
  Task<Expected<void>> introduce();
  Task<Expected<Grants>> exchange(const std::vector<Pending>& batch);
  Task<Expected<Grants>> receive_grants(const std::vector<Pending>& batch);
  Task<Expected<void>> send(std::string commands);
  Task<Expected<RedisReply>> receive(std::string_view command);
  Task<Expected<void>> receive_ok(std::string_view command);

  void add_lease(std::string& commands, const Ask& ask) const;
  [[nodiscard]] std::vector<Pending> take_batch();
  void fail_waiting();
  void note_connected();
  void note_down(const Error& error);
  void begin_exchange();
  Error end_exchange(Error error);

  asio::io_context& loop;
  const Options options;
  const std::shared_ptr<Shared> shared;
  /// A lease of nothing, which says whether there are any.
  const std::vector<Pending> probe;

  asio::steady_timer wake;
  http::DeadlineQueue deadlines;
  http::Deadline deadline;
  std::optional<http::Resolution> resolution;
  std::unique_ptr<http::Stream> stream;
  /// What of it begins at `position` was not read yet.
  std::string received;
  std::size_t position = 0;
  milliseconds pause{0};
  bool is_late = false;
};

RedisLeases::Link::Link(asio::io_context& own_loop, Options own_options,
                        std::shared_ptr<Shared> with)
    : loop(own_loop),
      options(std::move(own_options)),
      shared(std::move(with)),
      probe({{.ask = {.key = "probe", .limit = 1, .wish = 1, .keep = 2 * options.probe_every},
              .answered = nullptr}}),
      wake(loop),
      deadlines(loop),
      deadline([this] {
        is_late = true;
        if (resolution) {
          resolution->give_up();
        }
        if (stream) {
          stream->shutdown_both();
        }
      }) {}

RedisLeases::RedisLeases(asio::io_context& loop, Options options)
    : loop_(loop), shared_(std::make_shared<Shared>()) {
  auto link = std::make_shared<Link>(loop, std::move(options), shared_);
  link_ = link;
  asio::co_spawn(loop, Link::run(std::move(link)), asio::detached);
}

RedisLeases::~RedisLeases() {
  shared_->is_stopped = true;
}

void RedisLeases::ask(Ask ask, Answered answered) {
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->waiting.push_back({.ask = std::move(ask), .answered = std::move(answered)});
  }
  asio::post(loop_, [weak = link_] {
    if (const auto link = weak.lock()) {
      link->wake.cancel();
    }
  });
}

bool RedisLeases::may_answer() const {
  return shared_->state.load(std::memory_order_relaxed) != State::kDown;
}

policy::LeaseStore::Counts RedisLeases::counts() const {
  return {.granted = shared_->granted,
          .exhausted = shared_->exhausted,
          .failed = shared_->failed,
          .is_connected = shared_->state == State::kConnected};
}

Task<void> RedisLeases::Link::run(std::shared_ptr<Link> link) {
  while (!link->shared->is_stopped) {
    if (link->stream || co_await link->connect()) {
      co_await link->serve();
    } else {
      co_await link->rest();
    }
  }
  link->fail_waiting();
}

/// Whether there is a connection now. What was asked before there was one waits for it.
Task<bool> RedisLeases::Link::connect() {
  const auto connected = co_await try_connect();
  if (connected) {
    note_connected();
  } else {
    note_down(connected.error());
  }
  co_return connected.has_value();
}

/// A pause without connection. Who asks meanwhile is told so.
Task<void> RedisLeases::Link::rest() {
  const SteadyTime end = std::chrono::steady_clock::now() + pause;
  fail_waiting();
  while (!shared->is_stopped && std::chrono::steady_clock::now() < end) {
    wake.expires_at(end);
    (void)co_await wake.async_wait(kAwait);
    fail_waiting();
  }
}

/// Answers what was asked, or waits for that.
Task<void> RedisLeases::Link::serve() {
  const std::vector<Pending> batch = take_batch();
  if (batch.empty()) {
    wake.expires_after(options.probe_every);
    const auto [interrupted] = co_await wake.async_wait(kAwait);
    if (!interrupted) {
      if (const auto there = co_await exchange(probe); !there) {
        note_down(there.error());
      }
    }
    co_return;
  }
  auto grants = co_await exchange(batch);
  if (!grants) {
    // A kept connection may die at any moment; a fresh one that fails is an answer. What the first
    // attempt may have taken is lost.
    if (const auto connected = co_await try_connect(); !connected) {
      grants = std::unexpected(connected.error());
    } else {
      grants = co_await exchange(batch);
    }
  }
  if (!grants) {
    note_down(grants.error());
    shared->failed += batch.size();
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (grants) {
      ++((*grants)[i].granted > 0 ? shared->granted : shared->exhausted);
    }
    batch[i].answered(grants ? std::optional((*grants)[i]) : std::nullopt);
  }
}

Task<Expected<void>> RedisLeases::Link::try_connect() {
  stream.reset();
  received.clear();
  position = 0;
  begin_exchange();
  resolution.emplace(loop);
  const auto addresses = co_await resolution->resolve(options.server);
  Expected<void> connected = fail(ErrorCode::kUnavailable, "it has no address");
  if (!addresses) {
    connected = std::unexpected(addresses.error());
  } else {
    for (const http::SocketAddress& address : *addresses) {
      connected = co_await connect_to(address);
      if (connected || is_late) {
        break;
      }
    }
  }
  if (!connected) {
    stream.reset();
    co_return std::unexpected(end_exchange(std::move(connected.error())));
  }
  deadline.cancel();
  co_return connected;
}

Task<Expected<void>> RedisLeases::Link::connect_to(http::SocketAddress address) {
  const int family = address.storage.ss_family;
  auto fd = http::new_client_socket(family);
  if (!fd) {
    co_return std::unexpected(std::move(fd.error()));
  }
  stream = std::make_unique<http::Stream>(loop, *std::move(fd), family);
  if (auto connected = co_await http::dial(*stream, address, options.server, options.tls);
      !connected) {
    co_return connected;
  }
  co_return co_await introduce();
}

/// What leases of a budget: in this order no key is ever without its end.
void RedisLeases::Link::add_lease(std::string& commands, const Ask& ask) const {
  const std::string key = fmt::format("{}:{}", options.prefix, ask.key);
  add_redis_command(commands, {"SET", key, "0", "PX", std::to_string(ask.keep.count()), "NX"});
  add_redis_command(commands, {"INCRBY", key, std::to_string(ask.wish)});
}

/// Who we are, which database is meant, and whether leases are to be had there: a server may still
/// be loading, be the copy of another one, or have no memory left.
Task<Expected<void>> RedisLeases::Link::introduce() {
  std::string commands;
  std::vector<std::string_view> names;
  if (!options.password.empty()) {
    names.emplace_back("AUTH");
    if (options.username.empty()) {
      add_redis_command(commands, {"AUTH", options.password});
    } else {
      add_redis_command(commands, {"AUTH", options.username, options.password});
    }
  }
  if (options.database > 0) {
    names.emplace_back("SELECT");
    add_redis_command(commands, {"SELECT", std::to_string(options.database)});
  }
  add_lease(commands, probe.front().ask);
  if (auto sent = co_await send(std::move(commands)); !sent) {
    co_return sent;
  }
  for (const std::string_view name : names) {
    if (auto ok = co_await receive_ok(name); !ok) {
      co_return ok;
    }
  }
  const auto leased = co_await receive_grants(probe);
  co_return leased ? Expected<void>() : std::unexpected(leased.error());
}

/// What each of a batch is granted.
Task<Expected<Grants>> RedisLeases::Link::exchange(const std::vector<Pending>& batch) {
  begin_exchange();
  std::string commands;
  for (const auto& [ask, answered] : batch) {
    add_lease(commands, ask);
  }
  auto sent = co_await send(std::move(commands));
  auto grants = sent ? co_await receive_grants(batch) : std::unexpected(std::move(sent.error()));
  if (!grants) {
    co_return std::unexpected(end_exchange(std::move(grants.error())));
  }
  deadline.cancel();
  co_return grants;
}

Task<Expected<Grants>> RedisLeases::Link::receive_grants(const std::vector<Pending>& batch) {
  Grants grants;
  for (const auto& [ask, answered] : batch) {
    if (auto made = co_await receive_ok("SET"); !made) {
      co_return std::unexpected(std::move(made.error()));
    }
    const auto total = co_await receive("INCRBY");
    if (!total) {
      co_return std::unexpected(total.error());
    }
    if (total->kind != RedisReply::Kind::kInteger || total->integer < 1) {
      co_return fail(ErrorCode::kUnavailable, "it answers INCRBY with no count");
    }
    grants.push_back(grant_of(ask, static_cast<std::uint64_t>(total->integer)));
  }
  co_return grants;
}

Task<Expected<void>> RedisLeases::Link::send(std::string commands) {
  co_return co_await stream->write_rest({.views = {commands, {}}});
}

/// The next reply, which points into `received` until the one after it. An error that the server
/// answers is one here.
Task<Expected<RedisReply>> RedisLeases::Link::receive(std::string_view command) {
  for (;;) {
    std::string_view rest = std::string_view(received).substr(position);
    auto reply = take_redis_reply(rest);
    if (!reply) {
      co_return std::unexpected(std::move(reply.error()));
    }
    if (*reply) {
      position = received.size() - rest.size();
      if ((*reply)->kind == RedisReply::Kind::kError) {
        co_return fail(ErrorCode::kUnavailable, "it answers {} with {}", command, (*reply)->text);
      }
      co_return **reply;
    }
    received.erase(0, std::exchange(position, 0));
    const std::size_t size = received.size();
    received.resize(size + kReadBytes);
    const auto got = co_await stream->read_some({received.data() + size, kReadBytes});
    received.resize(size + got.value_or(0));
    if (!got) {
      co_return std::unexpected(got.error());
    }
    if (*got == 0) {
      co_return fail(ErrorCode::kUnavailable, "it has closed the connection");
    }
  }
}

/// Of a command that is answered with OK, or with null where there was nothing to do.
Task<Expected<void>> RedisLeases::Link::receive_ok(std::string_view command) {
  const auto reply = co_await receive(command);
  if (!reply) {
    co_return std::unexpected(reply.error());
  }
  const bool is_ok = reply->kind == RedisReply::Kind::kNull ||
                     (reply->kind == RedisReply::Kind::kStatus && reply->text == "OK");
  if (!is_ok) {
    co_return fail(ErrorCode::kUnavailable, "it answers {} with something else than OK", command);
  }
  co_return Expected<void>{};
}

std::vector<Pending> RedisLeases::Link::take_batch() {
  const std::scoped_lock lock(shared->mutex);
  const auto end = shared->waiting.begin() +
                   static_cast<std::ptrdiff_t>(std::min(shared->waiting.size(), kBatchMax));
  std::vector<Pending> batch(std::make_move_iterator(shared->waiting.begin()),
                             std::make_move_iterator(end));
  shared->waiting.erase(shared->waiting.begin(), end);
  return batch;
}

void RedisLeases::Link::fail_waiting() {
  for (;;) {
    const std::vector<Pending> batch = take_batch();
    if (batch.empty()) {
      return;
    }
    shared->failed += batch.size();
    for (const Pending& pending : batch) {
      pending.answered(std::nullopt);
    }
  }
}

void RedisLeases::Link::begin_exchange() {
  is_late = false;
  deadlines.arm_after(deadline, options.patience);
}

/// What failed as it should be said: what is pending at the deadline fails in its own words.
Error RedisLeases::Link::end_exchange(Error error) {
  deadline.cancel();
  if (is_late) {
    error = {ErrorCode::kDeadlineExceeded,
             fmt::format("no answer within {} ms", options.patience.count())};
  }
  return error;
}

void RedisLeases::Link::note_connected() {
  pause = milliseconds{0};
  if (shared->state.exchange(State::kConnected) != State::kConnected) {
    log_info("rateStore: connected to {}", name_of(options.server));
  }
}

void RedisLeases::Link::note_down(const Error& error) {
  stream.reset();
  pause = std::clamp(pause * 2, options.retry_first, options.retry_max);
  if (shared->state.exchange(State::kDown) != State::kDown) {
    log_error("rateStore: {}: {}", name_of(options.server), error.message);
  }
}

}  // namespace mcpgate::gateway
