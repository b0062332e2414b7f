#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace mcpgate {

/// Randomness as an injected value. Every implementation but a test's is a CSPRNG.
class Random {
 public:
  Random() = default;
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  virtual ~Random() = default;

  /// Fills all of `out`; cannot fail (a system without randomness ends the process).
  virtual void fill(std::span<std::uint8_t> out) = 0;

  /// `bytes` random bytes in lower-case hex.
  [[nodiscard]] std::string hex(std::size_t bytes);
};

/// getrandom(2).
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

/// getrandom(2) by the page, for ids that are made by the thousand: unguessable, but each is in
/// memory before it is given out, so keys are made by SystemRandom. For one thread.
class PooledRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;

 private:
  static constexpr std::size_t kPoolBytes = 4096;

  SystemRandom source_;
  std::array<std::uint8_t, kPoolBytes> pool_{};
  std::size_t left_ = 0;
};

/// The same bytes at every run: 0, 1, 2, … For tests only.
class CountingRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out) {
      byte = next_++;
    }
  }

 private:
  std::uint8_t next_ = 0;
};

}  // namespace mcpgate
