#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "audit/log.h"
#include "auth/logouts.h"
#include "auth/seen_proofs.h"
#include "base/clock.h"
#include "base/random.h"
#include "gateway/kept_events.h"
#include "gateway/open_streams.h"
#include "gateway/pending_questions.h"
#include "gateway/running_calls.h"
#include "gateway/sessions.h"

namespace mcpgate::gateway {

/// Asks for the signing keys of an issuer, of which a token names one that is not known. `done` is
/// called once, on the Gateway's loop: after the snapshot that has them came into use, or when they
/// are not to be had soon.
using DemandKeys = std::function<void(std::string issuer, std::function<void()> done)>;

/// What a Gateway works with. All of it outlives the Gateway.
struct GatewayParts {
  asio::io_context& loop;
  audit::Log& audit;
  const Clock& clock;
  Random& random;
  /// Shared by all loops.
  RunningCalls& running_calls;
  PendingQuestions& pending_questions;
  Sessions& sessions;
  OpenStreams& open_streams;
  KeptEvents& kept_events;
  auth::SeenProofs& seen_proofs;
  auth::Logouts& logouts;
  /// This replica, as Home writes it; empty where it is the only one.
  std::string home = {};
  /// Null: there are none to be had.
  DemandKeys demand_keys = nullptr;
  /// Access tokens that are remembered as verified.
  std::size_t verified_tokens_max = 10'000;
};

}  // namespace mcpgate::gateway
