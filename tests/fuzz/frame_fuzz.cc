// What a hostile child may write into its socket: cut into frames in pieces of any size.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sandboxd/frame.h"

namespace {

constexpr std::size_t kPayloadBytesMax = 4096;

/// The bytes of all frames, when the stream arrives in pieces of `piece` bytes.
std::size_t read_in_pieces(std::string_view stream, std::size_t piece) {
  mcpgate::sandboxd::FrameReader reader(kPayloadBytesMax);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < stream.size(); i += piece) {
    reader.append(stream.substr(i, piece));
    for (;;) {
      const auto frame = reader.next();
      if (!frame) {
        return bytes;
      }
      if (!*frame) {
        break;
      }
      MCPGATE_ASSERT((*frame)->payload.size() <= kPayloadBytesMax);
      bytes += (*frame)->payload.size() + mcpgate::sandboxd::kFrameHeaderBytes;
    }
  }
  MCPGATE_ASSERT(bytes <= stream.size());
  MCPGATE_ASSERT(reader.has_partial_frame() == (bytes < stream.size()));
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const std::size_t whole = read_in_pieces(stream, size == 0 ? 1 : size);
  MCPGATE_ASSERT(read_in_pieces(stream, 1) == whole);
  MCPGATE_ASSERT(read_in_pieces(stream, 7) == whole);
  return 0;
}
