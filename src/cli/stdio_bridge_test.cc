// The bridge between a client on a pipe and a gateway that answers as the test says.

#include "cli/stdio_bridge.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <vector>

#include <boost/asio/co_spawn.hpp>

#include "base/fd.h"
#include "base/file.h"
#include "http/server.h"

namespace mcpgate::cli {
namespace {

using namespace std::chrono_literals;

/// Answers by the body's method, and keeps the heads it saw.
class FakeGateway final : public http::Handler {
 public:
  explicit FakeGateway(asio::io_context& loop) : never_(loop, SteadyTime::max()) {}

  Task<void> handle(const http::Request& request, http::Responder& responder) override {
    auto& head = heads.emplace_back();
    for (const http::Header& header : request.headers) {
      head[std::string(header.name)] = header.value;
    }
    const std::string_view body = request.body;
    bodies.emplace_back(body);
    const auto answers = [&](std::string_view method) {
      return body.contains("\"method\":\"" + std::string(method) + '"');
    };
    if (answers("initialize")) {
      responder.send(
          {.headers = {{"Mcp-Session-Id", "s1"}},
           .body = R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}})",
           .content_type = "application/json"});
    } else if (answers("notifications/initialized")) {
      responder.send({.status = 202});
    } else if (answers("gone")) {
      responder.send(
          {.status = 404,
           .body = R"({"jsonrpc":"2.0","id":null,"error":{"code":404,"message":"gone"}})",
           .content_type = "application/json"});
    } else if (body.contains(R"("id":null)") || body.contains(R"("result")")) {
      responder.send(
          {.status = 400,
           .body = R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}})",
           .content_type = "application/json"});
    } else if (answers("babble")) {
      responder.send({.body = "<html>", .content_type = "text/html"});
    } else if (answers("polled") || request.method == "GET") {
      // A stream that says nothing but an event's id, until `rest` is what it ends with.
      (void)co_await responder.begin(200, {{"Content-Type", "text/event-stream"}});
      (void)co_await responder.write(
          request.method == "GET" && !rest.empty() ? rest : "id: e1\nretry: 1\ndata:\n\n");
      (void)co_await responder.finish();
    } else if (answers("cut")) {
      (void)co_await responder.begin(200, {{"Content-Type", "text/event-stream"}});
      (void)co_await responder.finish();
    } else if (answers("tools/call")) {
      (void)co_await responder.begin(200, {{"Content-Type", "text/event-stream"}});
      (void)co_await responder.write("data: {\"method\":\"notifications/progress\"}\n\n");
      (void)co_await responder.write("data: {\"id\":3,\ndata: \"result\":{}}\n\n");
      (void)co_await responder.finish();
    } else if (answers("hang")) {
      responder.on_disconnect([this] {
        ++disconnected;
        never_.cancel();
      });
      (void)co_await never_.async_wait(kAwait);
    } else {
      responder.send(
          {.body = R"({"jsonrpc":"2.0","id":2,"result":{}})", .content_type = "application/json"});
    }
  }

  std::vector<std::map<std::string, std::string>> heads;
  std::vector<std::string> bodies;
  std::string rest;
  int disconnected = 0;

 private:
  asio::steady_timer never_;
};

