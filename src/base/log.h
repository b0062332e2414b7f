#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace mcpgate {

enum class LogLevel { kInfo, kWarn, kError };

/// Writes one line to stderr: text on a terminal, a JSON object elsewhere (`time`, `level`,
/// `message`). For operators. Never a secret, never bytes of a peer; what was done for whom belongs
/// into the audit log.
void log_line(LogLevel level, std::string_view message);

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace mcpgate
