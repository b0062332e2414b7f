// Heads: what a strict server must refuse, and what it must not.

#include "http/head.h"

#include <gtest/gtest.h>

#include <string>

namespace mcpgate::http {
namespace {

constexpr std::size_t kHeadMax = 4096;
constexpr std::size_t kHeadersMax = 16;

struct Parsed {
  int status = 0;
  std::string_view reason = {};
  RequestHead head = {};
};

// `bytes` must outlive the result.
Parsed parse(const std::string& bytes) {
  Parsed parsed;
  HeadScanner scanner(kHeadMax);
  const auto scanned = scanner.scan(bytes);
  if (!scanned) {
    return {scanned.error().status, scanned.error().reason, {}};
  }
  if (*scanned == 0) {
    return {-1, "not whole", {}};
  }
  const auto done =
      parse_request_head(std::string_view(bytes).substr(0, *scanned), kHeadersMax, parsed.head);
  if (!done) {
    parsed.status = done.error().status;
    parsed.reason = done.error().reason;
  }
  return parsed;
}

int status_of(const std::string& bytes) {
  return parse(bytes).status;
}

std::string with(const std::string& fields) {
  return "POST /mcp HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

TEST(RequestHead, PlainRequestIsParsed) {
  const std::string bytes =
      "POST /mcp?a=b HTTP/1.1\r\nHost: example.com:8080\r\nX-Thing:  two words \r\n"
      "Content-Length: 12\r\n\r\n";
  const Parsed parsed = parse(bytes);
  ASSERT_EQ(parsed.status, 0) << parsed.reason;
  EXPECT_EQ(parsed.head.method, "POST");
  EXPECT_EQ(parsed.head.target, "/mcp?a=b");
  EXPECT_EQ(parsed.head.path, "/mcp");
  EXPECT_EQ(parsed.head.query, "a=b");
  EXPECT_EQ(parsed.head.host, "example.com:8080");
  EXPECT_EQ(find_header(parsed.head.headers, "x-thing"), "two words");
  EXPECT_EQ(parsed.head.framing, Framing::kLength);
  EXPECT_EQ(parsed.head.content_length, 12);
  EXPECT_TRUE(parsed.head.keep_alive);
}

TEST(RequestHead, AbsoluteTargetOverridesHost) {
  const std::string bytes = "GET http://real.example/x?y HTTP/1.1\r\nHost: other\r\n\r\n";
  const Parsed parsed = parse(bytes);
  ASSERT_EQ(parsed.status, 0) << parsed.reason;
  EXPECT_EQ(parsed.head.host, "real.example");
  EXPECT_EQ(parsed.head.path, "/x");
  EXPECT_EQ(parsed.head.query, "y");
  const std::string bare = "GET http://real.example HTTP/1.1\r\nHost: other\r\n\r\n";
  EXPECT_EQ(parse(bare).head.path, "/");
}

TEST(RequestHead, FramingThatCouldBeReadTwoWaysIsRefused) {
  EXPECT_EQ(status_of(with("Content-Length: 1\r\nContent-Length: 1\r\n")), 400);
  EXPECT_EQ(status_of(with("Content-Length: 1\r\nContent-Length: 2\r\n")), 400);
  EXPECT_EQ(status_of(with("Content-Length: 1, 1\r\n")), 400);
  EXPECT_EQ(status_of(with("Content-Length: +1\r\n")), 400);
  EXPECT_EQ(status_of(with("Content-Length: 0x1\r\n")), 400);
  EXPECT_EQ(status_of(with("Content-Length: 1 2\r\n")), 400);
  EXPECT_EQ(status_of(with("Content-Length:\r\n")), 400);
  EXPECT_EQ(status_of(with("Content-Length: 99999999999999999999\r\n")), 400);
  EXPECT_EQ(status_of(with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked, chunked\r\n")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked, identity\r\n")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: chunked;a=b\r\n")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: \"chunked\"\r\n")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding:\r\n")), 400);
  EXPECT_EQ(status_of(with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

TEST(RequestHead, ChunkedIsAcceptedInAnyCase) {
  const std::string bytes = with("Transfer-Encoding: Chunked\r\n");
  const Parsed parsed = parse(bytes);
  ASSERT_EQ(parsed.status, 0) << parsed.reason;
  EXPECT_EQ(parsed.head.framing, Framing::kChunked);
}

TEST(RequestHead, UnknownTransferCodingIs501) {
  EXPECT_EQ(status_of(with("Transfer-Encoding: gzip\r\n")), 501);
  EXPECT_EQ(status_of(with("Transfer-Encoding: gzip, chunked\r\n")), 501);
  EXPECT_EQ(status_of(with("Transfer-Encoding: xchunked\r\n")), 501);
  EXPECT_EQ(status_of(with("Transfer-Encoding: identity\r\n")), 501);
}

TEST(RequestHead, BadLinesAreRefused) {
  EXPECT_EQ(status_of(with("X: a\r\n b\r\n")), 400) << "folded";
  EXPECT_EQ(status_of(with("X: a\r\n\tb\r\n")), 400) << "folded by a tab";
  EXPECT_EQ(status_of(with("X: a\nY: b\r\n")), 400) << "bare LF";
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: a\n\n"), 400) << "only LF";
  EXPECT_EQ(status_of(with("X: a\rY: b\r\n")), 400) << "bare CR";
  EXPECT_EQ(status_of(with("X: a\r\r\n")), 400) << "CR CR LF";
  EXPECT_EQ(status_of(with("X : a\r\n")), 400) << "blank before the colon";
  EXPECT_EQ(status_of(with("X\t: a\r\n")), 400);
  EXPECT_EQ(status_of(with(std::string("X: a\0b\r\n", 8))), 400) << "NUL";
  EXPECT_EQ(status_of(with("X: a\x01\r\n")), 400);
  EXPECT_EQ(status_of(with("X: a\x7f\r\n")), 400);
  EXPECT_EQ(status_of(with("X\r\n")), 400) << "no colon";
  EXPECT_EQ(status_of(with(": a\r\n")), 400) << "no name";
  EXPECT_EQ(status_of(with("X(Y): a\r\n")), 400) << "not a token";
  EXPECT_EQ(status_of("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

TEST(RequestHead, BadRequestLinesAreRefused) {
  const std::string rest = "\r\nHost: a\r\n\r\n";
  EXPECT_EQ(status_of("GET" + rest), 400);
  EXPECT_EQ(status_of("GET /" + rest), 400);
  EXPECT_EQ(status_of("GET  / HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1 " + rest), 400);
  EXPECT_EQ(status_of("GET\t/ HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET /a b HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET /\xc3\xa4 HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET /#x HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET mcp HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET ftp://a/ HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET http:///x HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET http://u@a/ HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET * HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("OPTIONS * HTTP/1.1" + rest), 0);
  EXPECT_EQ(status_of("CONNECT a:80 HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("G@T / HTTP/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET / http/1.1" + rest), 400);
  EXPECT_EQ(status_of("GET / HTTP/11" + rest), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.2" + rest), 505);
  EXPECT_EQ(status_of("GET / HTTP/2.0" + rest), 505);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

TEST(RequestHead, OneValidHostIsNeeded) {
  const std::string line = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(status_of(line + "\r\n"), 400);
  EXPECT_EQ(status_of(line + "Host: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(status_of(line + "Host: a, b\r\n\r\n"), 400);
  EXPECT_EQ(status_of(line + "Host: u@a\r\n\r\n"), 400);
  EXPECT_EQ(status_of(line + "Host: a/b\r\n\r\n"), 400);
  EXPECT_EQ(status_of(line + "Host: a:b\r\n\r\n"), 400);
  EXPECT_EQ(status_of(line + "Host: \r\n\r\n"), 400);
  EXPECT_EQ(status_of(line + "Host: [::1]:80\r\n\r\n"), 0);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 0);
}

TEST(RequestHead, ExpectIsContinueOrRefused) {
  const std::string bytes = with("Expect: 100-Continue\r\nContent-Length: 1\r\n");
  EXPECT_TRUE(parse(bytes).head.expects_continue);
  EXPECT_EQ(status_of(with("Expect: 200-ok\r\n")), 417);
}

TEST(RequestHead, ConnectionIsKeptUnlessClosedOrOld) {
  EXPECT_FALSE(parse(with("Connection: close\r\n")).head.keep_alive);
  EXPECT_FALSE(parse(with("Connection: x, Close\r\n")).head.keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").head.keep_alive);
}

TEST(RequestHead, LimitsAre431) {
  EXPECT_EQ(status_of(with("X: " + std::string(kHeadMax, 'a') + "\r\n")), 431);
  EXPECT_EQ(status_of(std::string(kHeadMax, 'a')), 431);
  std::string many;
  for (std::size_t i = 0; i < kHeadersMax; ++i) {
    many += "X: a\r\n";
  }
  EXPECT_EQ(status_of(with(many)), 431);
}

TEST(HeadScanner, FindsTheEndByteByByte) {
  const std::string head = with("X: a\r\n");
  const std::string bytes = head + "body";
  HeadScanner scanner(kHeadMax);
  for (std::size_t n = 0; n < head.size(); ++n) {
    const auto scanned = scanner.scan(std::string_view(bytes).substr(0, n));
    ASSERT_TRUE(scanned);
    ASSERT_EQ(*scanned, 0) << n;
  }
  EXPECT_EQ(scanner.scan(bytes), head.size());
}

TEST(HeadScanner, RefusesBeforeTheHeadIsWhole) {
  HeadScanner scanner(kHeadMax);
  EXPECT_FALSE(scanner.scan("GET / HTTP/1.1\r\nHost: a\n"));
}

std::expected<StatusHead, HeadError> parse_response(const std::string& bytes,
                                                    std::string_view method = "GET") {
  HeadScanner scanner(kHeadMax);
  const auto scanned = scanner.scan(bytes);
  if (!scanned) {
    return std::unexpected(scanned.error());
  }
  StatusHead head;
  if (auto done = parse_response_head(bytes, method, kHeadersMax, head); !done) {
    return std::unexpected(done.error());
  }
  return head;
}

TEST(ResponseHead, FramingFollowsStatusAndMethod) {
  const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(parse_response(length)->framing, Framing::kLength);
  EXPECT_EQ(parse_response(length, "HEAD")->framing, Framing::kNone);
  EXPECT_EQ(parse_response("HTTP/1.1 204 No Content\r\n\r\n")->framing, Framing::kNone);
  EXPECT_EQ(parse_response("HTTP/1.1 100 Continue\r\n\r\n")->framing, Framing::kNone);
  const auto until_close = parse_response("HTTP/1.1 200 \r\n\r\n");
  ASSERT_TRUE(until_close);
  EXPECT_EQ(until_close->framing, Framing::kUntilClose);
  EXPECT_FALSE(until_close->keep_alive);
  EXPECT_EQ(parse_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")->framing,
            Framing::kChunked);
}

TEST(ResponseHead, BadOnesAreRefused) {
  EXPECT_FALSE(parse_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"));
  EXPECT_FALSE(
      parse_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_FALSE(parse_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"));
  EXPECT_FALSE(parse_response("HTTP/1.1 20 OK\r\n\r\n"));
  EXPECT_FALSE(parse_response("HTTP/1.1 999 X\r\n\r\n"));
  EXPECT_FALSE(parse_response("HTTP/2.0 200 OK\r\n\r\n"));
  EXPECT_FALSE(parse_response("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"));
}

TEST(Message, ReasonsAndHeaderChecks) {
  EXPECT_EQ(status_reason(404), "Not Found");
  EXPECT_EQ(status_reason(299), "Unknown");
  EXPECT_TRUE(is_valid_header("X-A", "b\tc"));
  EXPECT_FALSE(is_valid_header("X A", "b"));
  EXPECT_FALSE(is_valid_header("X", "b\r\nY: c"));
  EXPECT_FALSE(is_valid_header("", "b"));
}

}  // namespace
}  // namespace mcpgate::http
