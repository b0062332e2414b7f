#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

namespace mcpgate::http {

/// Bytes of chunk extensions and of trailer fields in one message. Both are dropped unread; nobody
/// sends more than a few, but they are a way to keep a server busy.
inline constexpr std::size_t kChunkExtensionBytesMax = 1024;
inline constexpr std::size_t kTrailerBytesMax = 8192;

/// Decodes `Transfer-Encoding: chunked` (RFC 9112, 7.1) from pieces of any size, without I/O.
/// Strict: CR LF only, no blanks around a size, at most 15 digits.
class ChunkedDecoder {
 public:
  struct Step {
    /// Bytes of the input that were used. All, unless the body ended.
    std::size_t consumed = 0;
    /// Bytes of body written to `out`.
    std::size_t produced = 0;
  };

  /// Takes `bytes`, writes the body's part of them to `out`, which has room for as many and may be
  /// where `bytes` begins or before. The error is a reason for people.
  [[nodiscard]] std::expected<Step, std::string_view> decode(std::string_view bytes, char* out);

  /// The last chunk and its trailers were read.
  [[nodiscard]] bool done() const { return state_ == State::kDone; }
  /// Bytes that the present chunk still owes, so that a chunk too large is refused before it is
  /// read.
  [[nodiscard]] std::uint64_t chunk_bytes_left() const { return left_; }

 private:
  enum class State {
    kSizeFirst,
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerFirst,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kEndLf,
    kDone,
  };

  /// One byte outside of chunk data. Empty: fine; else the reason to refuse.
  std::string_view take(char c);
  std::string_view take_size(char c);
  std::string_view take_trailer(char c);

  State state_ = State::kSizeFirst;
  std::uint64_t left_ = 0;
  int digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace mcpgate::http
