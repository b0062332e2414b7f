#include "mcp/rpc.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include "json/write.h"

namespace mcpgate::mcp {

namespace {

constexpr std::string_view kPrefix = R"({"jsonrpc":"2.0","id":)";

}  // namespace

std::unexpected<RpcError> rpc_fail(RpcCode code, std::string message, int http_status) {
  return std::unexpected(
      RpcError{.code = code, .message = std::move(message), .http_status = http_status});
}

std::string write_result(std::string_view id, std::string_view result) {
  constexpr std::string_view kMiddle = R"(,"result":)";
  std::string out;
  out.reserve(kPrefix.size() + id.size() + kMiddle.size() + result.size() + 1);
  out.append(kPrefix).append(id).append(kMiddle).append(result).push_back('}');
  return out;
}

std::string write_error(std::string_view id, const RpcError& error) {
  std::string out(kPrefix);
  fmt::format_to(std::back_inserter(out), FMT_COMPILE(R"({},"error":{{"code":{},"message":)"), id,
                 static_cast<int>(error.code));
  json::append_string(out, error.message);
  if (!error.data.empty()) {
    out.append(R"(,"data":)").append(error.data);
  }
  out += "}}";
  return out;
}

std::string write_request(std::string_view id, std::string_view method, std::string_view params) {
  std::string out(kPrefix);
  out.append(id).append(R"(,"method":)");
  json::append_string(out, method);
  out.append(R"(,"params":)").append(params).push_back('}');
  return out;
}

std::string write_notification(std::string_view method, std::string_view params) {
  std::string out = R"({"jsonrpc":"2.0","method":)";
  json::append_string(out, method);
  out.append(R"(,"params":)").append(params).push_back('}');
  return out;
}

}  // namespace mcpgate::mcp
