#pragma once

#include "gateway/service.h"
#include "http/server.h"

namespace mcpgate::gateway {

/// The admin listener: GET /health, /ready and /status. Its port is for probes and operators on the
/// machine or in the cluster, never for clients. Runs on loop 0.
class AdminHandler final : public http::Handler {
 public:
  /// `service` outlives it.
  explicit AdminHandler(const Service& service) : service_(service) {}

  Task<void> handle(const http::Request& request, http::Responder& responder) override;

 private:
  [[nodiscard]] http::Response page(const http::Request& request) const;
  [[nodiscard]] http::Response status() const;
  [[nodiscard]] http::Response metrics() const;

  const Service& service_;
};

}  // namespace mcpgate::gateway
