// Replies of a Redis server: the same ones must come out whether the bytes come whole or one by
// one, and what they grant is never more than the limit.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/redis_leases.h"
#include "gateway/redis_reply.h"

namespace {

using mcpgate::gateway::RedisReply;

struct Seen {
  std::string replies;
  std::vector<std::int64_t> totals;
};

/// All replies up to the first that is none, of bytes that come in pieces.
Seen read_all(std::string_view bytes, std::size_t piece) {
  Seen seen;
  std::string received;
  for (std::size_t i = 0; i < bytes.size(); i += piece) {
    received += bytes.substr(i, piece);
    std::string_view rest = received;
    for (;;) {
      const auto reply = mcpgate::gateway::take_redis_reply(rest);
      if (!reply) {
        return seen;
      }
      if (!*reply) {
        break;
      }
      if ((*reply)->text.size() > mcpgate::gateway::kRedisReplyBytesMax) {
        std::abort();
      }
      seen.replies += std::to_string(static_cast<int>((*reply)->kind));
      seen.replies += (*reply)->text;
      if ((*reply)->kind == RedisReply::Kind::kInteger) {
        seen.totals.push_back((*reply)->integer);
      }
    }
    received.erase(0, received.size() - rest.size());
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size == 0) {
    return 0;
  }
  const Seen whole = read_all(bytes, size);
  const Seen single = read_all(bytes, 1);
  if (whole.replies != single.replies || whole.totals != single.totals) {
    std::abort();
  }
  for (const std::int64_t total : whole.totals) {
    const auto grant =
        mcpgate::gateway::grant_of({.key = {}, .limit = 100, .wish = 7},
                                   static_cast<std::uint64_t>(std::max(total, std::int64_t{1})));
    if (grant.granted > 7 || grant.granted + grant.rest > 100) {
      std::abort();
    }
  }
  return 0;
}
