#include "gateway/forwarder.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/log.h"
#include "sandbox/signature.h"

namespace mcpgate::gateway {

namespace {

/// Replicas to which connections are kept; they come and go.
constexpr std::size_t kReplicasMax = 64;
constexpr std::size_t kNonceBytes = 16;
/// The whole answer of another replica, which has bounded what it is made of.
constexpr std::size_t kAnswerBytesMax = std::size_t{128} << 20;
/// What another replica may take beside the longest call, or between two signs of life.
constexpr std::chrono::seconds kGrace{30};
constexpr const char* kRetryAfter = "10";

Answer gone() {
  return refusal_answer(404, "The replica that this session lives in is gone; initialize again.");
}

Answer unavailable() {
  Answer answer = refusal_answer(503, "The replica that this session lives in takes no request.");
  answer.headers.emplace_back("Retry-After", kRetryAfter);
  return answer;
}

/// What the answer's head says for the client, without what our server says itself.
http::Headers headers_for_client(const http::ResponseHead& head) {
  constexpr std::array<std::string_view, 5> kOurs = {"connection", "content-length", "date",
                                                     "keep-alive", "transfer-encoding"};
  http::Headers headers;
  for (const http::Header& header : head.headers) {
    if (std::ranges::none_of(
            kOurs, [&header](std::string_view ours) { return http::iequals(header.name, ours); })) {
      headers.emplace_back(header.name, header.value);
    }
  }
  return headers;
}

}  // namespace

/// One request on its way to another replica and back.
class Forwarder::Passage : public Hook {
 public:
  Passage(std::shared_ptr<http::Client> to, const Settings& settings, const Clock& time)
      : client(std::move(to)),
        exchange(*client),
        patience(std::max(settings.call_timeout, settings.stream_keep_alive) + kGrace),
        clock(time) {}

  /// Of the other's next word.
  [[nodiscard]] SteadyTime deadline() const { return clock.steady_now() + patience; }

  std::shared_ptr<http::Client> client;
  http::Exchange exchange;
  std::chrono::milliseconds patience;
  const Clock& clock;
};

Forwarder::Forwarder(const GatewayParts& parts) : parts_(parts) {}

Forwarder::~Forwarder() = default;

void Forwarder::drain() {
  for (Passage& stream : streams_) {
    stream.exchange.abort();
  }
}

std::shared_ptr<http::Client> Forwarder::client_of(const std::string& address,
                                                   const Settings& settings) {
  if (const auto known = clients_.find(address); known != clients_.end()) {
    return known->second;
  }
  auto endpoint = http::Endpoint::parse("http://" + address);
  if (!endpoint) {
    return nullptr;
  }
  if (clients_.size() >= kReplicasMax) {
    clients_.clear();  // What is under way holds its own.
  }
  // Each of them is for one client's request, which are counted.
  const http::ClientOptions options{.connections_max = std::numeric_limits<std::size_t>::max(),
                                    .connect_timeout = settings.peer_connect};
  auto client = std::make_shared<http::Client>(parts_.loop, *std::move(endpoint), options);
  clients_.emplace(address, client);
  return client;
}

Task<std::optional<Answer>> Forwarder::forward(const Visit& visit) {
  const auto home = Home::parse(visit.home);
  const Settings& settings = *visit.snapshot->settings;
  if (!home || settings.peer_keys == nullptr) {
    co_return gone();  // Of a time when there were other replicas.
  }
  auto client = client_of(home->address, settings);
  if (client == nullptr) {
    co_return gone();
  }
  const auto passage = std::make_shared<Passage>(std::move(client), settings, parts_.clock);
  if (visit.request.method == "GET") {
    streams_.push_back(*passage);
  }
  visit.responder->on_disconnect([weak = std::weak_ptr(passage)] {
    if (const auto under_way = weak.lock()) {
      under_way->exchange.abort();
    }
  });
  const auto head = co_await send(*passage, *home, visit);
  if (!head) {
    log_info("a session's replica does not answer: {}", head.error().message);
    co_return head.error().code == ErrorCode::kResourceExhausted ? unavailable() : gone();
  }
  if (const auto refused = head->header(kRefusedHeader)) {
    if (*refused == sandbox::to_string(sandbox::Refusal::kOtherInstance)) {
      co_return gone();  // Another one, or another start, is there now.
    }
    log_error("{}: this replica is refused: {}; compare peers.key, sealingKeys and clocks",
              home->address, *refused);
    co_return unavailable();
  }
  co_return co_await pass_on(*passage, *head, visit);
}

Task<Expected<http::ResponseHead>> Forwarder::send(Passage& passage, const Home& home,
                                                   const Visit& visit) const {
  const Settings& settings = *visit.snapshot->settings;
  const std::string body = seal_forwarded(*settings.sealer, visit.request, parts_.random);
  const std::string nonce = parts_.random.hex(kNonceBytes);
  const std::array<http::Header, 1> content = {{{"Content-Type", "application/octet-stream"}}};
  const sandbox::SignedHeaders headers(settings.peer_keys->signing(),
                                       {.method = "POST",
                                        .path = kForwardTarget,
                                        .call_id = nonce,
                                        .instance = home.instance,
                                        .body = body},
                                       parts_.clock.wall_now(), content);
  // Sending it twice is safe: the other takes a signature once.
  co_return co_await passage.exchange.send({.method = "POST",
                                            .target = kForwardTarget,
                                            .headers = headers.view(),
                                            .body = body,
                                            .deadline = passage.deadline(),
                                            .idempotent = true});
}

Task<std::optional<Answer>> Forwarder::pass_on(Passage& passage, http::ResponseHead head,
                                               const Visit& visit) const {
  const int status = head.status;
  http::Headers headers = headers_for_client(head);
  if (head.header("content-type") != "text/event-stream") {
    auto body = co_await passage.exchange.read_all(kAnswerBytesMax);
    if (!body) {
      co_return gone();
    }
    visit.responder->send(
        {.status = status, .headers = std::move(headers), .body = *std::move(body)});
    co_return std::nullopt;
  }
  auto passed = co_await visit.responder->begin(status, std::move(headers));
  while (passed) {
    passage.exchange.set_deadline(passage.deadline());
    const auto piece = co_await passage.exchange.read();
    if (!piece) {
      co_return std::nullopt;  // The client sees the stream cut, and comes back.
    }
    passed = co_await (piece->empty() ? visit.responder->finish() : visit.responder->write(*piece));
    if (piece->empty()) {
      break;
    }
  }
  co_return std::nullopt;
}

}  // namespace mcpgate::gateway
