// Server-sent events: what is encoded comes back, however it is cut.

#include "http/sse.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mcpgate::http {
namespace {

constexpr std::size_t kEventMax = 1024;

std::vector<SseEvent> parse(std::string_view bytes, std::size_t piece) {
  SseParser parser(kEventMax);
  std::vector<SseEvent> events;
  for (std::size_t i = 0; i < bytes.size(); i += piece) {
    EXPECT_TRUE(parser.feed(bytes.substr(i, piece)));
    while (auto event = parser.next()) {
      events.push_back(std::move(*event));
    }
  }
  return events;
}

TEST(Sse, EventComesBackWhateverThePieces) {
  std::string bytes;
  append_sse(bytes,
             {.id = "7", .event = "message", .data = "one\ntwo\r\nthree\r", .retry_ms = 500});
  append_sse(bytes, {.id = std::nullopt, .event = "", .data = "next", .retry_ms = std::nullopt});
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto events = parse(bytes, piece);
    ASSERT_EQ(events.size(), 2) << piece;
    EXPECT_EQ(events[0].id, "7");
    EXPECT_EQ(events[0].event, "message");
    EXPECT_EQ(events[0].data, "one\ntwo\nthree\n");
    EXPECT_EQ(events[0].retry_ms, 500);
    EXPECT_EQ(events[1].data, "next");
    EXPECT_FALSE(events[1].id);
  }
}

TEST(Sse, EveryLineEndIsUnderstood) {
  for (const std::string bytes :
       {"data: a\n\ndata: b\n\n", "data: a\r\rdata: b\r\r", "data: a\r\n\r\ndata: b\r\n\r\n"}) {
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
      const auto events = parse(bytes, piece);
      ASSERT_EQ(events.size(), 2);
      EXPECT_EQ(events[0].data, "a");
      EXPECT_EQ(events[1].data, "b");
    }
  }
}

TEST(Sse, CommentsUnknownFieldsAndByteOrderMarkAreSkipped) {
  for (std::size_t piece = 1; piece < 8; ++piece) {
    const auto events =
        parse("\xEF\xBB\xBF: ping\n\nfoo: bar\ndata\ndata:x\ndata:  y\nretry: 1x\n\n", piece);
    ASSERT_EQ(events.size(), 1);
    EXPECT_EQ(events[0].data, "\nx\n y");
    EXPECT_FALSE(events[0].retry_ms);
  }
}

TEST(Sse, PrimingEventWithOnlyAnIdIsGiven) {
  std::string bytes;
  append_sse(bytes, {.id = "p", .event = "", .data = "", .retry_ms = std::nullopt});
  const auto events = parse(bytes, bytes.size());
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].id, "p");
  EXPECT_EQ(events[0].data, "");
}

TEST(Sse, ValuesCannotForgeFields) {
  std::string bytes;
  append_sse(bytes, {.id = "1\ndata: forged",
                     .event = std::string("a\0b", 3),
                     .data = "x\n\ndata: inside",
                     .retry_ms = std::nullopt});
  const auto events = parse(bytes, bytes.size());
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].id, "1");
  EXPECT_EQ(events[0].event, "a");
  EXPECT_EQ(events[0].data, "x\n\ndata: inside");
}

TEST(Sse, EventWithoutEndIsBounded) {
  SseParser parser(kEventMax);
  const std::string piece(100, 'a');
  int fed = 0;
  while (parser.feed(fed == 0 ? "data: " + piece : piece)) {
    EXPECT_FALSE(parser.next());
    ASSERT_LT(++fed, 20);
  }
  SseParser lines(kEventMax);
  fed = 0;
  while (lines.feed("data: " + piece + "\n")) {
    EXPECT_FALSE(lines.next());
    ASSERT_LT(++fed, 20);
  }
}

}  // namespace
}  // namespace mcpgate::http
