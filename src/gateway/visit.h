#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "audit/record.h"
#include "auth/authenticator.h"
#include "base/clock.h"
#include "base/identity.h"
#include "base/random.h"
#include "gateway/snapshot.h"
#include "http/message.h"
#include "http/server.h"
#include "mcp/input.h"

namespace mcpgate::gateway {

/// One request on its way: the client's, or one that a tool makes beneath it.
struct Visit {
  const http::Request& request;
  /// The client's IP address as far as it is known; of a request that is let in what trusted
  /// proxies say.
  std::string client_ip;
  /// Null while only the head is looked at.
  http::Responder* responder;
  std::shared_ptr<const Snapshot> snapshot;
  SteadyTime started;
  std::string request_id;
  std::shared_ptr<const Principal> principal = nullptr;
  /// What the client of a legacy session can be asked.
  mcp::ClientCapabilities client = {};
  /// The other replica in which its session lives, as Home writes it; else empty.
  std::string home = {};
  /// Whose signing keys might let in who was refused, or whose answer to a question about the
  /// token; else empty.
  std::string awaited_issuer = {};
  /// Whether its token's issuer was asked about it just now.
  bool is_confirmed = false;
  /// The token of such a question, which borrows from the request; else empty.
  std::string_view token_to_ask_about = {};
  /// Those of the answer, whatever it will be.
  http::Headers headers = {};
};

/// 128 bits in hex: a request's id is the call's at its sandbox, which must not be guessed.
[[nodiscard]] std::string new_request_id(Random& random);

/// What its request brings along that says who is calling. Views borrow from the visit and the
/// settings.
[[nodiscard]] auth::Credentials credentials_of(const Visit& visit, const Settings& settings,
                                               auth::Possession::Stage stage,
                                               auth::SeenProofs& seen_proofs);

/// The token that it brings along, in whichever way; empty for none.
[[nodiscard]] std::string_view token_of(const http::Request& request);

/// Whether its answer may be a stream of events; preferred is what `Accept` names first.
enum class EventsWanted : std::uint8_t { kNo, kAccepted, kPreferred };
[[nodiscard]] EventsWanted events_wanted(const http::Request& request);

/// What Content-Type says, without its parameters; empty where there is none.
[[nodiscard]] std::string_view media_type(const http::Request& request);
/// What Content-Length says; nothing where the body comes in chunks.
[[nodiscard]] std::optional<std::size_t> content_length(const http::Request& request);

/// The record of a request as far as is known before it is read.
[[nodiscard]] audit::Record begin_record(const Visit& visit, const Clock& clock);

}  // namespace mcpgate::gateway
