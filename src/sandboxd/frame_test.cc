#include "sandboxd/frame.h"

#include <gtest/gtest.h>

namespace mcpgate::sandboxd {
namespace {

using namespace std::string_literals;

TEST(Frame, HeaderIsLengthLittleEndianAndType) {
  EXPECT_EQ(encode_frame(FrameType::kResult, "abc"), "\x03\x00\x00\x00\x02"s + "abc");
}

TEST(FrameReader, CutsFramesWhereverTheBytesAreSplit) {
  const std::string stream = encode_frame(FrameType::kLog, R"({"level":"info"})") +
                             encode_frame(FrameType::kProgress, "") +
                             encode_frame(FrameType::kResult, std::string(200'000, 'x'));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{65'536}}) {
    FrameReader reader(1 << 20);
    std::vector<Frame> frames;
    for (std::size_t i = 0; i < stream.size(); i += piece) {
      reader.append(std::string_view(stream).substr(i, piece));
      for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
        frames.push_back(std::move(**frame));
      }
    }
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(frames[0], (Frame{FrameType::kLog, R"({"level":"info"})"}));
    EXPECT_EQ(frames[1], (Frame{FrameType::kProgress, ""}));
    EXPECT_EQ(frames[2].payload.size(), 200'000U);
    EXPECT_FALSE(reader.has_partial_frame());
  }
}

TEST(FrameReader, RefusesALargeFrameAtItsHeader) {
  FrameReader reader(1000);
  reader.append("\xFF\xFF\xFF\xFF\x02"s);
  const auto frame = reader.next();
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().message, "a frame of 4294967295 bytes; at most 1000 are allowed");
  EXPECT_FALSE(reader.next()) << "an error is final";
}

TEST(FrameReader, RefusesTypesThatNoChildSends) {
  for (const char type : {'\x00', '\x01', '\x07', '\xFF'}) {
    FrameReader reader(1000);
    reader.append("\x00\x00\x00\x00"s + type);
    EXPECT_FALSE(reader.next());
  }
}

TEST(FrameReader, KnowsWhenTheStreamStopsInsideAFrame) {
  FrameReader reader(1000);
  reader.append("\x05\x00\x00\x00\x02"s + "ab");
  ASSERT_TRUE(reader.next());
  EXPECT_TRUE(reader.has_partial_frame());
}

}  // namespace
}  // namespace mcpgate::sandboxd
