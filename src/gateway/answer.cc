#include "gateway/answer.h"

#include <fmt/format.h>

#include "json/write.h"

namespace mcpgate::gateway {

namespace {

/// How long a client waits before it asks whether records can be written again.
constexpr std::string_view kAuditRetryAfterSeconds = "5";

constexpr int kUnrecordedStatus = 503;
constexpr int kTooManyStatus = 429;

}  // namespace

Answer result_answer(std::string_view id, std::string_view result) {
  return {.body = mcp::write_result(id, result)};
}

Answer error_answer(std::string_view id, const mcp::RpcError& error) {
  return {.status = error.http_status, .body = mcp::write_error(id, error)};
}

Answer refusal_answer(int status, std::string_view message) {
  return error_answer(mcp::kNullId, {.code = static_cast<mcp::RpcCode>(status),
                                     .message = std::string(message),
                                     .http_status = status});
}

Answer rate_answer(std::string_view id, const policy::RateRefusal& refusal) {
  mcp::RpcError error{.code = mcp::RpcCode::kTooManyRequests,
                      .message = rate_message(refusal),
                      .http_status = kTooManyStatus};
  json::Writer(error.data)
      .begin_object()
      .field("io.mcpgate/retryAfter", refusal.retry_after.count())
      .end_object();
  Answer answer = error_answer(id, error);
  answer.headers.emplace_back("Retry-After", fmt::format("{}", refusal.retry_after.count()));
  return answer;
}

std::string rate_message(const policy::RateRefusal& refusal) {
  return fmt::format(
      "{} Try again in {} s.",
      refusal.is_of_store ? "Calls cannot be counted now." : "Too many calls for now.",
      refusal.retry_after.count());
}

Answer unrecorded_answer(std::string_view id) {
  Answer answer =
      error_answer(id, {.code = mcp::RpcCode::kInternalError,
                        .message = "The audit record cannot be written, so the request is refused.",
                        .http_status = kUnrecordedStatus});
  answer.headers.emplace_back("Retry-After", kAuditRetryAfterSeconds);
  return answer;
}

bool is_unrecorded(const Answer& answer) {
  return answer.status == kUnrecordedStatus;
}

mcp::RpcError unknown_tool(std::string_view name) {
  return {.code = mcp::RpcCode::kInvalidParams, .message = "Unknown tool: " + std::string(name)};
}

http::Response health_page() {
  return {.body = R"({"status":"ok"})", .content_type = "application/json"};
}

http::Response ready_page(std::string_view not_ready) {
  http::Response page{.status = not_ready.empty() ? 200 : 503, .content_type = "application/json"};
  json::Writer writer(page.body);
  writer.begin_object().field("ready", not_ready.empty());
  if (!not_ready.empty()) {
    writer.field("reason", not_ready);
  }
  writer.end_object();
  return page;
}

http::Response to_response(Answer answer) {
  http::Response response{.status = answer.status,
                          .headers = std::move(answer.headers),
                          .body = std::move(answer.body)};
  if (!response.body.empty()) {
    response.content_type = "application/json";
  }
  return response;
}

}  // namespace mcpgate::gateway
