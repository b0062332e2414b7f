#pragma once

// What daemon and child say to each other over the call's own socket, the child's descriptor 3.
//
// A frame is `u32 payload length, little-endian | u8 type | payload`. The daemon sends one
// kRequest; the child any number of kLog, kProgress and kQuestion, then one kResult or kError, then
// exits. It asks one thing at a time: after a kQuestion the daemon sends its kReply.
// Whatever comes from a child is hostile: FrameReader bounds it before it buffers it.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mcpgate::sandboxd {

/// The values are wire format; `harness/mcpgate/_channel.py` has them too.
enum class FrameType : std::uint8_t {
  /// Daemon → child: a JSON object, see request_json() in running_call.cc.
  kRequest = 1,
  /// Child → daemon: a CallToolResult as JSON. Ends the call.
  kResult = 2,
  /// Child → daemon: `REASON LF text`, where REASON is a word of EndReason. Ends the call.
  kError = 3,
  /// Child → daemon: `{"level":…,"message":…}`.
  kLog = 4,
  /// Child → daemon: `{"progress":…,"total":…,"message":…}`.
  kProgress = 5,
  /// Child → daemon: `{"method":…,"params":…}`, see sandbox::Question.
  kQuestion = 6,
  /// Daemon → child: a sandbox::Reply.
  kReply = 7,
};

inline constexpr std::size_t kFrameHeaderBytes = 5;

/// A request (arguments, mostly) is bounded by the gateway's `limits.body`; this is the outer wall.
inline constexpr std::size_t kRequestBytesMax = std::size_t{16} << 20;

/// One frame, its header taken off.
struct Frame {
  FrameType type;
  std::string payload;

  friend bool operator==(const Frame&, const Frame&) = default;
};

/// The header of a frame. Inline, so that the zygote needs no more than this page.
[[nodiscard]] inline std::array<char, kFrameHeaderBytes> frame_header(FrameType type,
                                                                      std::uint32_t size) {
  return {static_cast<char>(size & 0xFF), static_cast<char>((size >> 8) & 0xFF),
          static_cast<char>((size >> 16) & 0xFF), static_cast<char>((size >> 24) & 0xFF),
          static_cast<char>(type)};
}

/// Header and payload as one string.
[[nodiscard]] std::string encode_frame(FrameType type, std::string_view payload);

/// Cuts a stream of bytes into frames. After an error it stays at that error: the sender is to be
/// killed.
class FrameReader {
 public:
  /// `payload_bytes_max`: a frame that announces more is an error at its header already.
  explicit FrameReader(std::size_t payload_bytes_max) : payload_bytes_max_(payload_bytes_max) {}

  /// Takes bytes as they come.
  void append(std::string_view bytes);

  /// The next whole frame, nothing where more bytes are needed, kInvalidArgument for a frame too
  /// large or of no type that a child may send.
  [[nodiscard]] Expected<std::optional<Frame>> next();

  /// Whether the stream stopped inside a frame.
  [[nodiscard]] bool has_partial_frame() const { return read_ < buffer_.size(); }

 private:
  std::size_t payload_bytes_max_;
  std::string buffer_;
  /// How many bytes of buffer_ are used up.
  std::size_t read_ = 0;
};

}  // namespace mcpgate::sandboxd
