#include "sandboxd/brokers.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "json/write.h"
#include "sandboxd/frame.h"

namespace mcpgate::sandboxd {

namespace {

using std::chrono::steady_clock;

/// The broker's end of its socket.
constexpr int kBrokerSocket = 3;
/// A broker keeps to the time itself; one that does not, looking up a host's name for one, is ended
/// this much later.
constexpr std::chrono::seconds kAnswerGrace{2};
/// For a broker that was hung up on to cancel its query in the database.
constexpr std::chrono::seconds kEndGrace{2};
/// For one that has nothing to do.
constexpr std::chrono::milliseconds kIdleEndGrace{100};
constexpr std::size_t kReadBytes = std::size_t{64} << 10;

Error unavailable(std::string_view connection, std::string_view text) {
  return {ErrorCode::kUnavailable, fmt::format("connection {}: {}", connection, text)};
}

std::string write_request(const Brokers::Order& order, const sandbox::ConnectionLimits& limits) {
  std::string json;
  json::Writer(json)
      .begin_object()
      .field("sql", order.sql)
      .raw_field("params", order.params)
      .field("rows", limits.rows)
      .field("bytes", limits.bytes)
      .field("cost", limits.cost)
      .field("timeMs", limits.time.count())
      .end_object();
  return json;
}

}  // namespace

/// One process and our end of its socket.
struct Brokers::Broker {
  Process process;
  asio::local::stream_protocol::socket socket;

  void hang_up() {
    boost::system::error_code ignored;
    socket.close(ignored);
  }
};

/// The processes of one connection.
struct Brokers::Pool {
  std::string name;
  sandbox::ConnectionLimits limits;
  std::deque<std::unique_ptr<Broker>> idle;
  std::size_t busy = 0;
  /// Ended whenever one becomes free.
  std::deque<std::weak_ptr<asio::steady_timer>> waiting;

  void wake_next() {
    while (!waiting.empty()) {
      const auto timer = waiting.front().lock();
      waiting.pop_front();
      if (timer) {
        timer->cancel();
        return;
      }
    }
  }
};

struct Brokers::Query::State {
  Pool* pool;
  Done done;
  SteadyTime deadline;
  bool cancelled = false;
  bool is_late = false;
  /// While it waits for a process; then while that works.
  std::shared_ptr<asio::steady_timer> timer;
  Broker* broker = nullptr;

