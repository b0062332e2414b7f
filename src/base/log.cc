#include "base/log.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/clock.h"

namespace mcpgate {

namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarn:
      return "WARN";
    case LogLevel::kError:
      return "ERROR";
  }
  return "ERROR";
}

/// Control characters never reach a terminal or split a line; quotes are JSON's matter.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      if (c == '"' || c == '\\') {
        out.push_back('\\');
      }
      out.push_back(c);
    }
  }
}

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return;  // Nowhere is left to say that the log cannot be written.
    }
    bytes.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
  }
}

}  // namespace

void log_line(LogLevel level, std::string_view message) {
  static const bool kTerminal = ::isatty(STDERR_FILENO) == 1;
  const std::string now = format_rfc3339(SystemClock().wall_now());
  std::string line;
  if (kTerminal) {
    line = fmt::format("{} {:<5} ", now.substr(11, 12), name_of(level));
    append_escaped(line, message);
  } else {
    line = fmt::format(R"({{"time":"{}","level":"{}","message":")", now, name_of(level));
    append_escaped(line, message);
    line += "\"}";
  }
  line += '\n';
  write_all(line);
}

}  // namespace mcpgate
