#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "auth/issuer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "http/tls.h"

namespace mcpgate::auth {

/// As whom an issuer is asked about tokens, and about which.
struct IntrospectionClient {
  IssuerClient client;
  /// See IntrospectionEndpoint.
  bool always = true;

  friend bool operator==(const IntrospectionClient&, const IntrospectionClient&) = default;
};

/// One issuer and how to reach it.
struct IssuerSource {
  IssuerRules rules;
  /// Whom to trust for https.
  std::shared_ptr<http::TlsClient> tls;
  /// As whom it is asked about tokens; nothing: it is not.
  std::optional<IntrospectionClient> introspection = std::nullopt;

  friend bool operator==(const IssuerSource&, const IssuerSource&) = default;
};

/// Every bound of a JwksWatch.
struct JwksWatchOptions {
  /// Between two reads of an issuer that answers: an old key is forgotten that soon.
  std::chrono::milliseconds refresh{300'000};
  /// After a read that failed, doubled with each failure up to `retry_max`.
  std::chrono::milliseconds retry_first{500};
  std::chrono::milliseconds retry_max{30'000};
  /// Reads that tokens with unknown keys cause are this far apart, however many come.
  std::chrono::milliseconds demand_interval{10'000};
  /// How long keys are used on while their issuer does not answer.
  std::chrono::milliseconds stale_max{std::chrono::hours{24}};
  /// For one read, discovery and keys together.
  std::chrono::milliseconds fetch_timeout{5'000};
  /// Requests that wait for one read.
  std::size_t waiters_max = 1024;
};

/// The signing keys of all issuers, followed while they change: each issuer's discovery document
/// (OpenID Connect Discovery, 4) says where its JWK Set is, which is read again and again, and at
/// once when a token names a key that is not known. While an issuer does not answer its keys stay
/// in use.
///
/// One loop; destroyed on it, or when it no longer runs.
class JwksWatch {
 public:
  using OnTable = std::function<void(std::shared_ptr<const IssuerTable>)>;
  using Options = JwksWatchOptions;

  /// `on_table` is called on the loop whenever table() has changed.
  JwksWatch(asio::io_context& loop, const Clock& clock, OnTable on_table, Options options = {});
  JwksWatch(const JwksWatch&) = delete;
  JwksWatch& operator=(const JwksWatch&) = delete;
  ~JwksWatch();

  /// Follows exactly these issuers from now on; what is known of one that was followed before
  /// stays. `limits` gives the table's own members. Changes table() without calling `on_table`.
  void follow(const std::vector<IssuerSource>& sources, const IssuerTable& limits);

  /// Never null.
  [[nodiscard]] const std::shared_ptr<const IssuerTable>& table() const { return table_; }

  /// A token of `issuer` names a key that is not known: reads its keys, and calls `done` on the
  /// loop when they are there or are not to be had soon.
  void demand(std::string_view issuer, std::function<void()> done);

 private:
  struct Follower;
  struct Published;

  static Task<void> poll(std::shared_ptr<Follower> follower);
  [[nodiscard]] std::chrono::milliseconds digest_read(Follower& follower,
                                                      const Expected<Published>& read);
  void took(Follower& follower, const Published& read, std::shared_ptr<const JwkSet> keys);
  void failed(Follower& follower, const Error& error);
  void publish();

  asio::io_context& loop_;
  const Clock& clock_;
  OnTable on_table_;
  Options options_;
  IssuerTable limits_;
  /// In the order of the configuration.
  std::vector<std::shared_ptr<Follower>> followers_;
  std::shared_ptr<const IssuerTable> table_;
};

}  // namespace mcpgate::auth