  void hang_up() {
    if (broker != nullptr) {
      broker->hang_up();
    }
  }
};

Brokers::Query::~Query() {
  state_->cancelled = true;
  state_->done = nullptr;
  state_->timer->cancel();
  state_->hang_up();
}

Brokers::Brokers(asio::io_context& loop, BrokerOptions options)
    : loop_(loop), options_(std::move(options)) {
  for (const auto& [name, limits] : options_.connections) {
    pools_.emplace(name, Pool{.name = name, .limits = limits});
  }
}

Brokers::~Brokers() {
  for (auto& [name, pool] : pools_) {
    for (const auto& broker : pool.idle) {
      broker->hang_up();
    }
    for (const auto& broker : pool.idle) {
      (void)broker->process.wait_for(kIdleEndGrace);
    }
  }
}

Expected<std::unique_ptr<Brokers::Query>> Brokers::start(Order order, Done done) {
  const auto pool = pools_.find(order.connection);
  if (pool == pools_.end()) {
    return fail(ErrorCode::kNotFound,
                "the tool set's toolset.yaml has no connection of that name; it has {}",
                pools_.empty() ? "none" : fmt::format("{}", [this] {
                  std::string names;
                  for (const auto& [name, other] : pools_) {
                    names += (names.empty() ? "" : ", ") + name;
                  }
                  return names;
                }()));
  }
  if (!options_.files.contains(order.connection)) {
    return fail(ErrorCode::kFailedPrecondition,
                "connection {0} leads nowhere yet: its operator sets "
                "toolSets.{1}.connections.{0}.file in mcpgate.yaml, or starts mcpgate-sandbox with "
                "--connection {0}=FILE",
                order.connection, options_.tool_set);
  }
  const auto state = std::make_shared<Query::State>(&pool->second, std::move(done),
                                                    steady_clock::now() + pool->second.limits.time);
  state->timer = std::make_shared<asio::steady_timer>(loop_);
  asio::co_spawn(loop_, serve(shared_from_this(), state, write_request(order, pool->second.limits)),
                 asio::detached);
  return std::unique_ptr<Query>(new Query(state));
}

/// Waits for a place, first come, first served; its caller looks whether it has one.
Task<> Brokers::enter(Pool& pool, std::shared_ptr<Query::State> query) {
  while (pool.busy >= pool.limits.processes && !query->cancelled &&
         steady_clock::now() < query->deadline) {
    query->timer->expires_at(query->deadline);
    pool.waiting.push_back(query->timer);
    (void)co_await query->timer->async_wait(kAwait);
  }
}

Task<> Brokers::serve(std::shared_ptr<Brokers> self, std::shared_ptr<Query::State> query,
                      std::string request) {
  Pool& pool = *query->pool;
  co_await enter(pool, query);
  if (query->cancelled) {
    pool.wake_next();  // It may have been woken in vain.
    co_return;
  }
  if (pool.busy >= pool.limits.processes) {
    query->done(std::unexpected(unavailable(
        pool.name,
        fmt::format("no broker became free within {} (connections.{}.processes is {})",
                    format_duration(pool.limits.time), pool.name, pool.limits.processes))));
    co_return;
  }
  ++pool.busy;
  Expected<std::string> answer = std::string();
  auto broker = self->take(pool);
  if (!broker) {
    log_error("{}", broker.error().message);
    answer = std::unexpected(unavailable(pool.name, "its broker cannot be started"));
  } else {
    query->broker = broker->get();
    query->timer->expires_at(query->deadline + kAnswerGrace);
    query->timer->async_wait([query](boost::system::error_code error) {
      if (!error && query->broker != nullptr) {
        query->is_late = true;
        query->hang_up();
      }
    });
    answer = co_await ask(**broker, std::move(request));
    query->broker = nullptr;
    query->timer->cancel();
    if ((*broker)->socket.is_open()) {
      pool.idle.push_back(*std::move(broker));
    } else {
      asio::co_spawn(self->loop_, end(self, *std::move(broker)), asio::detached);
    }
  }
  --pool.busy;
  pool.wake_next();
  if (query->cancelled) {
    co_return;
  }
  if (query->is_late) {
    answer = std::unexpected(
        unavailable(pool.name, fmt::format("the query took longer than {} (connections.{}.time)",
                                           format_duration(pool.limits.time), pool.name)));
  } else if (!answer && answer.error().code == ErrorCode::kInternal) {
    answer = std::unexpected(unavailable(pool.name, answer.error().message));
  }
  std::exchange(query->done, nullptr)(std::move(answer));
}

/// One that waits for its next query, or a new one.
Expected<std::unique_ptr<Brokers::Broker>> Brokers::take(Pool& pool) {
  while (!pool.idle.empty()) {
    std::unique_ptr<Broker> broker = std::move(pool.idle.back());
    pool.idle.pop_back();
    if (!broker->process.try_wait()) {
      return broker;
    }
    log_warn("tool set {}: the broker of {} {}", options_.tool_set, pool.name,
             describe_wait_status(broker->process.wait_status()));
  }
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno("make a broker's socket");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  auto broker = std::make_unique<Broker>(Process{}, asio::local::stream_protocol::socket(loop_));
  // When this daemon dies, its broker sees the socket's end, and cancels its query.
  broker->process =
      TRY(Process::start({.program = options_.program,
                          .arguments = {pool.name, options_.files.at(pool.name).string()},
                          .descriptors = {{theirs.get(), kBrokerSocket}},
                          .on_parent_death = ProcessOptions::OnParentDeath::kNothing}));
  boost::system::error_code error;
  broker->socket.assign(asio::local::stream_protocol(), ours.get(), error);
  if (error) {
    return fail(ErrorCode::kInternal, "watch a broker's socket: {}", error.message());
  }
  (void)ours.release();
  return broker;
}

/// kInternal, and a socket that is closed: the broker is of no use any more.
Task<Expected<std::string>> Brokers::ask(Broker& broker, std::string request) {
  const std::string frame = encode_frame(FrameType::kRequest, request);
  FrameReader frames(kRequestBytesMax);
  std::string buffer(kReadBytes, '\0');
  auto [error, written] = co_await asio::async_write(broker.socket, asio::buffer(frame), kAwait);
  while (!error) {
    const auto [failed, size] =
        co_await broker.socket.async_read_some(asio::buffer(buffer), kAwait);
    error = failed;
    frames.append(std::string_view(buffer).substr(0, size));
    auto read = frames.next();
    if (!read) {
      break;
    }
    std::optional<Frame>& answer = *read;
    if (answer && answer->type == FrameType::kResult) {
      co_return std::move(answer->payload);
    }
    if (answer) {
      co_return fail(ErrorCode::kInvalidArgument, "{}", answer->payload);
    }
  }
  broker.hang_up();
  co_return fail(ErrorCode::kInternal, "its broker ended during the query");
}

/// It was hung up on: it cancels what runs in the database, and exits.
Task<> Brokers::end(std::shared_ptr<Brokers> self, std::unique_ptr<Broker> broker) {
  asio::posix::stream_descriptor ended(self->loop_);
  boost::system::error_code error;
  ended.assign(::fcntl(broker->process.pidfd(), F_DUPFD_CLOEXEC, 0), error);
  asio::steady_timer grace(self->loop_, kEndGrace);
  grace.async_wait([&ended](boost::system::error_code early) {
    if (!early) {
      boost::system::error_code ignored;
      ended.cancel(ignored);
    }
  });
  if (!error) {
    (void)co_await ended.async_wait(asio::posix::descriptor_base::wait_read, kAwait);
  }
  grace.cancel();
  broker->process.kill();
}

}  // namespace mcpgate::sandboxd
