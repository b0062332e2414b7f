#include "gateway/logout_endpoint.h"

#include <utility>

#include "gateway/visit.h"
#include "http/form.h"
#include "json/write.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kPath = "/oauth/backchannel-logout";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
/// The longest token that any configuration can allow, and the form around it.
constexpr std::size_t kBodyBytesMax = (std::size_t{64} << 10) + 1024;

/// An error as OAuth writes it (RFC 6749, 5.2), which no cache may keep.
Answer refused(int status, std::string_view error, std::string_view description) {
  Answer answer{.status = status};
  json::Writer(answer.body)
      .begin_object()
      .field("error", error)
      .field("error_description", description)
      .end_object();
  answer.headers.emplace_back("Cache-Control", "no-store");
  return answer;
}

}  // namespace

bool is_logout(const http::Request& request, const auth::IssuerTable* issuers) {
  return request.path == kPath && issuers != nullptr && !issuers->issuers.empty();
}

bool has_logout_length(const http::Request& request) {
  const auto bytes = content_length(request);
  return bytes && *bytes <= kBodyBytesMax;
}

std::expected<std::string, Answer> logout_token_of(const http::Request& request) {
  if (request.method != "POST") {
    Answer answer = refused(405, "invalid_request", "Logout tokens are sent by POST.");
    answer.headers.emplace_back("Allow", "POST");
    return std::unexpected(std::move(answer));
  }
  if (!http::iequals(media_type(request), kFormType)) {
    return std::unexpected(refused(415, "invalid_request",
                                   "A logout token is sent as a form: " + std::string(kFormType)));
  }
  if (!has_logout_length(request)) {
    return std::unexpected(
        refused(413, "invalid_request", "The body is too long, or does not say how long it is."));
  }
  std::string token;
  std::size_t count = 0;
  for (auto& [name, value] : http::form_decode(request.body)) {
    if (name == "logout_token") {
      token = std::move(value);
      ++count;
    }
  }
  if (count != 1) {
    return std::unexpected(refused(400, "invalid_request", "One logout_token is needed."));
  }
  return token;
}

Answer logged_out_answer() {
  Answer answer;
  answer.headers.emplace_back("Cache-Control", "no-store");
  return answer;
}

Answer logout_refused(const auth::AuthFailure& failure) {
  if (failure.reason == auth::AuthFailureReason::kIssuerUnavailable) {
    Answer answer = refused(503, "temporarily_unavailable", "The issuer's keys are not known yet.");
    answer.headers.emplace_back("Retry-After", "1");
    return answer;
  }
  if (failure.reason == auth::AuthFailureReason::kTooManyBad) {
    Answer answer =
        refused(429, "temporarily_unavailable", "Too many bad tokens come from your address.");
    answer.headers.emplace_back("Retry-After", "1");
    return answer;
  }
  return refused(400, "invalid_request",
                 "The logout token is not good: " + std::string(to_string(failure.reason)) + ".");
}

}  // namespace mcpgate::gateway
