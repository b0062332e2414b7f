#include "sandbox/resource_updates.h"

#include "base/digest.h"

namespace mcpgate::sandbox {

std::uint8_t update_bucket(std::string_view uri) {
  return sha256(uri).front();
}

std::uint64_t sum_of(const UpdateCounts& counts) {
  std::uint64_t sum = 0;
  for (const auto& [bucket, count] : counts) {
    sum += count;
  }
  return sum;
}

}  // namespace mcpgate::sandbox
