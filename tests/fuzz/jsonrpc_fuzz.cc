// Any body under any headers: messages that may be served, or errors with a status. The first byte
// chooses the headers; the two lines behind it are Mcp-Method and Mcp-Name, the rest is the body.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "json/parse.h"
#include "mcp/message.h"

namespace {

namespace mcp = mcpgate::mcp;

constexpr std::array<std::string_view, 6> kVersions{"2025-03-26", "2025-06-18", "2025-11-25",
                                                    "2026-07-28", "2099-01-01", ""};

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
  return line;
}

void expect_json(std::string_view json) {
  mcpgate::json::Parser parser(std::size_t{1} << 20);
  MCPGATE_ASSERT(parser.parse(json));
}

void check(const mcp::Incoming& incoming) {
  if (!incoming.is_notification()) {
    expect_json(mcp::write_result(incoming.id, "{}"));
  }
  if (!incoming.message) {
    const mcp::RpcError& error = incoming.message.error();
    MCPGATE_ASSERT(error.http_status == 200 || error.http_status == 400 ||
                   error.http_status == 404);
    expect_json(mcp::write_error("1", error));
    return;
  }
  MCPGATE_ASSERT(incoming.era == incoming.message->era());
  if (const auto* call = std::get_if<mcp::CallTool>(&incoming.message->operation)) {
    expect_json(call->arguments_json);
    MCPGATE_ASSERT(call->arguments_json.starts_with('{'));
  }
  if (!incoming.message->progress_token.empty()) {
    expect_json(incoming.message->progress_token);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  mcp::Headers headers;
  if (const std::size_t version = data[0] % (kVersions.size() + 1); version < kVersions.size()) {
    headers.protocol_version = kVersions[version];
  }
  const std::string_view method = take_line(text);
  const std::string_view name = take_line(text);
  if ((data[0] & 0x40) == 0) {
    headers.method = method;
  }
  if ((data[0] & 0x80) == 0) {
    headers.name = name;
  }
  mcpgate::json::Parser parser(std::size_t{1} << 20);
  const auto body = mcp::read_body(parser, text, headers);
  if (!body) {
    MCPGATE_ASSERT(body.error().http_status == 400);
    return 0;
  }
  MCPGATE_ASSERT(body->batch || body->incoming.size() == 1);
  for (const mcp::Incoming& incoming : body->incoming) {
    check(incoming);
  }
  return 0;
}
