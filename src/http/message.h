#pragma once

// Requests and answers as values. A Request is views into its connection's buffer; a Response owns
// its bytes.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mcpgate::http {

/// One field of a head as it was received; `value` without its surrounding blanks.
struct Header {
  std::string_view name;
  std::string_view value;
};

/// The first field called `name`, in any case.
[[nodiscard]] std::optional<std::string_view> find_header(std::span<const Header> headers,
                                                          std::string_view name);
/// How many fields are called `name`, in any case.
[[nodiscard]] std::size_t count_headers(std::span<const Header> headers, std::string_view name);

/// ASCII comparison without regard to case, as field names and codings need it.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b);

/// Readable bytes behind the last byte of Request::body, as simdjson wants them.
inline constexpr std::size_t kBodyPaddingBytes = 64;

/// A request that passed every check of RFC 9112. All views are valid until the handler returns.
struct Request {
  std::string_view method;
  /// As sent: `/mcp?x=1`, `http://host/mcp`, or `*` for OPTIONS.
  std::string_view target;
  /// The target's path, still percent-encoded: `/mcp`; `/` where an absolute target has none.
  std::string_view path;
  /// What follows `?`, still percent-encoded, or empty.
  std::string_view query;
  /// Host and port the client meant: the authority of an absolute target, else the Host field (RFC
  /// 9112, 3.2.2). Empty only for HTTP/1.0 without Host.
  std::string_view host;
  std::span<const Header> headers;
  /// The whole body, chunks already joined. kBodyPaddingBytes behind it may be read.
  std::string_view body;
  /// The peer's IP address without port, or `unix`.
  std::string_view peer;
  /// True over TLS that this server ends.
  bool secure = false;

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
  [[nodiscard]] std::size_t header_count(std::string_view name) const {
    return count_headers(headers, name);
  }
};

/// Whether a Content-Type is that media type, whatever its parameters are.
[[nodiscard]] bool is_media_type(std::optional<std::string_view> value, std::string_view type);

/// A Retry-After of seconds, at most an hour; nothing for a date, or for more.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(
    std::optional<std::string_view> value);

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A whole answer. Content-Length, Date and Connection are the server's; everything else is here.
struct Response {
  int status = 200;
  Headers headers = {};
  std::string body = {};
  /// Sent as Content-Type unless empty.
  std::string content_type = {};
};

/// RFC 9110's phrase for a status: "Not Found"; "Unknown" for one it does not name.
[[nodiscard]] std::string_view status_reason(int status);

/// Whether `text` holds what no line of a head may: a control character other than HTAB.
[[nodiscard]] bool has_control(std::string_view text);

/// Whether name and value may stand in a head: a token, and no control characters but HTAB.
[[nodiscard]] bool is_valid_header(std::string_view name, std::string_view value);

}  // namespace mcpgate::http
