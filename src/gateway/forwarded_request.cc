#include "gateway/forwarded_request.h"

#include <algorithm>
#include <array>
#include <limits>

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kPurpose = "forwarded-request";
/// Of this hop alone (RFC 9110, 7.6.1), or about bytes that have been read.
constexpr std::array<std::string_view, 8> kFraming = {
    "connection", "content-length", "expect",  "keep-alive",
    "te",         "trailer",        "upgrade", "transfer-encoding"};
/// The peer's address, the lines' ends, and what a seal adds.
constexpr std::size_t kEnvelopeBytesMax = 1024;

bool is_framing(std::string_view name) {
  return std::ranges::any_of(kFraming,
                             [name](std::string_view hop) { return http::iequals(name, hop); });
}

}  // namespace

std::optional<Home> Home::parse(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == text.size()) {
    return std::nullopt;
  }
  return Home{.instance = std::string(text.substr(0, at)),
              .address = std::string(text.substr(at + 1))};
}

std::string seal_forwarded(const Sealer& sealer, const http::Request& request, Random& random) {
  std::string bytes(request.peer);
  bytes.append("\r\n").append(request.method).append(" ").append(request.target);
  bytes.append(" HTTP/1.1\r\n");
  for (const http::Header& header : request.headers) {
    if (!is_framing(header.name)) {
      bytes.append(header.name).append(": ").append(header.value).append("\r\n");
    }
  }
  bytes.append("\r\n").append(request.body);
  return sealer.seal(kPurpose, bytes, random);
}

std::size_t forwarded_bytes_max(std::size_t head_bytes_max, std::size_t body_bytes_max) {
  return (head_bytes_max + body_bytes_max) / 3 * 4 + kEnvelopeBytesMax;  // base64url
}

bool ForwardedRequest::open(const Sealer& sealer, std::string_view body) {
  auto opened = sealer.open(kPurpose, body);
  if (!opened) {
    return false;
  }
  bytes_ = *std::move(opened);
  const std::size_t bytes = bytes_.size();
  bytes_.append(http::kBodyPaddingBytes, '\0');
  const std::string_view text = std::string_view(bytes_).substr(0, bytes);
  const std::size_t line = text.find("\r\n");
  const std::size_t end = line == text.npos ? line : text.find("\r\n\r\n", line + 2);
  if (end == text.npos) {
    return false;
  }
  const std::string_view head = text.substr(line + 2, end + 2 - line);
  if (!http::parse_request_head(head, std::numeric_limits<std::uint16_t>::max(), head_)) {
    return false;
  }
  request_ = {.method = head_.method,
              .target = head_.target,
              .path = head_.path,
              .query = head_.query,
              .host = head_.host,
              .headers = head_.headers,
              .body = text.substr(end + 4),
              .peer = text.substr(0, line)};
  return true;
}

}  // namespace mcpgate::gateway
