#pragma once

// The part of Redis' protocol that leases need (RESP2,
// redis.io/docs/latest/develop/reference/protocol-spec): commands, and replies of one line.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mcpgate::gateway {

/// Of one reply, far above any status or number.
inline constexpr std::size_t kRedisReplyBytesMax = 512;

/// Appends a command.
void add_redis_command(std::string& out, std::initializer_list<std::string_view> words);

/// A reply of one line.
struct RedisReply {
  enum class Kind { kStatus, kError, kInteger, kNull };

  Kind kind = Kind::kNull;
  /// A status' text. Of an error only its code, such as `NOAUTH`: the rest is the peer's to choose,
  /// and not for a log.
  std::string_view text = {};
  std::int64_t integer = 0;
};

/// Takes the first reply from `bytes`, into which it points. Nothing: it is not whole yet.
///
/// Errors: kInvalidArgument (no reply, or one of a kind that our commands do not have),
/// kResourceExhausted (longer than kRedisReplyBytesMax).
[[nodiscard]] Expected<std::optional<RedisReply>> take_redis_reply(std::string_view& bytes);

}  // namespace mcpgate::gateway
