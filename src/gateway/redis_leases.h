#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/task.h"
#include "http/endpoint.h"
#include "http/tls.h"
#include "policy/lease_store.h"

namespace mcpgate::gateway {

/// What a reply grants: `total` is the budget's count after the wish was added to it. As the server
/// adds one wish after the other, all grants together are at most the limit.
[[nodiscard]] policy::LeaseStore::Grant grant_of(const policy::LeaseStore::Ask& ask,
                                                 std::uint64_t total);

/// Leases from a Redis or Valkey server, over one connection, which comes back by itself; a
/// coroutine of one loop asks for what all loops want.
///
/// Destroyed on any thread, also after the loop was. The coroutine notices within `probe_every` or
/// `retry_max`.
class RedisLeases final : public policy::LeaseStore {
 public:
  struct Options {
    /// kUnix, kHttp: plain TCP, kHttps: under TLS.
    http::Endpoint server;
    /// Whom to trust; needed for kHttps.
    std::shared_ptr<http::TlsClient> tls = nullptr;
    /// Empty: the default user.
    std::string username = {};
    /// Empty: the server wants none. Never to be logged.
    std::string password = {};
    std::uint32_t database = 0;
    /// Before each key.
    std::string prefix = "mcpgate";
    /// To connect, and for the answers to what was asked at the same time.
    std::chrono::milliseconds patience{250};
    /// When nothing is asked, whether the server is there is tried that often.
    std::chrono::milliseconds probe_every{2'000};
    /// After an attempt to connect that failed, doubled with each failure up to `retry_max`.
    std::chrono::milliseconds retry_first{100};
    std::chrono::milliseconds retry_max{5'000};
  };

  RedisLeases(asio::io_context& loop, Options options);
  RedisLeases(const RedisLeases&) = delete;
  RedisLeases& operator=(const RedisLeases&) = delete;
  ~RedisLeases() override;

  void ask(Ask ask, Answered answered) override;
  [[nodiscard]] bool may_answer() const override;
  [[nodiscard]] Counts counts() const override;

 private:
  struct Shared;
  struct Link;

  asio::io_context& loop_;
  std::shared_ptr<Shared> shared_;
  /// It and its sockets are the coroutine's, and end with the loop.
  std::weak_ptr<Link> link_;
};

}  // namespace mcpgate::gateway
