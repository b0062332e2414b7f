#pragma once

// What one line of the audit log says. Format: docs/reference/audit-log.md.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "base/identity.h"

namespace mcpgate::audit {

/// What happened.
enum class RecordType {
  /// One JSON-RPC request or notification, or one HTTP request refused before parsing; at its end.
  kMcpRequest,
  /// A tool call was decided and is about to be sent to its sandbox.
  kMcpCallStart,
  /// A tool call that outlived its request has ended.
  kMcpCallEnd,
  /// Something of the gateway itself changed, or was to: its configuration.
  kMcpAdmin,
  /// The first and the last record of one chain.
  kChainStart,
  kChainEnd,
};

/// How it ended.
enum class Status { kSuccess, kError, kDenied, kUnauthenticated, kInvalid, kCancelled };

/// The values as the log spells them.
[[nodiscard]] std::string_view to_string(RecordType type);
[[nodiscard]] std::string_view to_string(Status status);

/// Longer names that a client sends are cut to this in the record: 256 bytes tell any real name.
inline constexpr std::size_t kNameBytesMax = 256;

/// One record before it gets its place in a chain. Empty strings and absent values are written as
/// null where the format always has the key, and left out elsewhere. Never a token, never the value
/// of an argument.
struct Record {
  WallTime timestamp;
  /// Of `chain_start` alone: whose chain it is, so that it counts in no other writer's files.
  std::string writer;
  /// Ties `mcp_call_start` to its `mcp_request`, and both to the answer's `X-Request-Id`.
  std::string request_id;
  /// Of a call that a tool made: the request_id of the call that it made it in. Of a client that
  /// comes back for the rest of a call's stream: the request_id of that call.
  std::string parent;
  /// Null until someone is authenticated.
  std::shared_ptr<const Principal> principal;
  /// The public id of the key that somebody tried in vain; a principal brings its own.
  std::string tried_key_id;
  std::string method;
  std::string tool_set;
  std::string tool;
  std::string client_ip;
  std::optional<Status> status;
  std::optional<std::chrono::nanoseconds> duration;
  /// `allow` or `deny`, and by which rule; for what was refused earlier only the reason.
  std::string_view decision;
  std::string reason;
  /// SHA-256 of the arguments' bytes as they were sent.
  std::optional<Sha256Digest> arguments_sha256;
  /// Digest of the tool that was decided on, as the sandbox names it (`sha256:…`).
  std::string tool_sha256;
  /// The isolation that the sandbox reported for this call.
  std::string profile;
  std::optional<std::uint64_t> result_bytes;
  /// W3C trace id, where the client sent one.
  std::string trace_id;
};

/// Appends the record as one JSON object without a line feed. `seq` and `prev` are its place in the
/// chain; `prev` is in hex. What starts has no status yet: kMcpCallStart leaves it out.
void append_json(std::string& out, const Record& record, RecordType type, std::uint64_t seq,
                 std::string_view prev);

}  // namespace mcpgate::audit
