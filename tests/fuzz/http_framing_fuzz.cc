// Where a request ends, and what its body is, by two parsers: ours, and http_parser, which many
// servers and proxies are made of. A request that both take but cut differently could smuggle
// another one past a proxy (RFC 9112, 11.2). What one of them refuses goes no further.

#include <http_parser.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/chunked.h"
#include "http/head.h"

namespace mcpgate::http {
namespace {

/// One request at the beginning of some bytes.
struct Cut {
  std::string body;
  /// Bytes of the request.
  std::size_t end = 0;
};

/// As a connection does it: nothing where it refuses, or wants more bytes.
std::optional<Cut> our_cut(std::string_view bytes) {
  HeadScanner scanner(std::size_t{64} << 10);
  const auto head_bytes = scanner.scan(bytes);
  RequestHead head;
  if (!head_bytes || *head_bytes == 0 ||
      !parse_request_head(bytes.substr(0, *head_bytes), 128, head)) {
    return std::nullopt;
  }
  const std::string_view rest = bytes.substr(*head_bytes);
  if (head.framing != Framing::kChunked) {
    return head.content_length > rest.size()
               ? std::nullopt
               : std::optional(Cut{.body = std::string(rest.substr(0, head.content_length)),
                                   .end = *head_bytes + head.content_length});
  }
  Cut cut{.body = std::string(rest)};
  ChunkedDecoder decoder;
  const auto step = decoder.decode(rest, cut.body.data());
  if (!step || !decoder.done()) {
    return std::nullopt;
  }
  cut.body.resize(step->produced);
  cut.end = *head_bytes + step->consumed;
  return cut;
}

/// What the other one makes of the bytes that we take for one request.
struct Other {
  Cut cut;
  bool is_whole = false;
};

int on_body(http_parser* parser, const char* at, std::size_t length) {
  static_cast<Other*>(parser->data)->cut.body.append(at, length);
  return 0;
}

int on_message_complete(http_parser* parser) {
  static_cast<Other*>(parser->data)->is_whole = true;
  http_parser_pause(parser, 1);
  return 0;
}

/// Bytes of a whole request by our reckoning.
void compare(std::string_view bytes, const Cut& ours) {
  Other other;
  http_parser parser{};
  http_parser_init(&parser, HTTP_REQUEST);
  parser.data = &other;
  http_parser_settings settings{};
  settings.on_body = on_body;
  settings.on_message_complete = on_message_complete;
  // Byte by byte, since it stops behind the last one of the request only then.
  for (std::size_t i = 0; i < bytes.size() && !other.is_whole; ++i) {
    (void)http_parser_execute(&parser, &settings, bytes.data() + i, 1);
    if (const auto error = HTTP_PARSER_ERRNO(&parser); error != HPE_OK && error != HPE_PAUSED) {
      return;
    }
    other.cut.end = i + 1;
  }
  if (!other.is_whole || other.cut.end != ours.end || other.cut.body != ours.body) {
    std::abort();
  }
}

}  // namespace
}  // namespace mcpgate::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto ours = mcpgate::http::our_cut(bytes)) {
    mcpgate::http::compare(bytes.substr(0, ours->end), *ours);
  }
  return 0;
}
