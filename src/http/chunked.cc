#include "http/chunked.h"

#include <algorithm>
#include <cstring>

#include "http/message.h"

namespace mcpgate::http {

namespace {

constexpr int kSizeDigitsMax = 15;

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::expected<ChunkedDecoder::Step, std::string_view> ChunkedDecoder::decode(std::string_view bytes,
                                                                             char* out) {
  Step step;
  while (step.consumed < bytes.size() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const std::size_t n =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - step.consumed));
      std::memmove(out + step.produced, bytes.data() + step.consumed, n);
      step.produced += n;
      step.consumed += n;
      left_ -= n;
      if (left_ == 0) {
        state_ = State::kDataCr;
      }
      continue;
    }
    if (const std::string_view refused = take(bytes[step.consumed]); !refused.empty()) {
      return std::unexpected(refused);
    }
    ++step.consumed;
  }
  return step;
}

std::string_view ChunkedDecoder::take(char c) {
  switch (state_) {
    case State::kSizeFirst:
    case State::kSize:
    case State::kExtension:
      return take_size(c);
    case State::kSizeLf:
      state_ = left_ == 0 ? State::kTrailerFirst : State::kData;
      return c == '\n' ? "" : "bad line end after a chunk size";
    case State::kDataCr:
      state_ = State::kDataLf;
      return c == '\r' ? "" : "chunk longer than its size";
    case State::kDataLf:
      state_ = State::kSizeFirst;
      digits_ = 0;
      return c == '\n' ? "" : "bad line end after a chunk";
    case State::kTrailerFirst:
    case State::kTrailerName:
    case State::kTrailerValue:
      return take_trailer(c);
    case State::kTrailerLf:
      state_ = State::kTrailerFirst;
      return c == '\n' ? "" : "bad line end in trailers";
    case State::kEndLf:
      state_ = State::kDone;
      return c == '\n' ? "" : "bad end of a chunked body";
    case State::kData:
    case State::kDone:
      break;
  }
  return "bytes after a chunked body";
}

std::string_view ChunkedDecoder::take_size(char c) {
  if (state_ == State::kExtension) {
    if (c == '\r') {
      state_ = State::kSizeLf;
      return "";
    }
    if (++extension_bytes_ > kChunkExtensionBytesMax) {
      return "chunk extensions too long";
    }
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte < 0x7f) || c == '\t' ? "" : "bad chunk extension";
  }
  if (const int value = hex_value(c); value >= 0) {
    if (digits_++ == kSizeDigitsMax) {
      return "chunk size too large";
    }
    left_ = left_ * 16 + static_cast<std::uint64_t>(value);
    state_ = State::kSize;
    return "";
  }
  if (state_ == State::kSize && c == '\r') {
    state_ = State::kSizeLf;
    return "";
  }
  if (state_ == State::kSize && c == ';') {
    state_ = State::kExtension;
    return "";
  }
  return "bad chunk size";
}

std::string_view ChunkedDecoder::take_trailer(char c) {
  if (c == '\r') {
    switch (state_) {
      case State::kTrailerFirst:
        state_ = State::kEndLf;
        return "";
      case State::kTrailerValue:
        state_ = State::kTrailerLf;
        return "";
      default:
        return "malformed trailer";
    }
  }
  if (++trailer_bytes_ > kTrailerBytesMax) {
    return "trailers too long";
  }
  if (state_ == State::kTrailerName && c == ':') {
    state_ = State::kTrailerValue;
    return "";
  }
  const std::string_view one(&c, 1);
  if (state_ == State::kTrailerValue) {
    return is_valid_header("x", one) ? "" : "control character in a trailer";
  }
  state_ = State::kTrailerName;
  return is_valid_header(one, "") ? "" : "malformed trailer";
}

}  // namespace mcpgate::http
