// Chunked bodies in pieces of every size, and the ways to get them wrong.

#include "http/chunked.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace mcpgate::http {
namespace {

struct Decoded {
  std::string body = {};
  std::string reason = {};
  bool done = false;
  std::size_t consumed = 0;
};

Decoded decode(std::string_view bytes, std::size_t piece) {
  Decoded decoded;
  ChunkedDecoder decoder;
  while (decoded.consumed < bytes.size() && !decoder.done()) {
    const std::string_view next = bytes.substr(decoded.consumed, piece);
    std::string out(next.size(), '\0');
    const auto step = decoder.decode(next, out.data());
    if (!step) {
      decoded.reason = step.error();
      return decoded;
    }
    decoded.body.append(out, 0, step->produced);
    decoded.consumed += step->consumed;
  }
  decoded.done = decoder.done();
  return decoded;
}

bool is_refused(std::string_view bytes) {
  return !decode(bytes, bytes.size()).reason.empty();
}

TEST(ChunkedDecoder, JoinsChunksInPiecesOfAnySize) {
  const std::string bytes = "5\r\nhello\r\n00A;name=\"v\"\r\n, chunked \r\n0\r\nT: x\r\n\r\nGET";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const Decoded decoded = decode(bytes, piece);
    ASSERT_EQ(decoded.reason, "") << piece;
    EXPECT_TRUE(decoded.done);
    EXPECT_EQ(decoded.body, "hello, chunked ");
    EXPECT_EQ(bytes.substr(decoded.consumed), "GET") << "what follows is the next request's";
  }
}

TEST(ChunkedDecoder, DecodesInPlace) {
  std::string bytes = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  ChunkedDecoder decoder;
  const auto step = decoder.decode(bytes, bytes.data());
  ASSERT_TRUE(step);
  EXPECT_EQ(bytes.substr(0, step->produced), "abcde");
  EXPECT_TRUE(decoder.done());
}

TEST(ChunkedDecoder, BadFramingIsRefused) {
  EXPECT_TRUE(is_refused("g\r\n"));
  EXPECT_TRUE(is_refused("-1\r\n"));
  EXPECT_TRUE(is_refused("0x5\r\nhello\r\n"));
  EXPECT_TRUE(is_refused("\r\n"));
  EXPECT_TRUE(is_refused(" 5\r\nhello"));
  EXPECT_TRUE(is_refused("5 \r\nhello"));
  EXPECT_TRUE(is_refused("5\nhello"));
  EXPECT_TRUE(is_refused("5\rhello"));
  EXPECT_TRUE(is_refused("5\r\nhello!\r\n"));
  EXPECT_TRUE(is_refused("5\r\nhello\n0\r\n\r\n"));
  EXPECT_TRUE(is_refused("ffffffffffffffff\r\n"));
  EXPECT_TRUE(is_refused("0000000000000005\r\n"));
  EXPECT_TRUE(is_refused("5;a\nb\r\nhello"));
  EXPECT_TRUE(is_refused("5;" + std::string(kChunkExtensionBytesMax + 1, 'a')));
}

TEST(ChunkedDecoder, ExtensionsAreBoundedOverAllChunks) {
  std::string bytes;
  for (std::size_t i = 0; i <= kChunkExtensionBytesMax; ++i) {
    bytes += "1;x\r\na\r\n";
  }
  EXPECT_TRUE(is_refused(bytes));
}

TEST(ChunkedDecoder, BadTrailersAreRefused) {
  EXPECT_TRUE(is_refused("0\r\n folded: x\r\n\r\n"));
  EXPECT_TRUE(is_refused("0\r\nno colon\r\n\r\n"));
  EXPECT_TRUE(is_refused("0\r\nX: a\nY: b\r\n\r\n"));
  EXPECT_TRUE(is_refused("0\r\nX: a\r\n\rZ"));
  EXPECT_TRUE(is_refused("0\r\nX: " + std::string(kTrailerBytesMax, 'a') + "\r\n\r\n"));
}

}  // namespace
}  // namespace mcpgate::http
