#include "gateway/peer_handler.h"

#include <utility>

#include "gateway/forwarded_request.h"

namespace mcpgate::gateway {

namespace {

/// Signatures of the last minute: 10,000 requests a second, 100 MiB at most. Above it 503.
constexpr std::size_t kSignaturesMax = 600'000;

}  // namespace

PeerGate::PeerGate(sandbox::SigningKeys keys, std::string instance, const Clock& clock)
    : verifier_(std::move(keys), std::move(instance), clock, kSignaturesMax) {}

std::optional<sandbox::Refusal> PeerGate::check(const http::Request& request) {
  const std::scoped_lock lock(mutex_);
  return verifier_.check(request);
}

void PeerGate::replace_keys(sandbox::SigningKeys keys) {
  const std::scoped_lock lock(mutex_);
  verifier_.replace_keys(std::move(keys));
}

Task<void> PeerHandler::handle(const http::Request& request, http::Responder& responder) {
  const bool tells_logouts = request.target == kLogoutsTarget;
  if ((request.target != kForwardTarget && !tells_logouts) || request.method != "POST") {
    responder.send(refuse(request, 404, "path"));
    co_return;
  }
  const auto refusal = gate_.check(request);
  if (refusal == sandbox::Refusal::kOtherInstance && tells_logouts) {
    // By this the other learns whom it asks; nothing was refused that is worth a record.
    responder.send({.status = sandbox::status_of(*refusal),
                    .headers = {{std::string(sandbox::kInstanceHeader), gate_.instance()}}});
    co_return;
  }
  if (refusal) {
    responder.send(refuse(request, sandbox::status_of(*refusal), sandbox::to_string(*refusal)));
    co_return;
  }
  if (tells_logouts) {
    co_await logouts_.tell(request, gateway_.sealer(), responder);
    co_return;
  }
  ForwardedRequest forwarded;
  if (!forwarded.open(gateway_.sealer(), request.body)) {
    responder.send(refuse(request, 400, "sealed otherwise"));
    co_return;
  }
  co_await gateway_.handle(forwarded.request(), responder);
}

http::Response PeerHandler::refuse(const http::Request& request, int status,
                                   std::string_view reason) {
  http::Response response = gateway_.refused({.status = status,
                                              .reason = reason,
                                              .peer = request.peer,
                                              .method = request.method,
                                              .target = request.target});
  response.headers.emplace_back(kRefusedHeader, reason);
  return response;
}

}  // namespace mcpgate::gateway
