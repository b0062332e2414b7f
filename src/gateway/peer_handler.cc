#include "gateway/peer_handler.h"

#include <utility>

#include "gateway/forwarded_request.h"

namespace mcpgate::gateway {

namespace {

/// Signatures of the last minute: 10,000 requests a second, 100 MiB at most. Above it 503.
constexpr std::size_t kSignaturesMax = 600'000;

int status_of(sandbox::Refusal refusal) {
  switch (refusal) {
    case sandbox::Refusal::kOtherInstance:
    case sandbox::Refusal::kReplayed:
      return 409;
    case sandbox::Refusal::kReplayFull:
      return 503;
    default:
      return 401;
  }
}

}  // namespace

PeerGate::PeerGate(sandbox::SigningKeys keys, std::string instance, const Clock& clock)
    : verifier_(std::move(keys), std::move(instance), clock, kSignaturesMax) {}

std::optional<sandbox::Refusal> PeerGate::check(std::string_view signature,
                                                const sandbox::SignedRequest& request) {
  const std::scoped_lock lock(mutex_);
  return verifier_.check(signature, request);
}

void PeerGate::replace_keys(sandbox::SigningKeys keys) {
  const std::scoped_lock lock(mutex_);
  verifier_.replace_keys(std::move(keys));
}

Task<void> PeerHandler::handle(const http::Request& request, http::Responder& responder) {
  if (request.target != kForwardTarget || request.method != "POST") {
    responder.send(refuse(request, 404, "path"));
    co_return;
  }
  const auto refusal =
      gate_.check(request.header(sandbox::kSignatureHeader).value_or(""),
                  {.method = request.method,
                   .path = request.target,
                   .call_id = request.header(sandbox::kCallHeader).value_or(""),
                   .instance = request.header(sandbox::kInstanceHeader).value_or(""),
                   .body = request.body});
  if (refusal) {
    responder.send(refuse(request, status_of(*refusal), sandbox::to_string(*refusal)));
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