class StdioBridgeTest : public testing::Test {
 protected:
  StdioBridgeTest() {
    int in[2];
    int out[2];
    EXPECT_EQ(::pipe2(in, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    input_ = UniqueFd(in[0]);
    client_end_ = UniqueFd(in[1]);
    answers_ = UniqueFd(out[0]);
    output_ = UniqueFd(out[1]);
    http::Listener listener = *http::listen("127.0.0.1:0");
    Target target{.url = "http://" + listener.address() + "/mcp", .token = "abc"};
    target.endpoint = *http::Endpoint::parse(target.url);
    server_ =
        std::make_unique<http::Server>(loop_, std::move(listener), gateway_, http::ServerOptions{});
    server_->start();
    bridge_ = std::make_unique<StdioBridge>(loop_, std::move(target), input_.get(), output_.get());
    asio::co_spawn(loop_, bridge_->run(), [this](const std::exception_ptr&) { ended_ = true; });
  }
  ~StdioBridgeTest() override {
    client_end_.reset();
    run_until([this] { return ended_; });
    EXPECT_TRUE(ended_);
    bridge_.reset();
    server_.reset();
    loop_.restart();
    loop_.poll();
  }

  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    loop_.restart();
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      loop_.run_one_for(10ms);
    }
    return condition();
  }
  void say(const std::string& line) { ASSERT_TRUE(write_all(client_end_.get(), line + "\n")); }
  /// The next line for the client.
  std::string hear() {
    run_until([this] {
      char bytes[4096];
      const ssize_t n = ::read(answers_.get(), bytes, sizeof bytes);
      received_.append(bytes, n > 0 ? static_cast<std::size_t>(n) : 0);
      return received_.contains('\n');
    });
    const std::size_t end = received_.find('\n');
    const std::string line = received_.substr(0, end);
    received_.erase(0, end == std::string::npos ? end : end + 1);
    return line;
  }
  void initialize() {
    say(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{}})");
    EXPECT_TRUE(hear().contains("2025-06-18"));
  }

  asio::io_context loop_;
  FakeGateway gateway_{loop_};
  UniqueFd input_;
  UniqueFd client_end_;
  UniqueFd answers_;
  UniqueFd output_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<StdioBridge> bridge_;
  std::string received_;
  bool ended_ = false;
};

TEST_F(StdioBridgeTest, TheLegacyErasSessionAndVersionAreRepeated) {
  initialize();
  EXPECT_EQ(gateway_.heads[0].at("Authorization"), "Bearer abc");
  EXPECT_FALSE(gateway_.heads[0].contains("Mcp-Session-Id"));
  const std::string line = R"({"jsonrpc":"2.0", "id":2,"method":"tools/list"})";
  say(line);
  EXPECT_EQ(hear(), R"({"jsonrpc":"2.0","id":2,"result":{}})");
  EXPECT_EQ(gateway_.bodies[1], line);
  EXPECT_EQ(gateway_.heads[1].at("Mcp-Session-Id"), "s1");
  EXPECT_EQ(gateway_.heads[1].at("MCP-Protocol-Version"), "2025-06-18");
  EXPECT_FALSE(gateway_.heads[1].contains("Mcp-Method"));
}

TEST_F(StdioBridgeTest, ASessionThatEndedIsNotNamedAgain) {
  initialize();
  say(R"({"jsonrpc":"2.0","id":"x","method":"gone"})");
  EXPECT_EQ(hear(), R"({"jsonrpc":"2.0","id":"x","error":{"code":-32603,"message":"gone"}})");
  say(R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})");
  (void)hear();
  EXPECT_FALSE(gateway_.heads[2].contains("Mcp-Session-Id"));
  initialize();
  EXPECT_FALSE(gateway_.heads[3].contains("Mcp-Session-Id"));
}

TEST_F(StdioBridgeTest, TheModernErasHeadersAreMadeFromTheBody) {
  say(R"({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"ä","_meta":)"
      R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})");
  EXPECT_EQ(hear(), R"({"method":"notifications/progress"})");
  EXPECT_EQ(hear(), R"({"id":3, "result":{}})");  // One line, whatever the events had.
  EXPECT_EQ(gateway_.heads[0].at("MCP-Protocol-Version"), "2026-07-28");
  EXPECT_EQ(gateway_.heads[0].at("Mcp-Method"), "tools/call");
  EXPECT_EQ(gateway_.heads[0].at("Mcp-Name"), "=?base64?w6Q=?=");
}

TEST_F(StdioBridgeTest, EveryRequestIsAnswered) {
  say(R"({"jsonrpc":"2.0","id":5,"method":"babble"})");
  EXPECT_EQ(hear(), R"({"jsonrpc":"2.0","id":5,"error":{"code":-32603,)"
                    R"("message":"the gateway's answer is no JSON-RPC message"}})");
  say(R"({"jsonrpc":"2.0","id":6,"method":"cut"})");
  EXPECT_TRUE(hear().starts_with(R"({"jsonrpc":"2.0","id":6,"error":)"));
  say("{not json");
  EXPECT_TRUE(hear().starts_with(
      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON: a )"));
  server_.reset();
  say(R"({"jsonrpc":"2.0","id":7,"method":"tools/list"})");
  EXPECT_TRUE(hear().starts_with(R"({"jsonrpc":"2.0","id":7,"error":)"));
}

TEST_F(StdioBridgeTest, AResponseIsAnsweredByNothing) {
  say(R"({"jsonrpc":"2.0","id":2,"result":{}})");
  ASSERT_TRUE(run_until([this] { return gateway_.bodies.size() == 1; }));
  say(R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})");
  EXPECT_EQ(hear(), R"({"jsonrpc":"2.0","id":2,"result":{}})");
  EXPECT_EQ(received_, "");
}

TEST_F(StdioBridgeTest, ARequestWhoseIdIsNoneKeepsTheGatewaysRefusal) {
  say(R"({"jsonrpc":"2.0","id":null,"method":"tools/list"})");
  EXPECT_EQ(hear(), R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}})");
}

