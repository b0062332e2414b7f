// The client against our server, and against sockets that answer whatever a test wants.

#include "http/client.h"

#include <atomic>
#include <filesystem>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "http/testing.h"

namespace mcpgate::http {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBodyMax = std::size_t{8} << 20;

/// A client on a loop of its own.
class TestClient {
 public:
  explicit TestClient(const std::string& url, ClientOptions options = {}) {
    loop.call([&] {
      client = std::make_unique<Client>(loop.context(), *Endpoint::parse(url), std::move(options));
    });
  }
  ~TestClient() {
    loop.call([this] { client.reset(); });
    loop.stop();
  }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;
  Expected<ClientResponse> fetch(ClientRequest request, std::size_t body_max = kBodyMax) {
    return loop.run(client->fetch(request, body_max));
  }
  std::size_t connections() {
    std::size_t count = 0;
    loop.call([&] { count = client->connections(); });
    return count;
  }

  LoopThread loop;
  std::unique_ptr<Client> client;
};

/// Accepts connections one after the other and does with each what the test says.
class Scripted {
 public:
  using Script = std::function<void(int fd, int number)>;

  explicit Scripted(Script script) : listener_(*listen_tcp("127.0.0.1", 0)) {
    thread_ = std::thread([this, script = std::move(script)] {
      for (int number = 0;; ++number) {
        pollfd ready{listener_.fd(), POLLIN, 0};
        ::poll(&ready, 1, -1);
        UniqueFd fd(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd || stopped_) {
          return;
        }
        ++accepted;
        script(fd.get(), number);
        fd.reset();
        ++closed;
      }
    });
  }
  ~Scripted() {
    stopped_ = true;
    {
      const RawClient wake(listener_.address());
    }
    thread_.join();
  }
  Scripted(const Scripted&) = delete;
  Scripted& operator=(const Scripted&) = delete;
  [[nodiscard]] std::string url() const { return "http://" + listener_.address(); }
  std::atomic<int> accepted = 0;
  std::atomic<int> closed = 0;

