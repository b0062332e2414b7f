#pragma once

#include <iosfwd>

#include "cli/gateway_process.h"

namespace mcpgate::cli {

/// What `mcpgate up` prints once it is ready: the URL, what to paste into a client, and one example
/// call with its real result. Returns at once; the call runs on the gateway's loop. Both outlive
/// it.
void welcome(GatewayProcess& gateway, std::ostream& out);

}  // namespace mcpgate::cli
