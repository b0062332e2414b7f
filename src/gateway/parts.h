#pragma once

#include <boost/asio/io_context.hpp>

#include "audit/log.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/seal.h"
#include "gateway/running_calls.h"

namespace mcpgate::gateway {

/// What a Gateway works with. All of it outlives the Gateway.
struct GatewayParts {
  asio::io_context& loop;
  audit::Log& audit;
  const Clock& clock;
  Random& random;
  const Sealer& sealer;
  /// Shared by all loops.
  RunningCalls& running_calls;
};

}  // namespace mcpgate::gateway
