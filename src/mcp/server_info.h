#pragma once

#include <string_view>

namespace mcpgate::mcp {

/// The Implementation object by which this server names itself.
inline constexpr std::string_view kServerInfo =
    R"({"name":"mcpgate","title":"mcpgate","version":")" MCPGATE_VERSION R"("})";

}  // namespace mcpgate::mcp
