#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/gateway_test_support.h"
#include "http/sse.h"

namespace mcpgate::gateway {

/// A gateway whose streams are read as they come.
class StreamTest : public TestGateway {
 protected:
  /// A stream as its client sees it.
  struct Stream {
    explicit Stream(http::Client& client) : exchange(client) {}
    http::Exchange exchange;
    http::SseParser parser{1 << 20};
    int status = 0;
    std::vector<http::SseEvent> events;
    std::string bytes;
    bool over = false;
  };

  ~StreamTest() override {
    for (const auto& stream : streams_) {
      stream->exchange.abort();
    }
    loop_.restart();
    loop_.poll();
  }

  static Task<void> read(std::shared_ptr<Stream> stream, Sent sent, std::string authorization) {
    const auto headers = headers_of(sent, authorization);
    const auto head = co_await stream->exchange.send(
        {.method = sent.method, .target = sent.target, .headers = headers, .body = sent.body});
    if (head) {
      stream->status = head->status;
      for (;;) {
        const auto piece = co_await stream->exchange.read();
        if (!piece || piece->empty()) {
          break;
        }
        stream->bytes += *piece;
        EXPECT_TRUE(stream->parser.feed(*piece));
        while (auto event = stream->parser.next()) {
          stream->events.push_back(*std::move(event));
        }
      }
    }
    stream->over = true;
  }
  std::shared_ptr<Stream> open(const Sent& sent, const std::string& authorization) {
    auto stream = std::make_shared<Stream>(*client_);
    streams_.push_back(stream);
    asio::co_spawn(loop_, read(stream, sent, authorization), asio::detached);
    EXPECT_TRUE(run_until(loop_, [&] { return stream->status != 0; }));
    return stream;
  }
  [[nodiscard]] static Sent get(const std::string& session,
                                const std::string& version = "2025-11-25") {
    return {.headers = {{"Mcp-Session-Id", session},
                        {"MCP-Protocol-Version", version},
                        {"Accept", "text/event-stream"}},
            .method = "GET"};
  }

  bool has(const std::shared_ptr<Stream>& stream, std::size_t events) {
    return run_until(loop_, [&] { return stream->events.size() >= events; });
  }
  bool ends(const std::shared_ptr<Stream>& stream) {
    return run_until(loop_, [&] { return stream->over; });
  }

  std::vector<std::shared_ptr<Stream>> streams_;
};

}  // namespace mcpgate::gateway
