// A response head and its chunked body.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/chunked.h"
#include "http/head.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate::http;  // NOLINT: one function
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadScanner scanner(8192);
  const auto head_bytes = scanner.scan(bytes);
  StatusHead head;
  if (head_bytes && *head_bytes > 0 &&
      parse_response_head(bytes.substr(0, *head_bytes), "POST", 64, head)) {
    ChunkedDecoder decoder;
    std::string body(bytes.substr(*head_bytes));
    (void)decoder.decode(body, body.data());
  }
  return 0;
}
