#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mcpgate {

/// "never", where a duration may be without end.
inline constexpr std::chrono::milliseconds kNever = std::chrono::milliseconds::max();

/// A duration as people write it: a whole number and one of `ms s m h d`, such as `500ms`, `30s` or
/// `90d`; or `never`, which is kNever. At most 100 years, so that adding one to a time of today
/// cannot overflow. Nothing for anything else: no sign, no fraction, no space, no bare number.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest exact form that parse_duration() reads: `90d`, `24h`, `1500ms`, `never`.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

inline constexpr std::uint64_t kKi = 1024;
inline constexpr std::uint64_t kMi = kKi * 1024;
inline constexpr std::uint64_t kGi = kMi * 1024;
inline constexpr std::uint64_t kTi = kGi * 1024;

/// A number of bytes as Kubernetes writes it: a whole number, alone or with `Ki Mi Gi Ti` (powers
/// of 1024). Nothing for anything else or above 2^63-1.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// The shortest exact form that parse_size() reads: `4Mi`, `1536`.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace mcpgate
