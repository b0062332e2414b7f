#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <vector>

#include "base/encoding.h"
#include "base/error.h"

namespace mcpgate {

std::string Random::hex(std::size_t bytes) {
  std::vector<std::uint8_t> raw(bytes);
  fill(raw);
  return hex_encode(raw);
}

void SystemRandom::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    MCPGATE_ASSERT(got > 0);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

void PooledRandom::fill(std::span<std::uint8_t> out) {
  if (out.size() > kPoolBytes) {
    source_.fill(out);
    return;
  }
  if (out.size() > left_) {
    source_.fill(pool_);
    left_ = kPoolBytes;
  }
  const auto taken = std::span(pool_).subspan(kPoolBytes - left_, out.size());
  std::ranges::copy(taken, out.begin());
  std::ranges::fill(taken, std::uint8_t{0});
  left_ -= out.size();
}

}  // namespace mcpgate
