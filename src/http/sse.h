#pragma once

// Server-sent events (WHATWG HTML, "Server-sent events", 9.2): encode and parse, without I/O.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mcpgate::http {

/// One event of a stream (HTML, 9.2).
struct SseEvent {
  /// Absent: no `id` field. Present and empty resets the client's last event id.
  std::optional<std::string> id;
  /// Empty: the default type, `message`.
  std::string event;
  /// Lines separated by LF.
  std::string data;
  std::optional<std::uint32_t> retry_ms;
};

/// The event's bytes with their closing empty line, appended to `out`. CR LF and CR in `data`
/// become line ends too. `id` and `event` hold no line ends and no NUL; the bytes after one are cut
/// off.
void append_sse(std::string& out, const SseEvent& event);

/// Events from bytes in pieces of any size.
///
/// `feed(bytes)`, then `next()` until it is empty. An event with neither data nor id is skipped, as
/// the standard asks for one without data, but one with only an `id` is given: MCP primes streams
/// so.
class SseParser {
 public:
  explicit SseParser(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  /// Takes bytes. kResourceExhausted when an unfinished event exceeds the limit.
  [[nodiscard]] Expected<void> feed(std::string_view bytes);
  /// The next whole event.
  [[nodiscard]] std::optional<SseEvent> next();

 private:
  void take_line(std::string_view line);

  std::size_t event_bytes_max_;
  std::string buffer_;
  /// Bytes of the buffer that are done with, and bytes that hold no line end.
  std::size_t consumed_ = 0;
  std::size_t scanned_ = 0;
  SseEvent pending_;
  bool has_data_ = false;
  bool at_start_ = true;
  bool after_cr_ = false;
};

}  // namespace mcpgate::http
