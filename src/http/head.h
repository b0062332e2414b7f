#pragma once

// Request and response heads, without I/O.
//
// Beast's basic_parser reads the fields; before it, every line is checked here, because Beast joins
// folded lines and both CR and control characters deserve one place that refuses them. What a
// message is framed by is decided here too, stricter than RFC 9112 demands: where two parsers might
// disagree, the message is refused.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace mcpgate::http {

/// Why a head is refused: the status a server answers with, and a reason without bytes of the peer.
struct HeadError {
  int status;
  std::string_view reason;
};

/// Finds the end of a head in bytes that arrive in pieces, and refuses at once what no line of a
/// head may hold. Each byte is looked at once.
class HeadScanner {
 public:
  explicit HeadScanner(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// `bytes` is all of the message so far. The length of the head with its empty line, or 0 while
  /// it is not whole.
  [[nodiscard]] std::expected<std::size_t, HeadError> scan(std::string_view bytes);

 private:
  std::size_t bytes_max_;
  std::size_t line_begin_ = 0;
  std::size_t scanned_ = 0;
};

/// How long a body is.
enum class Framing { kNone, kLength, kChunked, kUntilClose };

/// What a request's head says. Views into the parsed bytes.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::string_view path;
  std::string_view query;
  std::string_view host;
  std::vector<Header> headers;
  Framing framing = Framing::kNone;
  /// For kLength.
  std::uint64_t content_length = 0;
  bool keep_alive = false;
  bool expects_continue = false;
  /// HTTP/1.1; else 1.0.
  bool version_11 = false;
};

/// Parses a head that HeadScanner found whole. `head` keeps its vector's memory from one request to
/// the next. After an error, method and target are set as far as they were readable.
[[nodiscard]] std::expected<void, HeadError> parse_request_head(std::string_view bytes,
                                                                std::size_t headers_max,
                                                                RequestHead& head);

/// What a response's head says. Views into the parsed bytes.
struct StatusHead {
  int status = 0;
  std::vector<Header> headers;
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;
  bool keep_alive = false;
};

/// The same for the answer to a request of `request_method`, which decides whether a body follows.
[[nodiscard]] std::expected<void, HeadError> parse_response_head(std::string_view bytes,
                                                                 std::string_view request_method,
                                                                 std::size_t headers_max,
                                                                 StatusHead& head);

}  // namespace mcpgate::http
