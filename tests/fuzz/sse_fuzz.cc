// Server-sent events: the same events must come out whether the bytes come whole or one by one.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/sse.h"

namespace {

std::size_t count_events(std::string_view bytes, std::size_t piece) {
  mcpgate::http::SseParser parser(1 << 20);
  std::size_t events = 0;
  for (std::size_t i = 0; i < bytes.size(); i += piece) {
    (void)parser.feed(bytes.substr(i, piece));
    while (parser.next()) {
      ++events;
    }
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size > 0 && count_events(bytes, size) != count_events(bytes, 1)) {
    std::abort();
  }
  return 0;
}
