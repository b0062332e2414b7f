// Leases over real sockets from a server that does what the test says, on a thread of its own.

#include "gateway/redis_leases.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "gateway/redis_reply.h"
#include "http/testing.h"

namespace mcpgate::gateway {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

/// Answers SET with NX and INCRBY as Redis does, unless told otherwise.
class FakeRedis {
 public:
  /// The bytes of a reply, which may be none; nothing: the connection is closed.
  using Answer = std::function<std::optional<std::string>(const Words&)>;

  explicit FakeRedis(std::uint16_t port = 0) {
    sockaddr_in address{.sin_family = AF_INET,
                        .sin_port = htons(port),
                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                        .sin_zero = {}};
    const int on = 1;
    EXPECT_EQ(::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;
  ~FakeRedis() { stop(); }

  void stop() {
    is_ending_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) {
      thread_.join();
    }
    listener_.reset();
    for (auto& [fd, thread] : served_) {
      ::shutdown(fd.get(), SHUT_RDWR);
      thread.join();
    }
    served_.clear();
  }

  void answer_by(Answer answer) {
    const std::scoped_lock lock(mutex_);
    answer_ = std::move(answer);
  }
  [[nodiscard]] std::vector<Words> received() {
    const std::scoped_lock lock(mutex_);
    return received_;
  }
  [[nodiscard]] http::Endpoint endpoint() const {
    return *http::Endpoint::parse_host_port(fmt::format("127.0.0.1:{}", port_));
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void serve() {
    const int on = 1;
    while (!is_ending_) {
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) {
        return;
      }
      ++connections_;
      const int borrowed = fd.get();
      EXPECT_EQ(::setsockopt(borrowed, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
      served_.emplace_back(std::move(fd), std::thread([this, borrowed] { serve_one(borrowed); }));
    }
  }

  void serve_one(int fd) {
    std::string bytes;
    char room[4096];
    for (ssize_t n = 1; n > 0;) {
      n = ::recv(fd, room, sizeof room, 0);
      bytes.append(room, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
      if (!answer_all(fd, bytes)) {
        break;
      }
    }
    ::shutdown(fd, SHUT_RDWR);
  }

  /// Of our own commands, which are well-formed.
  static std::optional<Words> take_command(std::string& bytes) {
    std::size_t at = 0;
    const auto number = [&](char kind) -> std::optional<std::size_t> {
      const std::size_t end = bytes.find("\r\n", at);
      if (end == std::string::npos) {
        return std::nullopt;
      }
      EXPECT_EQ(bytes[at], kind);
      std::size_t value = 0;
      std::from_chars(bytes.data() + at + 1, bytes.data() + end, value);
      at = end + 2;
      return value;
    };
    const auto count = number('*');
    Words words;
    while (count && words.size() < *count) {
      const auto size = number('$');
      if (!size || bytes.size() < at + *size + 2) {
        return std::nullopt;
      }
      words.push_back(bytes.substr(at, *size));
      at += *size + 2;
    }
    if (!count) {
      return std::nullopt;
    }
    bytes.erase(0, at);
    return words;
  }

  bool answer_all(int fd, std::string& bytes) {
    while (const auto words = take_command(bytes)) {
      std::optional<std::string> reply;
      {
        const std::scoped_lock lock(mutex_);
        received_.push_back(*words);
        reply = answer_ ? answer_(*words) : answer_like_redis(*words);
      }
      if (!reply) {
        return false;
      }
      std::string_view rest = *reply;
      while (!rest.empty()) {
        const ssize_t n = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n <= 0) {
          return false;
        }
        rest.remove_prefix(static_cast<std::size_t>(n));
      }
    }
    return true;
  }

 public:
  /// Under the lock, as `answer` is.
  std::string answer_like_redis(const Words& words) {
    if (words[0] == "INCRBY") {
      return fmt::format(":{}\r\n", counts_[words[1]] += std::stoll(words[2]));
    }
    if (words[0] == "SET" && !counts_.emplace(words[1], 0).second) {
      return "$-1\r\n";
    }
    return "+OK\r\n";
  }

 private:
  UniqueFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = 0;
  std::atomic<bool> is_ending_ = false;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  Answer answer_;
  std::vector<Words> received_;
  std::map<std::string, long long> counts_;
  std::vector<std::pair<UniqueFd, std::thread>> served_;
  std::thread thread_;
};

class RedisLeasesTest : public testing::Test {
 protected:
  using Grant = policy::LeaseStore::Grant;

  [[nodiscard]] RedisLeases::Options options() const {
    return {.server = redis_->endpoint(),
            .patience = patience_,
            .probe_every = 20ms,
            .retry_first = 5ms,
            .retry_max = 20ms};
  }
  [[nodiscard]] std::unique_ptr<RedisLeases> make() {
    return std::make_unique<RedisLeases>(loop_.context(), options());
  }
  static policy::LeaseStore::Ask ask_of(std::uint64_t wish, std::uint64_t limit = 100,
                                        std::string key = "k") {
    return {.key = std::move(key), .limit = limit, .wish = wish, .keep = 90s};
  }
  static std::optional<Grant> ask(RedisLeases& leases, policy::LeaseStore::Ask what) {
    std::promise<std::optional<Grant>> promise;
    leases.ask(std::move(what), [&](std::optional<Grant> grant) { promise.set_value(grant); });
    return promise.get_future().get();
  }
  /// Whether the first ask of a new store fails, and it is known to be down then.
  bool is_down_by(FakeRedis::Answer answer) {
    redis_->answer_by(std::move(answer));
    const auto leases = make();
    const bool failed = !ask(*leases, ask_of(1));
    return failed && !leases->may_answer() && !leases->counts().is_connected &&
           leases->counts().failed == 1;
  }

  std::chrono::milliseconds patience_ = 30s;
  http::LoopThread loop_;
  std::unique_ptr<FakeRedis> redis_ = std::make_unique<FakeRedis>();
};

TEST_F(RedisLeasesTest, GrantsOfABudgetAreTheLimitTogether) {
  const auto leases = make();
  const auto other = make();
  EXPECT_TRUE(leases->may_answer()) << "before the first answer there is hope";
  std::uint64_t sum = 0;
  for (int i = 0; i < 20; ++i) {
    const auto grant = ask(i % 2 == 0 ? *leases : *other, ask_of(7));
    ASSERT_TRUE(grant);
    sum += grant->granted;
    EXPECT_EQ(grant->rest, 100 - sum);
  }
  EXPECT_EQ(sum, 100U);
  EXPECT_EQ(ask(*leases, ask_of(7, 100, "other"))->granted, 7U);
  const auto counts = leases->counts();
  EXPECT_TRUE(counts.is_connected);
  EXPECT_EQ(counts.granted + other->counts().granted, 16U);
  EXPECT_EQ(counts.exhausted + other->counts().exhausted, 5U);
  EXPECT_EQ(counts.failed, 0U);
}

TEST_F(RedisLeasesTest, AGrantIsWhatIsFreeOfTheWish) {
  const auto granted = [](std::uint64_t limit, std::uint64_t wish, std::uint64_t total) {
    return grant_of({.key = {}, .limit = limit, .wish = wish}, total).granted;
  };
  EXPECT_EQ(granted(10, 4, 4), 4U);
  EXPECT_EQ(granted(10, 4, 12), 2U);
  EXPECT_EQ(granted(10, 4, 14), 0U);
  EXPECT_EQ(granted(10, 4, 1'000), 0U);
  EXPECT_EQ(granted(10, 40, 40), 10U);
  EXPECT_EQ(granted(10, 4, 2), 2U + 2U) << "a count that is below the wish counts as its beginning";
}

TEST_F(RedisLeasesTest, ItSaysWhoItIsAndAsksInAnOrderThatLeavesNoKeyForever) {
  RedisLeases::Options wanted = options();
  wanted.username = "gate";
  wanted.password = "sesame";
  wanted.database = 3;
  wanted.prefix = "p";
  RedisLeases leases(loop_.context(), wanted);
  ASSERT_TRUE(ask(leases, ask_of(7)));
  const auto received = redis_->received();
  ASSERT_GE(received.size(), 6U);
  EXPECT_EQ(received[0], (Words{"AUTH", "gate", "sesame"}));
  EXPECT_EQ(received[1], (Words{"SELECT", "3"}));
  EXPECT_EQ(received[2], (Words{"SET", "p:probe", "0", "PX", "40", "NX"}));
  EXPECT_EQ(received[3], (Words{"INCRBY", "p:probe", "1"}));
  EXPECT_EQ(received[4], (Words{"SET", "p:k", "0", "PX", "90000", "NX"}));
  EXPECT_EQ(received[5], (Words{"INCRBY", "p:k", "7"}));
}

TEST_F(RedisLeasesTest, WhatIsAskedAtTheSameTimeIsAllAnswered) {
  const auto leases = make();
  std::atomic<std::uint64_t> granted = 0;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 3'000; ++i) {
    leases->ask(ask_of(1, 1'000'000), [&](std::optional<Grant> grant) {
      granted += grant ? grant->granted : 0;
      ++answered;
    });
  }
  EXPECT_TRUE(http::eventually([&] { return answered == 3'000; }));
  EXPECT_EQ(granted, 3'000U);
}

TEST_F(RedisLeasesTest, WhatIsNoGrantIsNone) {
  for (const std::string reply :
       {"-NOAUTH Authentication required.\r\n", "-LOADING Redis is loading the dataset\r\n",
        "-READONLY You can't write\r\n", "garbage\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
        "$1000000000\r\n", "*100000\r\n", ":0\r\n", ":-1\r\n", "$-1\r\n", "+QUEUED\r\n", "\r\n"}) {
    EXPECT_TRUE(is_down_by([&](const Words& words) {
      return words[0] == "INCRBY" ? reply : std::string("+OK\r\n");
    })) << reply;
  }
  EXPECT_TRUE(is_down_by([](const Words&) { return "-NOPERM nothing\r\n"; }));
  EXPECT_TRUE(is_down_by([](const Words&) { return std::string(1 << 20, 'x'); }));
  EXPECT_TRUE(is_down_by([](const Words&) { return "+" + std::string(1 << 20, 'x'); }));
  EXPECT_TRUE(is_down_by([](const Words&) { return std::nullopt; }));
}

TEST_F(RedisLeasesTest, AServerThatIsSlowIsDown) {
  patience_ = 50ms;
  EXPECT_TRUE(is_down_by([](const Words&) { return ""; })) << "it says nothing";
  EXPECT_TRUE(is_down_by([](const Words& words) {
    return words[0] == "INCRBY" ? ":1" : "+OK\r\n";
  })) << "it says half of it";
}

TEST_F(RedisLeasesTest, RepliesInPiecesAreReplies) {
  const auto leases = make();
  ASSERT_TRUE(ask(*leases, ask_of(1)));
  // The end of one reply and the beginning of the next come together.
  std::string kept;
  redis_->answer_by([this, &kept](const Words& words) {
    const std::string all = kept + redis_->answer_like_redis(words);
    const std::size_t now = words[0] == "INCRBY" ? all.size() : all.size() / 2;
    kept = all.substr(now);
    return all.substr(0, now);
  });
  const auto grant = ask(*leases, ask_of(5));
  redis_->answer_by(nullptr);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->granted, 5U);
}

TEST_F(RedisLeasesTest, AConnectionThatWasClosedIsMadeAgainBeforeAnythingFails) {
  const auto leases = make();
  ASSERT_TRUE(ask(*leases, ask_of(1)));
  std::atomic<int> closed = 0;
  redis_->answer_by([&](const Words& words) -> std::optional<std::string> {
    if (words[1].ends_with(":k") && closed.fetch_add(1) == 0) {
      return std::nullopt;
    }
    return redis_->answer_like_redis(words);
  });
  EXPECT_TRUE(ask(*leases, ask_of(1)));
  EXPECT_EQ(leases->counts().failed, 0U);
  EXPECT_GE(redis_->connections(), 2);
}

TEST_F(RedisLeasesTest, ItNoticesThatTheServerIsGoneAndBack) {
  const auto leases = make();
  ASSERT_TRUE(ask(*leases, ask_of(1)));
  const std::uint16_t port = redis_->port();
  redis_->stop();
  EXPECT_TRUE(http::eventually([&] { return !leases->may_answer(); })) << "though nobody asks";
  EXPECT_FALSE(leases->counts().is_connected);
  EXPECT_FALSE(ask(*leases, ask_of(1)));
  redis_ = std::make_unique<FakeRedis>(port);
  EXPECT_TRUE(http::eventually([&] { return leases->counts().is_connected; }));
  EXPECT_TRUE(leases->may_answer());
  EXPECT_TRUE(ask(*leases, ask_of(1)));
}

TEST_F(RedisLeasesTest, WhoeverIsNotThereIsDown) {
  RedisLeases::Options wanted = options();
  wanted.server = *http::Endpoint::parse("unix:/nowhere/redis.sock");
  RedisLeases nowhere(loop_.context(), wanted);
  EXPECT_FALSE(ask(nowhere, ask_of(1)));
  wanted.server = *http::Endpoint::parse_host_port("nobody.invalid:6379");
  RedisLeases nobody(loop_.context(), wanted);
  EXPECT_FALSE(ask(nobody, ask_of(1)));
  wanted.server = redis_->endpoint();
  wanted.server.scheme = http::Endpoint::Scheme::kHttps;
  RedisLeases untold(loop_.context(), wanted);
  EXPECT_FALSE(ask(untold, ask_of(1))) << "nobody to trust";
  wanted.tls = *http::TlsClient::create({});
  wanted.patience = 50ms;
  RedisLeases plain(loop_.context(), wanted);
  EXPECT_FALSE(ask(plain, ask_of(1))) << "what it says is no TLS";
}

TEST_F(RedisLeasesTest, WhatWasAskedBeforeItsEndIsAnswered) {
  auto leases = make();
  std::atomic<int> answered = 0;
  for (int i = 0; i < 10; ++i) {
    leases->ask(ask_of(1), [&](const std::optional<Grant>&) { ++answered; });
  }
  leases.reset();
  EXPECT_TRUE(http::eventually([&] { return answered == 10; }));
}

TEST_F(RedisLeasesTest, ItMayOutliveItsLoop) {
  auto loop = std::make_unique<http::LoopThread>();
  const RedisLeases leases(loop->context(), options());
  EXPECT_TRUE(http::eventually([&] { return leases.counts().is_connected; }));
  loop.reset();
}

}  // namespace
}  // namespace mcpgate::gateway
