#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"
#include "cli/credential.h"
#include "http/client.h"

namespace mcpgate::cli {

/// Speaks MCP 2026-07-28 to a gateway, one request at a time: what `tools` and the greeting of `up`
/// need. Pinned to its loop.
class McpClient {
 public:
  static constexpr std::size_t kToolsMax = 10'000;

  McpClient(asio::io_context& loop, Target target);

  /// All pages as one `{"tools":[…]}`, JSON bytes. kFailedPrecondition where they do not end: more
  /// than kToolsMax, or a page that comes again.
  Task<Expected<std::string>> list_tools();
  /// The CallToolResult as JSON bytes. `arguments` is a JSON object as bytes.
  ///
  /// Errors of both: kUnavailable (no gateway there), kUnauthenticated, kNotFound (unknown tool and
  /// every other refusal of the request, in the gateway's words).
  Task<Expected<std::string>> call_tool(std::string name, std::string arguments);

 private:
  Task<Expected<std::string>> request(std::string method, std::string name, std::string members);
  [[nodiscard]] Expected<std::string> result_of(const http::ClientResponse& response) const;

  asio::io_context& loop_;
  Target target_;
  http::Client client_;
};

}  // namespace mcpgate::cli
