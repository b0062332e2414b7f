#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

namespace mcpgate::sandbox {

/// How often tools of a set have said since its daemon's start that a resource has changed: by the
/// bucket of the resource's URI, so that they stay few whatever tools say. Who follows a resource
/// may be told of a change of another one in its bucket.
using UpdateCounts = std::map<std::uint8_t, std::uint64_t>;
inline constexpr std::size_t kUpdateBuckets = 256;

/// The same everywhere: the first byte of the URI's SHA-256.
[[nodiscard]] std::uint8_t update_bucket(std::string_view uri);

/// How often in all.
[[nodiscard]] std::uint64_t sum_of(const UpdateCounts& counts);

}  // namespace mcpgate::sandbox
