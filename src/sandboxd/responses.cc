#include "sandboxd/responses.h"

#include "json/write.h"

namespace mcpgate::sandboxd {

namespace {

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kAlreadyExists:
      return 409;
    case ErrorCode::kResourceExhausted:
      return 429;
    default:
      return 503;
  }
}

}  // namespace

http::Response text_response(int status, std::string_view text) {
  return {.status = status,
          .headers = {},
          .body = std::string(text) + "\n",
          .content_type = "text/plain; charset=utf-8"};
}

http::Response json_response(std::string body) {
  return {
      .status = 200, .headers = {}, .body = std::move(body), .content_type = "application/json"};
}

http::Response error_response(int status, std::string_view why) {
  std::string body;
  json::Writer(body).begin_object().field("error", why).end_object();
  http::Response response = json_response(std::move(body));
  response.status = status;
  return response;
}

http::Response done_response() {
  return {.status = 204, .headers = {}, .body = {}, .content_type = {}};
}

http::Response turned_away_response(const Error& error) {
  const int status = status_of(error.code);
  http::Response response = error_response(status, error.message);
  if (status == 429 || status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

}  // namespace mcpgate::sandboxd