 private:
  Listener listener_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

std::string read_request(int fd) {
  std::string bytes;
  char piece[4096];
  while (!bytes.contains("\r\n\r\n")) {
    const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    if (n <= 0) {
      break;
    }
    bytes.append(piece, static_cast<std::size_t>(n));
  }
  return bytes;
}

void say(int fd, std::string_view bytes) {
  (void)::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

/// One answer for all, then the connection is closed.
Scripted::Script answers(std::string bytes) {
  return [bytes = std::move(bytes)](int fd, int) {
    (void)read_request(fd);
    say(fd, bytes);
  };
}

ClientRequest post(std::string_view body) {
  return {.method = "POST", .target = "/p", .body = body};
}

TEST(Client, FetchesAndKeepsItsConnection) {
  const auto path = socket_path("client");
  for (int kind = 0; kind < 2; ++kind) {
    TestServer server({}, kind == 0 ? *listen_tcp("127.0.0.1", 0) : *listen_unix(path));
    server.start();
    TestClient client(kind == 0 ? "http://" + server.address : server.address);
    for (const std::size_t size : {0UZ, 10UZ, 100'000UZ, 4UZ << 20, 10UZ}) {
      const std::string body(size, 'b');
      const auto response = client.fetch(post(body));
      ASSERT_TRUE(response) << response.error().message;
      EXPECT_EQ(response->status, 200);
      EXPECT_EQ(response->body, "POST /p " + body);
    }
    EXPECT_EQ(client.connections(), 1);
    EXPECT_EQ(server.connections(), 1);
  }
}

TEST(Client, NameIsResolved) {
  TestServer server;
  server.start();
  TestClient client("http://localhost:" + server.address.substr(server.address.rfind(':') + 1));
  EXPECT_TRUE(client.fetch(post("x")));
  TestClient unknown("http://name.invalid");
  const auto response = unknown.fetch(post("x"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
}

Task<std::vector<std::string>> read_pieces(Client& client, ClientRequest request) {
  std::vector<std::string> pieces;
  Exchange exchange(client);
  auto head = co_await exchange.send(request);
  EXPECT_TRUE(head);
  for (;;) {
    auto piece = co_await exchange.read();
    EXPECT_TRUE(piece);
    if (!piece || piece->empty()) {
      EXPECT_EQ(head->header("x-stream"), "yes") << "the head lives as long as the exchange";
      co_return pieces;
    }
    pieces.emplace_back(*piece);
  }
}

TEST(Client, StreamArrivesPieceByPiece) {
  TestServer server;
  server.handler.on_request = [](const Request&, Responder& responder) -> Task<void> {
    (void)co_await responder.begin(200, {{"X-Stream", "yes"}});
    for (int i = 0; i < 100; ++i) {
      (void)co_await responder.write(std::string(1000, 's'));
    }
    (void)co_await responder.finish();
  };
  server.start();
  TestClient client("http://" + server.address);
  for (int i = 0; i < 2; ++i) {
    std::size_t total = 0;
    for (const auto& piece : client.loop.run(read_pieces(*client.client, post("")))) {
      total += piece.size();
    }
    EXPECT_EQ(total, 100'000);
  }
  EXPECT_EQ(client.connections(), 1) << "a stream read to its end leaves the connection usable";
}

TEST(Client, AnswerForHeadAndEmptyAnswersEndAtOnce) {
  TestServer server;
  server.start();
  TestClient client("http://" + server.address);
  const auto head = client.fetch({.method = "HEAD", .target = "/x"});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->body, "");
  EXPECT_TRUE(client.fetch(post("x")));
  EXPECT_EQ(client.connections(), 1);
}

TEST(Client, InterimAnswersAreSkipped) {
  Scripted server(answers(
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  TestClient client(server.url());
  EXPECT_EQ(client.fetch(post("x"))->body, "ok");
}

TEST(Client, AnswerUntilCloseIsRead) {
  Scripted server(answers("HTTP/1.0 200 OK\r\n\r\nall of it"));
  TestClient client(server.url());
  EXPECT_EQ(client.fetch(post("x"))->body, "all of it");
  EXPECT_EQ(client.connections(), 0);
}

TEST(Client, BadAnswersAreErrors) {
  for (const std::string& bytes : {
           std::string("nonsense\r\n\r\n"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"),
           std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"),
           std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
           std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
           std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
           std::string("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
           "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n",
           std::string(""),
       }) {
    Scripted server(answers(bytes));
    TestClient client(server.url());
    const auto response = client.fetch(post("x"));
    ASSERT_FALSE(response) << bytes;
    EXPECT_EQ(response.error().code, ErrorCode::kUnavailable) << response.error().message;
    EXPECT_EQ(client.connections(), 0);
  }
}

TEST(Client, BodyIsBounded) {
  Scripted server(answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
  TestClient client(server.url());
  EXPECT_EQ(client.fetch(post("x"), 4).error().code, ErrorCode::kResourceExhausted);
}

TEST(Client, RequestThatWouldForgeAHeaderIsRefused) {
  TestClient client("http://127.0.0.1:1");
  const Header forged[] = {{"X", "a\r\nY: b"}};
  EXPECT_EQ(client.fetch({.target = "/", .headers = forged}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(client.fetch({.target = "/ HTTP/1.1\r\nX: y"}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(client.fetch({.method = "GET /", .target = "/"}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(Client, ClosedPortIsUnavailable) {
  auto listener = listen_tcp("127.0.0.1", 0);
  const std::string url = "http://" + listener->address();
  *listener = Listener();
  TestClient client(url);
  EXPECT_EQ(client.fetch(post("x")).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client.connections(), 0);
}

TEST(Client, DeadlineEndsAWaitForHeadOrBody) {
  for (const char* begin : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"}) {
    std::promise<void> finish;
    auto finished = finish.get_future().share();
    Scripted server([&](int fd, int) {
      (void)read_request(fd);
      say(fd, begin);
      finished.wait();
    });
    TestClient client(server.url());
    ClientRequest request = post("x");
    request.deadline = std::chrono::steady_clock::now() + milliseconds(50);
    const auto response = client.fetch(request);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::kDeadlineExceeded);
    finish.set_value();
  }
}

// The server closes each connection after one answer: the pool must notice, every time.
TEST(Client, StaleConnectionIsReplaced) {
  Scripted server(answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  TestClient client(server.url());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.fetch(post("x")));
    ASSERT_TRUE(eventually([&] { return server.closed == i + 1; }));
    EXPECT_EQ(server.accepted, i + 1);
  }
}

// The server takes a second request on the kept connection and closes without an answer: it may
// have done what was asked.
Scripted::Script dies_at_second_request() {
  return [](int fd, int number) {
    (void)read_request(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    if (number == 0) {
      (void)read_request(fd);
    }
  };
}

TEST(Client, RequestThatMayHaveBeenProcessedIsNotRepeated) {
  Scripted server(dies_at_second_request());
  TestClient client(server.url());
  ASSERT_TRUE(client.fetch(post("first")));
  EXPECT_EQ(client.fetch(post("second")).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server.accepted, 1);
}

TEST(Client, IdempotentRequestIsRepeatedOnce) {
  Scripted server(dies_at_second_request());
  TestClient client(server.url());
  ASSERT_TRUE(client.fetch(post("first")));
  ClientRequest request = post("second");
  request.idempotent = true;
  EXPECT_TRUE(client.fetch(request));
  EXPECT_EQ(server.accepted, 2);
}

TEST(Client, FreshConnectionThatFailsIsNotRepeated) {
  Scripted server([](int fd, int) { (void)read_request(fd); });
  TestClient client(server.url());
  ClientRequest request = post("x");
  request.idempotent = true;
  EXPECT_FALSE(client.fetch(request));
  EXPECT_EQ(server.accepted, 1);
}

TEST(Client, ConnectionsAreBounded) {
  std::promise<void> finish;
  auto finished = finish.get_future().share();
  Scripted server([&](int fd, int number) {
    if (number == 0) {
      (void)read_request(fd);
      finished.wait();
    }
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  TestClient client(server.url(), {.connections_max = 1});
  const ClientRequest request = post("x");
  auto first = asio::co_spawn(client.loop.context(), client.client->fetch(request, kBodyMax),
                              asio::use_future);
  ASSERT_TRUE(eventually([&] { return server.accepted == 1; }));
  EXPECT_EQ(client.fetch(post("y")).error().code, ErrorCode::kResourceExhausted);
  finish.set_value();
  EXPECT_TRUE(first.get());
}

TEST(Client, IdleConnectionsAreClosedInTime) {
  TestServer server;
  server.start();
  TestClient client("http://" + server.address, {.idle_timeout = milliseconds(20)});
  ASSERT_TRUE(client.fetch(post("x")));
  EXPECT_TRUE(eventually([&] { return client.connections() == 0; }));
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
}

Task<Error> wait_for_answer(Exchange& exchange, ClientRequest request) {
  auto head = co_await exchange.send(request);
  if (!head) {
    co_return head.error();
  }
  auto body = co_await exchange.read_all(kBodyMax);
  co_return body ? Error{ErrorCode::kInternal, "answered"} : body.error();
}

TEST(Client, AbortEndsPendingAwaitsAndTheConnection) {
  for (const char* begin : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"}) {
    std::atomic<bool> asked = false;
    std::atomic<bool> closed = false;
    Scripted server([&](int fd, int) {
      (void)read_request(fd);
      say(fd, begin);
      asked = true;
      char byte = 0;
      closed = ::recv(fd, &byte, 1, 0) <= 0;
    });
    TestClient client(server.url());
    std::unique_ptr<Exchange> exchange;
    client.loop.call([&] { exchange = std::make_unique<Exchange>(*client.client); });
    auto waiting = asio::co_spawn(client.loop.context(), wait_for_answer(*exchange, post("x")),
                                  asio::use_future);
    ASSERT_TRUE(eventually([&] { return asked.load(); }));
    client.loop.call([&] { exchange->abort(); });
    EXPECT_EQ(waiting.get().code, ErrorCode::kCancelled);
    client.loop.call([&] { exchange.reset(); });
    EXPECT_TRUE(eventually([&] { return closed.load(); }));
    EXPECT_EQ(client.connections(), 0);
  }
}

TEST(Client, AbortBeforeSendIsCancelled) {
  TestClient client("http://127.0.0.1:1");
  std::unique_ptr<Exchange> exchange;
  client.loop.call([&] {
    exchange = std::make_unique<Exchange>(*client.client);
    exchange->abort();
  });
  EXPECT_EQ(client.loop.run(wait_for_answer(*exchange, post("x"))).code, ErrorCode::kCancelled);
  client.loop.call([&] { exchange.reset(); });
}

Task<void> send_and_drop(Client& client, ClientRequest request) {
  Exchange exchange(client);
  EXPECT_TRUE(co_await exchange.send(request));
}

TEST(Client, DroppedExchangeClosesItsConnection) {
  std::atomic<bool> closed = false;
  Scripted server([&](int fd, int) {
    (void)read_request(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    char byte = 0;
    closed = ::recv(fd, &byte, 1, 0) <= 0;
  });
  TestClient client(server.url());
  client.loop.run(send_and_drop(*client.client, post("x")));
  EXPECT_TRUE(eventually([&] { return closed.load(); }));
  EXPECT_EQ(client.connections(), 0);
}

}  // namespace
}  // namespace mcpgate::http
