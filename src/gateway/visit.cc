#include "gateway/visit.h"

#include <charconv>

#include "base/trace.h"
#include "gateway/origin.h"

namespace mcpgate::gateway {

namespace {

constexpr std::size_t kRequestIdBytes = 16;

}  // namespace

std::string new_request_id(Random& random) {
  return random.hex(kRequestIdBytes);
}

auth::Credentials credentials_of(const Visit& visit, const Settings& settings,
                                 auth::Possession::Stage stage, auth::SeenProofs& seen_proofs) {
  const http::Request& request = visit.request;
  const bool is_new = stage != auth::Possession::Stage::kLater;
  const ResourceUrl url = resource_url(settings, request.path);
  return {.authorization = request.header("authorization"),
          .authorization_count = request.header_count("authorization"),
          .target = request.target,
          .possession = {.stage = stage,
                         .method = request.method,
                         .url_base = url.base,
                         .url_rest = url.rest,
                         .headers = request.headers,
                         .body = request.body,
                         .seen = &seen_proofs},
          .peer = is_new ? std::optional<std::string_view>(visit.client_ip) : std::nullopt,
          .peer_is_loopback = is_from_loopback(request)};
}

std::string_view token_of(const http::Request& request) {
  const auto sent = auth::sent_token(request.header("authorization").value_or(""));
  return sent ? sent->token : std::string_view();
}

EventsWanted events_wanted(const http::Request& request) {
  const std::string_view accepted = request.header("accept").value_or("");
  const std::size_t events = accepted.find("text/event-stream");
  return events == std::string_view::npos             ? EventsWanted::kNo
         : events < accepted.find("application/json") ? EventsWanted::kPreferred
                                                      : EventsWanted::kAccepted;
}

std::string_view media_type(const http::Request& request) {
  std::string_view type = request.header("content-type").value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) {
    type.remove_suffix(1);
  }
  return type;
}

std::optional<std::size_t> content_length(const http::Request& request) {
  const std::string_view text = request.header("content-length").value_or("");
  std::size_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(bytes)
                                                                  : std::nullopt;
}

audit::Record begin_record(const Visit& visit, const Clock& clock) {
  return {.timestamp = clock.wall_now(),
          .request_id = visit.request_id,
          .principal = visit.principal,
          .client_ip = visit.client_ip,
          .trace_id = std::string(trace_id_of(visit.request.header("traceparent").value_or("")))};
}

}  // namespace mcpgate::gateway
