#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "auth/access_token.h"
#include "auth/issuer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "http/client.h"

namespace mcpgate::auth {

/// Asks issuers whether tokens are still good (RFC 7662), on one loop, and tells the loop's
/// verifier what they answered. Whoever asks about a token that is being asked about waits for the
/// same answer. Of IssuerTable::introspections_max questions at most half are about opaque tokens,
/// for which nobody has vouched: made-up ones must not keep others out.
class Introspector {
 public:
  /// All outlive it.
  Introspector(asio::io_context& loop, const Clock& clock, AccessTokenVerifier& verifier)
      : loop_(loop), clock_(clock), verifier_(verifier) {}
  Introspector(const Introspector&) = delete;
  Introspector& operator=(const Introspector&) = delete;
  ~Introspector() = default;

  /// The issuers from now on; null: none.
  void use(std::shared_ptr<const IssuerTable> issuers) { issuers_ = std::move(issuers); }

  /// Comes back when the verifier knows what there is to know of the token; at once where too many
  /// questions are open.
  Task<void> ask(std::string issuer, std::string token);

 private:
  /// How an issuer is reached, as it was configured when it was asked last.
  struct Line {
    std::shared_ptr<const IntrospectionEndpoint> endpoint;
    std::shared_ptr<http::Client> client;
    bool failing = false;
  };

  [[nodiscard]] bool has_room_for(const std::string& token) const;
  [[nodiscard]] Expected<Line*> line_to(const Issuer& issuer);
  Task<Expected<std::string>> fetch(std::string issuer, std::string token);
  void note(const std::string& issuer, const Expected<std::string>& answer);

  asio::io_context& loop_;
  const Clock& clock_;
  AccessTokenVerifier& verifier_;
  std::shared_ptr<const IssuerTable> issuers_;
  std::map<std::string, Line> lines_;
  /// By token: who waits for its answer waits for this timer. And how many are opaque.
  std::unordered_map<std::string, std::shared_ptr<asio::steady_timer>> open_;
  std::size_t open_opaque_ = 0;
};

}  // namespace mcpgate::auth