TEST_F(StdioBridgeTest, TheLastLineNeedsNoEnd) {
  const std::string_view line = R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})";
  ASSERT_TRUE(write_all(client_end_.get(), line));
  client_end_.reset();
  EXPECT_EQ(hear(), R"({"jsonrpc":"2.0","id":2,"result":{}})");
}

TEST_F(StdioBridgeTest, BlankLinesAndNotificationsHaveNoAnswer) {
  say("");
  say(" \r");
  say(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  say(R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})");
  EXPECT_EQ(hear(), R"({"jsonrpc":"2.0","id":2,"result":{}})");
  EXPECT_EQ(gateway_.bodies.size(), 2U);
}

TEST_F(StdioBridgeTest, AStreamThatBreaksOffIsTakenUpAgain) {
  initialize();
  gateway_.rest = "id: e2\ndata: {\"id\":4,\"result\":{}}\n\n";
  say(R"({"jsonrpc":"2.0","id":4,"method":"polled"})");
  EXPECT_EQ(hear(), R"({"id":4,"result":{}})");
  ASSERT_EQ(gateway_.heads.size(), 3U);
  auto& head = gateway_.heads.back();
  EXPECT_EQ(head["Last-Event-ID"], "e1");
  EXPECT_EQ(head["Mcp-Session-Id"], "s1");
  EXPECT_EQ(head["MCP-Protocol-Version"], "2025-06-18");
}

TEST_F(StdioBridgeTest, AStreamThatSaysNothingMoreIsGivenUp) {
  initialize();
  say(R"({"jsonrpc":"2.0","id":4,"method":"polled"})");
  EXPECT_TRUE(hear().contains("the gateway's answer ended before its time"));
  EXPECT_EQ(gateway_.heads.size(), 2U + 5U);
}

TEST_F(StdioBridgeTest, WithoutASessionThereIsNothingToTakeUp) {
  say(R"({"jsonrpc":"2.0","id":4,"method":"polled"})");
  EXPECT_TRUE(hear().contains("the gateway's answer ended before its time"));
  EXPECT_EQ(gateway_.heads.size(), 1U);
}

TEST_F(StdioBridgeTest, InTheModernEraACancellationEndsTheHttpRequest) {
  say(R"({"jsonrpc":"2.0","id":9,"method":"hang","params":{"_meta":)"
      R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})");
  ASSERT_TRUE(run_until([this] { return gateway_.bodies.size() == 1; }));
  say(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}})");
  ASSERT_TRUE(run_until([this] { return gateway_.disconnected == 1; }));
  say(R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})");
  EXPECT_EQ(hear(), R"({"jsonrpc":"2.0","id":2,"result":{}})");  // No answer to the cancelled one.
  EXPECT_EQ(gateway_.bodies.size(), 2U);
}

TEST_F(StdioBridgeTest, ALineWithoutEndIsRefused) {
  const std::string much(std::size_t{64} << 10, 'x');
  ASSERT_EQ(::fcntl(client_end_.get(), F_SETFL, O_NONBLOCK), 0);
  std::size_t said = 0;
  ASSERT_TRUE(run_until([&] {
    const ssize_t n = ::write(client_end_.get(), much.data(), much.size());
    said += n > 0 ? static_cast<std::size_t>(n) : 0;
    return said > kLineBytesMax + much.size() || ended_;
  }));
  EXPECT_TRUE(hear().contains("the line is too long"));
}

}  // namespace
}  // namespace mcpgate::cli
