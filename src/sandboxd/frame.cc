#include "sandboxd/frame.h"

namespace mcpgate::sandboxd {
namespace {

/// Consumed bytes are dropped once they are this many, so that appending stays linear.
constexpr std::size_t kCompactBytes = std::size_t{64} << 10;

bool from_child(std::uint8_t type) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::kResult:
    case FrameType::kError:
    case FrameType::kLog:
    case FrameType::kProgress:
    case FrameType::kQuestion:
      return true;
    case FrameType::kRequest:
    case FrameType::kReply:
      return false;
  }
  return false;
}

}  // namespace

std::string encode_frame(FrameType type, std::string_view payload) {
  const auto header = frame_header(type, static_cast<std::uint32_t>(payload.size()));
  std::string frame;
  frame.reserve(header.size() + payload.size());
  frame.append(header.data(), header.size());
  frame.append(payload);
  return frame;
}

void FrameReader::append(std::string_view bytes) {
  if (read_ == buffer_.size()) {
    buffer_.clear();
    read_ = 0;
  } else if (read_ >= kCompactBytes) {
    buffer_.erase(0, read_);
    read_ = 0;
  }
  buffer_.append(bytes);
}

Expected<std::optional<Frame>> FrameReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(read_);
  if (rest.size() < kFrameHeaderBytes) {
    return std::nullopt;
  }
  std::size_t size = 0;
  for (int i = 3; i >= 0; --i) {
    size = size << 8 | static_cast<std::uint8_t>(rest[static_cast<std::size_t>(i)]);
  }
  const auto type = static_cast<std::uint8_t>(rest[4]);
  if (!from_child(type)) {
    return fail(ErrorCode::kInvalidArgument, "a frame of type {}, which no child sends", type);
  }
  if (size > payload_bytes_max_) {
    return fail(ErrorCode::kInvalidArgument, "a frame of {} bytes; at most {} are allowed", size,
                payload_bytes_max_);
  }
  if (rest.size() - kFrameHeaderBytes < size) {
    return std::nullopt;
  }
  read_ += kFrameHeaderBytes + size;
  return Frame{.type = static_cast<FrameType>(type),
               .payload = std::string(rest.substr(kFrameHeaderBytes, size))};
}

}  // namespace mcpgate::sandboxd
