// The one table of limits: it reads the file, and the reference page is compared with it.

#include "cli/config.h"

namespace mcpgate::cli {
namespace {

using std::chrono::milliseconds;

using Row = LimitRow<Limits>;
using Bytes = Row::Bytes;
using Count = Row::Count;
using Time = Row::Time;

constexpr Row kRows[] = {
    {"head", Bytes{[](Limits& l) -> std::size_t& { return l.http.head_bytes_max; }, 8 * kKi, kMi},
     "request line and headers; above it 431"},
    {"headers", Count{[](Limits& l) -> std::size_t& { return l.http.headers_max; }, 16, 1024},
     "headers of one request; above it 431"},
    {"body", Bytes{[](Limits& l) -> std::size_t& { return l.http.body_bytes_max; }, kKi, 64 * kMi},
     "one request's body; above it 413"},
    {"buffered",
     Bytes{[](Limits& l) -> std::size_t& { return l.http.buffered_bytes_max; }, kMi, 64 * kGi},
     "request bytes that all connections of a loop hold together, so that many large bodies cannot "
     "exhaust memory; above it 503"},
    {"streamBuffer",
     Bytes{[](Limits& l) -> std::size_t& { return l.http.stream_buffer_bytes_max; }, 64 * kKi,
           64 * kMi},
     "bytes of one answer stream that wait for a slow reader, who is dropped above it"},
    {"connections",
     Count{[](Limits& l) -> std::size_t& { return l.http.connections_max; }, 16, 1'000'000},
     "open connections of a loop, or as many as the process may have descriptors for (`ulimit -n`, "
     "of which 1024 are kept for calls and files); at the limit the longest idle ones make room, "
     "with a warning"},
    {"headTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.http.head_timeout; }, milliseconds(100),
          milliseconds(300'000)},
     "from a request's first byte to the end of its head, so that slow clients cannot hold "
     "connections; after it 408"},
    {"bodyTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.http.body_timeout; }, milliseconds(100),
          milliseconds(300'000)},
     "from the end of the head to the end of the body; after it 408"},
    {"idleTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.http.idle_timeout; }, milliseconds(1'000),
          milliseconds(3'600'000)},
     "a kept connection without a request; above the 60 s for which proxies usually keep theirs"},
    {"writeTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.http.write_timeout; }, milliseconds(100),
          milliseconds(300'000)},
     "for the client to take one answer, or one piece of a stream"},
    {"callsInFlight",
     Count{[](Limits& l) -> std::size_t& { return l.calls_in_flight_max; }, 1, 100'000},
     "tool calls of a loop at the same time; above it a result that says when to try again"},
    {"callTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.call_timeout; }, milliseconds(100),
          milliseconds(86'400'000)},
     "the longest that one call may take, whatever its tool set allows"},
    {"resumeWindow",
     Time{[](Limits& l) -> milliseconds& { return l.resume_window; }, milliseconds(0),
          milliseconds(3'600'000)},
     "how long a call of a legacy revision runs on after its client has gone, which there is no "
     "cancellation; one of 2026-07-28 ends at once"},
    {"resumeBytes",
     Bytes{[](Limits& l) -> std::size_t& { return l.resume_bytes_max; }, 0, 64 * kGi},
     "what the streams of legacy calls have sent, kept while they run and a `resumeWindow` longer, "
     "for clients that come back for the rest; on all loops together; `0` keeps nothing"},
    {"preparedLists",
     Bytes{[](Limits& l) -> std::size_t& { return l.prepared_list_bytes_max; }, 0, 1 * kGi},
     "lists that are kept as they are sent, for the next client that sees the same; of each loop; "
     "`0` keeps none"},
    {"taskTtl",
     Time{[](Limits& l) -> milliseconds& { return l.task_ttl; }, milliseconds(1'000),
          milliseconds(86'400'000)},
     "how long a task can be asked for, from its start on, and the longest that it runs, instead "
     "of "
     "`callTimeout`; its tool set's `limits.wall` and `detached.ttl` may be nearer"},
    {"taskPoll",
     Time{[](Limits& l) -> milliseconds& { return l.task_poll; }, milliseconds(100),
          milliseconds(3'600'000)},
     "how often a client is told to ask for its task"},
    {"innerCalls", Count{[](Limits& l) -> std::size_t& { return l.inner_calls_max; }, 0, 10'000},
     "calls of other tools that one call may make, however deep; above it the tool is told so"},
    {"innerDepth", Count{[](Limits& l) -> std::size_t& { return l.inner_depth_max; }, 0, 16},
     "how deep such calls may stand in each other: each waiting one is a process"},
    {"questionTime",
     Time{[](Limits& l) -> milliseconds& { return l.question_time; }, milliseconds(1'000),
          milliseconds(86'400'000)},
     "how long a client of 2026-07-28 may take to answer what a tool asks; before that revision "
     "the "
     "call waits, within `callTimeout`"},
    {"questionRounds",
     Count{[](Limits& l) -> std::size_t& { return l.question_rounds_max; }, 1, 1'000},
     "how often one call may ask a client of 2026-07-28: each answer runs the tool again"},
    {"requestState",
     Bytes{[](Limits& l) -> std::size_t& { return l.request_state_bytes_max; }, kKi, 16 * kMi},
     "answers, and results of other tools, that such a client carries from question to answer; "
     "above it the tool cannot ask"},
    {"result", Bytes{[](Limits& l) -> std::size_t& { return l.result_bytes_max; }, kKi, 64 * kMi},
     "one answer of a sandbox, or all that an upstream says to one request"},
    {"upstreamSessions",
     Count{[](Limits& l) -> std::size_t& { return l.upstream_sessions_max; }, 1, 100'000},
     "sessions of a loop with one upstream of a legacy revision, one a user; above it the one not "
     "used for longest is ended"},
    {"streams", Count{[](Limits& l) -> std::size_t& { return l.streams_max; }, 0, 1'000'000},
     "streams for notifications that are open at the same time, on all loops; above it 503"},
    {"streamsPerPrincipal",
     Count{[](Limits& l) -> std::size_t& { return l.streams_per_principal_max; }, 0, 1'000'000},
     "those of one principal, so that none takes the place of all others; above it 429"},
    {"streamKeepAlive",
     Time{[](Limits& l) -> milliseconds& { return l.stream_keep_alive; }, milliseconds(1'000),
          milliseconds(3'600'000)},
     "between the comments on a silent stream: proxies end one after a minute or so; and the "
     "longest that a stream outlives its credential"},
    {"subscriptions",
     Count{[](Limits& l) -> std::size_t& { return l.subscriptions_max; }, 0, 10'000},
     "resources that one stream or one session may follow"},
    {"peerConnect",
     Time{[](Limits& l) -> milliseconds& { return l.peer_connect; }, milliseconds(100),
          milliseconds(60'000)},
     "for another replica to accept a connection; after it the sessions that live there are gone, "
     "and get 404"},
    {"drainTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.drain_timeout; }, milliseconds(0),
          milliseconds(3'600'000)},
     "for requests in flight after SIGTERM; Kubernetes kills after 30 s unless told otherwise"},
    {"clockSkew",
     Time{[](Limits& l) -> milliseconds& { return l.clock_skew; }, milliseconds(0),
          milliseconds(300'000)},
     "how far an issuer's clock may be from ours: an access token is taken so long before it "
     "begins and after it ends"},
    {"accessToken",
     Bytes{[](Limits& l) -> std::size_t& { return l.token_bytes_max; }, kKi, 64 * kKi},
     "one access token, and one DPoP proof; a longer one is not looked at"},
    {"verifiedTokens",
     Count{[](Limits& l) -> std::size_t& { return l.verified_tokens_max; }, 0, 1'000'000},
     "access tokens that a loop remembers as verified, about 1 KiB each; of those above it the "
     "ones not seen for longest are verified again"},
    {"badTokensPerPeer",
     Count{[](Limits& l) -> std::size_t& { return l.bad_tokens.per_peer; }, 1, 1'000'000},
     "access tokens that are found to be bad by their signature or what they say, of one client's "
     "address (IPv6: its /64) and loop in a second: above it those that are not known to be good "
     "are refused with 429, so that made-up ones do not take the time of other callers"},
    {"badTokenPeers",
     Count{[](Limits& l) -> std::size_t& { return l.bad_tokens.peers_max; }, 1, 1'000'000},
     "addresses whose bad tokens a loop counts apart; all others together count as one. So many "
     "times `badTokensPerPeer` is what all together can have verified"},
    {"introspectionCache",
     Time{[](Limits& l) -> milliseconds& { return l.introspection_cache; }, milliseconds(1'000),
          milliseconds(300'000)},
     "how long an issuer's answer about an access token is relied on: a token that is revoked "
     "works so much longer"},
    {"introspectionTimeout",
     Time{[](Limits& l) -> milliseconds& { return l.introspection_timeout; }, milliseconds(100),
          milliseconds(30'000)},
     "for such an answer; after it the token is refused with 503"},
    {"introspections",
     Count{[](Limits& l) -> std::size_t& { return l.introspections_max; }, 2, 10'000},
     "tokens that a loop asks about at the same time, half of them opaque ones, for which nobody "
     "has vouched; above it 503"},
    {"logouts",
     Count{[](Limits& l) -> std::size_t& { return l.logouts.entries_max; }, 1, 10'000'000},
     "logouts that are remembered, about 150 bytes each; above it the oldest is forgotten"},
    {"logoutsKept",
     Time{[](Limits& l) -> milliseconds& { return l.logouts.kept; }, milliseconds(60'000),
          milliseconds(2'678'400'000)},
     "how long each is remembered: no access token may live longer"},
    {"dpopWindow",
     Time{[](Limits& l) -> milliseconds& { return l.dpop_window; }, milliseconds(10'000),
          milliseconds(900'000)},
     "how far the time of a DPoP proof may be from ours, before and after it; so long a used one "
     "is "
     "remembered"},
    {"dpopProofs",
     Count{[](Limits& l) -> std::size_t& { return l.dpop_proofs_max; }, 1, 10'000'000},
     "used DPoP proofs that are remembered, on all loops, about 100 bytes each; above it 503, "
     "since "
     "a proof that might have been used is none"},
    {"dpopProofsPerPrincipal",
     Count{[](Limits& l) -> std::size_t& { return l.dpop_proofs_per_principal_max; }, 1,
           10'000'000},
     "those of one principal, so that none takes the place of all others; above it 429"},
    {"rateKeys", Count{[](Limits& l) -> std::size_t& { return l.rate_keys_max; }, 1, 10'000'000},
     "principals or tools that one rate counts apart in a window, about 200 bytes each; calls of "
     "others wait for the next one"},
    {"rateLease",
     Time{[](Limits& l) -> milliseconds& { return l.rate_lease; }, milliseconds(1),
          milliseconds(10'000)},
     "a call's wait for its part of a shared rate, and that for `rateStore` to take a connection "
     "or "
     "to answer; after it `rateStore.onFailure`"},
};

}  // namespace

Limits read_limits(YamlMap limits) {
  Limits read;
  read_limit_rows<Limits>(kRows, limits, read);
  limits.reject_unknown();
  return read;
}

std::vector<LimitInfo> config_limits() {
  return limit_infos<Limits>(kRows);
}

}  // namespace mcpgate::cli
