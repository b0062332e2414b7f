#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/gateway.h"
#include "gateway/logout_peers.h"
#include "http/server.h"
#include "sandbox/signature.h"

namespace mcpgate::gateway {

/// Who may hand requests to this replica, and each only once. Shared by all loops.
class PeerGate {
 public:
  /// `instance` is this start of this replica; `clock` outlives it.
  PeerGate(sandbox::SigningKeys keys, std::string instance, const Clock& clock);

  /// Nothing, where the request may proceed.
  [[nodiscard]] std::optional<sandbox::Refusal> check(const http::Request& request);
  void replace_keys(sandbox::SigningKeys keys);
  [[nodiscard]] const std::string& instance() const { return verifier_.instance(); }

 private:
  std::mutex mutex_;
  sandbox::Verifier verifier_;
};

/// What a replica serves the others, on one loop: what they forward is walked like any request,
/// credential first; they vouch for nobody but for the logouts that they know.
class PeerHandler final : public http::Handler {
 public:
  /// All outlive it.
  PeerHandler(Gateway& gateway, PeerGate& gate, LogoutTeller& logouts)
      : gateway_(gateway), gate_(gate), logouts_(logouts) {}

  Task<void> handle(const http::Request& request, http::Responder& responder) override;
  http::Response refused(const http::Refusal& refusal) override {
    return gateway_.refused(refusal);
  }

 private:
  [[nodiscard]] http::Response refuse(const http::Request& request, int status,
                                      std::string_view reason);

  Gateway& gateway_;
  PeerGate& gate_;
  LogoutTeller& logouts_;
};

}  // namespace mcpgate::gateway
