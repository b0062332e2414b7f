#pragma once

// The world as one request sees it: immutable, refreshed in the background, swapped whole.

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/logouts.h"
#include "base/address.h"
#include "base/seal.h"
#include "gateway/catalogue.h"
#include "gateway/upstream_options.h"
#include "http/client.h"
#include "policy/policy.h"
#include "policy/rates.h"
#include "sandbox/resource_updates.h"
#include "sandbox/signature.h"

namespace mcpgate::gateway {

/// Where one tool set runs: at a sandbox, or at an upstream.
struct ToolSetRoute {
  ToolSetView view;
  http::Endpoint endpoint;
  std::shared_ptr<const sandbox::SigningKeys> keys;
  /// Null: a sandbox. Otherwise there is nothing in the two above.
  std::shared_ptr<const UpstreamOptions> upstream = nullptr;
};

/// What the operator set, as far as a request meets it.
struct Settings {
  /// Of all that clients carry for us, with the same keys at every replica. Not null where
  /// anything is served.
  std::shared_ptr<const Sealer> sealer;
  /// What replicas sign what they hand to each other with; null where there is but one. And how
  /// long one that is there may take to accept a connection.
  std::shared_ptr<const sandbox::SigningKeys> peer_keys;
  std::chrono::milliseconds peer_connect{2'000};
  /// Where other replicas are to be found, names with several addresses included.
  std::vector<http::Endpoint> peer_addresses;
  /// With a trailing slash; the protected resource is this, and this plus `mcp`.
  std::string public_url;
  /// Host names that a request may name, without port (DNS rebinding).
  std::vector<std::string> allowed_hosts;
  /// Origins that browsers may send from, besides none at all.
  std::vector<std::string> allowed_origins;
  /// Whose X-Forwarded-For and Forwarded are believed.
  std::vector<Network> trusted_proxies;
  /// Issuers of the access tokens that are accepted, and all scopes that they need: what a client
  /// without a token is told.
  std::vector<std::string> authorization_servers;
  std::vector<std::string> scopes;
  /// What is remembered of sessions that have ended at their issuer.
  auth::Logouts::Limits logouts;
  /// Whether all of these issuers' tokens must be bound to a key (RFC 9449).
  bool dpop_required = false;
  std::vector<ToolSetRoute> tool_sets;
  /// Those of them for whose calls an access token's issuer is asked about it.
  std::set<std::string, std::less<>> confirmed_sets;
  policy::Policy policy{policy::Policy::Options{}};
  policy::Rates rates;
  /// How long a call waits for a lease of a shared rate.
  std::chrono::milliseconds rate_lease_patience{250};
  /// The longest that one call may take, whatever its tool set allows.
  std::chrono::milliseconds call_timeout{60'000};
  /// How long a call of a legacy revision runs on after its client has gone.
  std::chrono::milliseconds resume_window{60'000};
  /// What is kept of their streams for clients that come back, on all loops together; 0: nothing.
  std::size_t resume_bytes_max = std::size_t{64} << 20;
  /// How long a task can be asked for, from its start on; it has ended by then. And how often its
  /// client should ask.
  std::chrono::milliseconds task_ttl{3'600'000};
  std::chrono::milliseconds task_poll{1'000};
  /// Calls that the tools of one client's call may make, and how deep in each other.
  std::size_t inner_calls_max = 100;
  std::size_t inner_depth_max = 4;
  /// How long a client of 2026-07-28 may take to answer a question, how often one call may ask, and
  /// how many bytes of what its tool was told before a client carries.
  std::chrono::milliseconds question_time{3'600'000};
  std::size_t question_rounds_max = 16;
  std::size_t request_state_bytes_max = std::size_t{256} << 10;
  /// Calls in flight on one loop; above it a call is turned away.
  std::size_t calls_in_flight_max = 1024;
  /// Items of one page of a list.
  std::size_t list_page_max = 1000;
  /// Lists that are kept as bytes, of each loop.
  std::size_t prepared_list_bytes_max = std::size_t{16} << 20;
  /// Notification streams that may be open, on all loops together and of one principal.
  std::size_t streams_max = 20'000;
  std::size_t streams_per_principal_max = 100;
  /// Between the comments that show that a silent one lives.
  std::chrono::milliseconds stream_keep_alive{15'000};
  /// Resources that one stream or session may follow.
  std::size_t subscriptions_max = 100;
  /// The largest answer of a sandbox.
  std::size_t result_bytes_max = std::size_t{16} << 20;
};

/// All that deciding needs, at one moment: immutable, swapped whole.
struct Snapshot {
  std::shared_ptr<const Settings> settings;
  std::shared_ptr<const auth::Authenticator> authenticator;
  std::shared_ptr<const Catalogue> catalogue;
  /// What tools say of their set's resources, by the set; nothing where they said nothing.
  std::map<std::string, sandbox::UpdateCounts, std::less<>> updates;
  /// Why GET /ready says no; empty when it says yes.
  std::string not_ready;
};

}  // namespace mcpgate::gateway
