// One question is one POST over a kept connection. The answer is judged by the verifier; here only
// what cannot be an answer is told apart.

#include "auth/introspector.h"

#include <array>
#include <utility>

#include "base/log.h"
#include "http/form.h"

namespace mcpgate::auth {

namespace {

constexpr int kOk = 200;

}  // namespace

bool Introspector::has_room_for(const std::string& token) const {
  const std::size_t most = issuers_->introspections_max;
  return open_.size() < most && (!is_opaque(token) || open_opaque_ < (most + 1) / 2);
}

Task<void> Introspector::ask(std::string issuer, std::string token) {
  if (const auto open = open_.find(token); open != open_.end()) {
    const std::shared_ptr<asio::steady_timer> answered = open->second;
    (void)co_await answered->async_wait(kAwait);
    co_return;
  }
  if (!issuers_ || !has_room_for(token)) {
    co_return;
  }
  const auto answered =
      std::make_shared<asio::steady_timer>(loop_, asio::steady_timer::time_point::max());
  open_.emplace(token, answered);
  open_opaque_ += is_opaque(token) ? 1 : 0;
  const auto answer = co_await fetch(issuer, token);
  open_opaque_ -= is_opaque(token) ? 1 : 0;
  open_.erase(token);
  note(issuer, answer);
  const Issuer* const known = issuers_ ? issuers_->find(issuer) : nullptr;
  if (known != nullptr && known->introspection) {
    verifier_.learn(issuers_, *known, token, answer, clock_.wall_now());
  }
  answered->cancel();
}

Expected<Introspector::Line*> Introspector::line_to(const Issuer& issuer) {
  Line& line = lines_[issuer.rules.issuer];
  if (line.client && line.endpoint == issuer.introspection) {
    return &line;
  }
  auto endpoint = http::Endpoint::parse(issuer.introspection->url);
  if (!endpoint || endpoint->scheme == http::Endpoint::Scheme::kUnix) {
    return fail(ErrorCode::kInvalidArgument, "its introspection_endpoint is no http or https URL");
  }
  line.endpoint = issuer.introspection;
  line.client = std::make_shared<http::Client>(
      loop_, *std::move(endpoint),
      http::ClientOptions{.connections_max = issuers_->introspections_max,
                          .tls = issuer.introspection->tls});
  return &line;
}

Task<Expected<std::string>> Introspector::fetch(std::string issuer, std::string token) {
  const Issuer* const asked = issuers_->find(issuer);
  if (asked == nullptr || !asked->introspection || asked->introspection->url.empty()) {
    co_return fail(ErrorCode::kUnavailable, "where it is to be asked is not known");
  }
  const auto line = line_to(*asked);
  if (!line) {
    co_return std::unexpected(line.error());
  }
  const std::shared_ptr<http::Client> client = (*line)->client;
  const std::string credentials = basic_credentials(asked->introspection->client);
  const std::string target = client->endpoint().path;
  const std::string form =
      http::form_encode({{"token", std::move(token)}, {"token_type_hint", "access_token"}});
  const std::array<http::Header, 3> headers{
      {{"Accept", "application/json"},
       {"Authorization", credentials},
       {"Content-Type", "application/x-www-form-urlencoded"}}};
  auto response = co_await client->fetch(
      {.method = "POST",
       .target = target,
       .headers = headers,
       .body = form,
       .deadline = std::chrono::steady_clock::now() + issuers_->introspection_timeout,
       .idempotent = true},
      kIntrospectionBytesMax);
  if (!response) {
    co_return std::unexpected(std::move(response.error()));
  }
  if (response->status != kOk) {
    co_return fail(ErrorCode::kUnavailable, "it answers with status {}", response->status);
  }
  co_return std::move(response->body);
}

/// Says once that an issuer does not answer, and once that it does again.
void Introspector::note(const std::string& issuer, const Expected<std::string>& answer) {
  bool& failing = lines_[issuer].failing;
  if (std::exchange(failing, !answer) == !answer) {
    return;
  }
  if (answer) {
    log_info("issuer {}: it can be asked about tokens again", issuer);
  } else {
    log_error("issuer {}: it cannot be asked about tokens, which are refused: {}", issuer,
              answer.error().message);
  }
}

}  // namespace mcpgate::auth
