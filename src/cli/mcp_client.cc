#include "cli/mcp_client.h"

#include <array>
#include <utility>

#include "json/parse.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/server_message.h"

namespace mcpgate::cli {

namespace {

constexpr std::string_view kRevision = mcp::to_string(mcp::kNewest);
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;
/// Longer than any call may take by default.
constexpr std::chrono::seconds kPatience{120};

}  // namespace

McpClient::McpClient(asio::io_context& loop, Target target)
    : loop_(loop),
      target_(std::move(target)),
      client_(loop, target_.endpoint, target_.client_options()) {}

Task<Expected<std::string>> McpClient::list_tools() {
  mcp::ListReader reader("tools", kToolsMax);
  do {
    const auto page = co_await request("tools/list", "", reader.next_members());
    if (!page) {
      co_return page;
    }
    if (const auto taken = reader.take(*page); !taken) {
      co_return fail(taken.error().code, "{}: {}", target_.url, taken.error().message);
    }
  } while (!reader.is_done());
  std::string all;
  json::Writer writer(all);
  writer.begin_object().key("tools").begin_array();
  for (const std::string& tool : reader.items) {
    writer.raw(tool);
  }
  writer.end_array().end_object();
  co_return all;
}

Task<Expected<std::string>> McpClient::call_tool(std::string name, std::string arguments) {
  std::string members = mcp::call_members(name, arguments);
  co_return co_await request("tools/call", std::move(name), std::move(members));
}

Task<Expected<std::string>> McpClient::request(std::string method, std::string name,
                                               std::string members) {
  const std::string body =
      mcp::write_server_request(1, method, mcp::request_params(mcp::Era::kModern, members));
  const auto authorization = co_await target_.authorization(loop_);
  if (!authorization) {
    co_return std::unexpected(authorization.error());
  }
  const std::array<http::Header, 6> headers = {{{"Authorization", *authorization},
                                                {"Content-Type", "application/json"},
                                                {"Accept", "application/json, text/event-stream"},
                                                {"MCP-Protocol-Version", kRevision},
                                                {"Mcp-Method", method},
                                                {"Mcp-Name", name}}};
  const std::span<const http::Header> sent(headers.data(), name.empty() ? 5 : 6);
  const auto response =
      co_await client_.fetch({.method = "POST",
                              .target = target_.endpoint.path,
                              .headers = sent,
                              .body = body,
                              .deadline = std::chrono::steady_clock::now() + kPatience},
                             kAnswerBytesMax);
  if (!response) {
    co_return fail(response.error().code, "{}: {}", target_.url, response.error().message);
  }
  co_return result_of(*response);
}

Expected<std::string> McpClient::result_of(const http::ClientResponse& response) const {
  if (response.status == 401) {
    return fail(ErrorCode::kUnauthenticated, "{} does not accept this token", target_.url);
  }
  json::Parser parser(kAnswerBytesMax);
  const auto element = parser.parse(response.body);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  if (!object) {
    return fail(ErrorCode::kUnavailable, "{} answered with status {} and no JSON", target_.url,
                response.status);
  }
  if (const auto result = json::find_member(*object, response.body, "result")) {
    return std::string(result->raw);
  }
  const auto error = json::object_at(*object, "error");
  return fail(ErrorCode::kNotFound, "{}",
              error ? json::string_at(*error, "message").value_or("") : "no result");
}

}  // namespace mcpgate::cli
