// The server over real sockets: what is answered, what is refused, who is dropped and when.

#include "http/server.h"

#include <netinet/in.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <vector>

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "http/testing.h"

namespace mcpgate::http {
namespace {

using std::chrono::milliseconds;

std::string post(std::string_view body) {
  return "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

/// Waits on the loop for a test to say go.
class Gate {
 public:
  explicit Gate(asio::io_context& loop) : timer_(loop, SteadyTime::max()) {}
  Task<void> wait() {
    entered = true;
    while (!open_) {
      co_await timer_.async_wait(kAwait);
    }
  }
  void open() {
    open_ = true;
    timer_.cancel();
  }
  std::atomic<bool> entered = false;

 private:
  asio::steady_timer timer_;
  bool open_ = false;
};

TEST(Server, AnswersOverTcpAndUnixSockets) {
  const auto path = socket_path("test");
  std::vector<Listener> listeners;
  listeners.push_back(*listen_tcp("127.0.0.1", 0));
  listeners.push_back(*listen_tcp("::1", 0));
  listeners.push_back(*listen_unix(path));
  for (Listener& listener : listeners) {
    TestServer server({}, std::move(listener));
    std::string peer;
    server.handler.on_request = [&](const Request& request, Responder& responder) {
      peer = request.peer;
      return echo(request, responder);
    };
    server.start();
    RawClient client(server.address);
    client.send(post("hello"));
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, "POST /p hello");
    EXPECT_TRUE(answer.head.contains("\r\nDate: ")) << answer.head;
    const bool is_unix = server.address.starts_with("unix:");
    EXPECT_EQ(peer, is_unix ? "unix" : server.address.starts_with("[::1]") ? "::1" : "127.0.0.1");
  }
  listeners.clear();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Server, KeptConnectionServesManyRequestsOfAllSizes) {
  TestServer server;
  server.start();
  RawClient client(server.address);
  for (const std::size_t size :
       {0UZ, 1UZ, 100UZ, 8000UZ, 8192UZ, 20'000UZ, 1'000'000UZ, 4UZ << 20, 10UZ}) {
    const std::string body(size, 'x');
    client.send(post(body));
    ASSERT_EQ(client.read_answer().body, "POST /p " + body) << size;
  }
}

TEST(Server, PipelinedRequestsAreAnsweredInOrder) {
  TestServer server;
  server.start();
  RawClient client(server.address);
  std::string all;
  for (int i = 0; i < 500; ++i) {
    all += post(std::to_string(i));
  }
  client.send(all);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client.read_answer().body, "POST /p " + std::to_string(i));
  }
}

TEST(Server, RequestByteByByteIsServed) {
  TestServer server;
  server.start();
  RawClient client(server.address);
  const std::string bytes =
      "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n";
  for (const char c : bytes + kGet) {
    client.send({&c, 1});
  }
  EXPECT_EQ(client.read_answer().body, "POST /p abcde");
  EXPECT_EQ(client.read_answer().body, "GET /x ");
}

TEST(Server, LargeChunkedBodyKeepsItsHead) {
  TestServer server;
  server.start();
  RawClient client(server.address);
  const std::string chunk(50'000, 'c');
  std::string bytes = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 20; ++i) {
    bytes += "c350\r\n" + chunk + "\r\n";
  }
  client.send(bytes + "0\r\n\r\n" + kGet);
  EXPECT_EQ(client.read_answer().body.size(), std::string("POST /p ").size() + 1'000'000);
  EXPECT_EQ(client.read_answer().body, "GET /x ");
}

TEST(Server, HeadAnd204HaveNoBody) {
  TestServer server;
  server.start();
  RawClient client(server.address);
  client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.read_until("\r\n\r\n").contains("Content-Length: 8\r\n"));
  server.handler.on_request = [](const Request&, Responder& responder) -> Task<void> {
    responder.send({.status = 204});
    co_return;
  };
  client.send(kGet);
  EXPECT_FALSE(client.read_until("\r\n\r\n").contains("Content-Length"));
}

TEST(Server, OldAndClosingClientsAreAnsweredAndClosed) {
  TestServer server;
  server.start();
  for (const char* request :
       {"GET /x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"}) {
    RawClient client(server.address);
    client.send(request);
    const std::string all = client.read_all();
    EXPECT_TRUE(all.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(all.contains("\r\nConnection: close\r\n"));
    EXPECT_TRUE(all.ends_with("GET /x "));
  }
}

TEST(Server, ContinueIsSaidOnlyWhenTheBodyIsWanted) {
  TestServer server;
  server.start();
  RawClient client(server.address);
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_EQ(client.read_answer().body, "POST /p ok");
  client.send(
      "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
  EXPECT_EQ(client.read_answer().status(), 413);
}

// What the handler would refuse by its head is answered before the body comes, and holds no memory.
TEST(Server, ABodyThatIsNotWantedIsNotWaitedFor) {
  TestServer server;
  server.handler.on_head = [](const Request& head) {
    EXPECT_EQ(head.body, "");
    return head.path != "/no";
  };
  server.start();
  for (const char* framing :
       {"Content-Length: 100000\r\n\r\nxx", "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n"}) {
    RawClient client(server.address);
    client.send("POST /no HTTP/1.1\r\nHost: a\r\n" + std::string(framing));
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.status(), 200) << framing;
    EXPECT_EQ(answer.body, "POST /no ") << framing;
    client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.read_all(), "") << framing;
  }
  RawClient client(server.address);
  client.send("POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok" + post("ok"));
  EXPECT_EQ(client.read_answer().body, "POST /no ok") << "it was there already";
  EXPECT_EQ(client.read_answer().body, "POST /p ok");
}

struct RefusedCase {
  int status;
  std::string bytes;
};

// Each refused request is told to the handler, answered, and its connection closed, even when more
// bytes follow that would make a fine request.
TEST(Server, RefusesAndClosesAndTells) {
  const std::string post_line = "POST /p HTTP/1.1\r\nHost: a\r\n";
  const std::vector<RefusedCase> cases = {
      {400, "garbage\r\n\r\n"},
      {400, post_line + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"},
      {400, post_line + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400, post_line + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
      {400, post_line + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"},
      {400, post_line + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(2000, 'e') + "\r\n"},
      {400, post_line + "X: a\r\n b\r\n\r\n"},
      {400, "POST /p HTTP/1.1\nHost: a\n\n"},
      {400, "GET /p HTTP/1.1\r\n\r\n"},
      {413, post_line + "Content-Length: 4194305\r\n\r\n"},
      {413, post_line + "Transfer-Encoding: chunked\r\n\r\n400001\r\n"},
      {417, post_line + "Expect: wonders\r\n\r\n"},
      {431, post_line + "X: " + std::string(1 << 20, 'h') + "\r\n\r\n"},
      {501, post_line + "Transfer-Encoding: gzip\r\n\r\n"},
      {505, "GET /p HTTP/2.0\r\nHost: a\r\n\r\n"},
  };
  for (const auto& [status, bytes] : cases) {
    TestServer server;
    std::vector<Refusal> refusals;
    std::string method;
    server.handler.on_refusal = [&](const Refusal& refusal) {
      refusals.push_back(refusal);
      method = refusal.method;
    };
    server.start();
    RawClient client(server.address);
    client.send(bytes).send(kGet);
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.status(), status) << bytes.substr(0, 100);
    EXPECT_TRUE(answer.head.contains("Connection: close\r\n"));
    EXPECT_EQ(client.read_all(), "") << bytes.substr(0, 100);
    ASSERT_EQ(refusals.size(), 1);
    EXPECT_EQ(refusals[0].status, status);
    EXPECT_EQ(method, bytes.starts_with("garbage") ? "" : bytes.substr(0, bytes.find(' ')));
  }
}

// A client that sends its 100 MB before it reads must still see why they were refused.
TEST(Server, RefusalOfALargeBodySurvivesTheRestOfIt) {
  TestServer server;
  server.start();
  RawClient client(server.address);
  constexpr std::size_t kSize = std::size_t{100} << 20;
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kSize) +
              "\r\n\r\n");
  const std::string piece(1 << 20, 'x');
  for (std::size_t sent = 0; sent < kSize; sent += piece.size()) {
    client.send(piece);
  }
  EXPECT_EQ(client.read_answer().status(), 413);
}

// Long enough that a client on a busy machine is not late by accident.
constexpr milliseconds kShort{1000};

ServerOptions with_timeouts(milliseconds timeout) {
  ServerOptions options;
  options.limits.head_timeout = options.limits.body_timeout = timeout;
  options.limits.idle_timeout = options.limits.write_timeout = timeout;
  return options;
}

TEST(Server, SlowHeadAndSlowBodyAre408) {
  TestServer server(with_timeouts(kShort));
  std::atomic<int> refusals = 0;
  server.handler.on_refusal = [&](const Refusal&) { ++refusals; };
  server.start();
  RawClient head(server.address);
  head.send("GET /x HT");
  RawClient body(server.address);
  body.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  RawClient chunks(server.address);
  chunks.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
  EXPECT_EQ(head.read_answer().status(), 408);
  EXPECT_EQ(body.read_answer().status(), 408);
  EXPECT_EQ(chunks.read_answer().status(), 408);
  EXPECT_EQ(refusals, 3);
}

// Progress does not help: the whole head has one deadline.
TEST(Server, DrippingClientIsCutOff) {
  TestServer server(with_timeouts(kShort));
  server.start();
  RawClient client(server.address);
  client.send("GET / HTTP/1.1\r\nX: ");
  pollfd ready{client.fd(), POLLIN, 0};
  int drips = 0;
  while (::poll(&ready, 1, 10) == 0) {
    client.send("a");
    ASSERT_LT(++drips, 500);
  }
  EXPECT_EQ(client.read_answer().status(), 408);
}

TEST(Server, IdleConnectionIsClosedSilently) {
  TestServer server(with_timeouts(kShort));
  server.start();
  RawClient never(server.address);
  RawClient once(server.address);
  once.send(kGet);
  EXPECT_EQ(once.read_answer().status(), 200);
  EXPECT_EQ(once.read_all(), "");
  EXPECT_EQ(never.read_all(), "");
}

TEST(Server, ThousandSlowClientsDoNotHurtOthers) {
  TestServer server(with_timeouts(std::chrono::hours(1)));  // Nobody is ended for being slow.
  server.start();
  std::vector<std::unique_ptr<RawClient>> slow;
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  for (int i = 0; i < 1000; ++i) {
    slow.push_back(std::make_unique<RawClient>(server.address));
    slow.back()->send(i % 2 == 0 ? "G"
                                 : "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1");
  }
  ASSERT_TRUE(eventually([&] { return server.connections() == 1000; }));
  RawClient client(server.address);
  for (std::size_t i = 0; i < 100; ++i) {
    for (std::size_t j = 0; j < 10; ++j) {
      slow[i * 10 + j]->send("E");
    }
    client.send(kGet);
    ASSERT_EQ(client.read_answer().status(), 200);
  }
}

TEST(Server, BufferedBytesAreBounded) {
  ServerOptions options;
  options.limits.buffered_bytes_max = std::size_t{64} << 10;
  TestServer server(options);
  server.start();
  RawClient holder(server.address);
  holder.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65000\r\n\r\n" +
              std::string(60'000, 'x'));
  RawClient other(server.address);
  other.send(kGet);
  EXPECT_EQ(other.read_answer().status(), 200) << "small requests need no share";
  RawClient more(server.address);
  more.send(post(std::string(30'000, 'y')));
  EXPECT_EQ(more.read_answer().status(), 503);
  holder.send(std::string(5'000, 'x'));
  EXPECT_EQ(holder.read_answer().status(), 200);
  RawClient again(server.address);
  again.send(post(std::string(30'000, 'y')));
  EXPECT_EQ(again.read_answer().status(), 200) << "the share was given back";
}

TEST(Server, IdleConnectionMakesRoomAtTheLimit) {
  ServerOptions options;
  options.limits.connections_max = 2;
  TestServer server(options);
  server.start();
  RawClient first(server.address);
  first.send(kGet);
  EXPECT_EQ(first.read_answer().status(), 200);
  RawClient second(server.address);
  second.send(kGet);
  EXPECT_EQ(second.read_answer().status(), 200);
  RawClient third(server.address);
  third.send(kGet);
  EXPECT_EQ(third.read_answer().status(), 200);
  EXPECT_EQ(first.read_all(), "") << "the longest idle one left";
}

// As when somebody opens connections and says nothing.
TEST(Server, IdleConnectionsMakeRoomWhenDescriptorsRunOut) {
  TestServer server;
  server.start();
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(std::make_unique<RawClient>(server.address));
    idle.back()->send(kGet);
    EXPECT_EQ(idle.back()->read_answer().status(), 200);
  }
  const UniqueFd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(std::stoi(server.address.substr(server.address.rfind(':') + 1)));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit full{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);
  ASSERT_EQ(::connect(late.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  EXPECT_EQ(idle.front()->read_all(), "") << "the longest idle one left";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_GT(::send(late.get(), kGet.data(), kGet.size(), MSG_NOSIGNAL), 0);
  std::array<char, 64> answer{};
  ASSERT_GT(::recv(late.get(), answer.data(), answer.size(), 0), 0);
  EXPECT_TRUE(std::string_view(answer.data()).starts_with("HTTP/1.1 200 OK"));
}

TEST(Server, HandlerWithoutAnswerAndHandlerThatThrowsAre500) {
  TestServer server;
  server.handler.on_request = [](const Request& request, Responder& responder) -> Task<void> {
    if (request.path == "/throw") {
      responder.send({.status = 200, .body = "half done"});
      throw std::runtime_error("from a library");
    }
    co_return;
  };
  server.start();
  RawClient client(server.address);
  client.send(kGet).send("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_answer().status(), 500);
  EXPECT_EQ(client.read_answer().status(), 500);
}

TEST(Server, AnswerThatWouldForgeAHeaderIsWithheld) {
  TestServer server;
  server.handler.on_request = [](const Request&, Responder& responder) -> Task<void> {
    responder.send({.status = 200, .headers = {{"X", "a\r\nSet-Cookie: b"}}});
    co_return;
  };
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status(), 500);
  EXPECT_FALSE(answer.head.contains("Set-Cookie"));
}

// Streams.

Task<void> count_to_three(const Request&, Responder& responder) {
  Headers headers = {{"Content-Type", "text/event-stream"}};
  (void)co_await responder.begin(200, std::move(headers));
  for (const char* piece : {"one", "two", "three"}) {
    (void)co_await responder.write(piece);
  }
  (void)co_await responder.finish();
}

TEST(Server, StreamIsChunkedAndTheConnectionKept) {
  TestServer server;
  server.handler.on_request = count_to_three;
  server.start();
  RawClient client(server.address);
  for (int i = 0; i < 2; ++i) {
    client.send(kGet);
    EXPECT_TRUE(client.read_until("\r\n\r\n").contains("Transfer-Encoding: chunked\r\n"));
    EXPECT_EQ(client.read_until("0\r\n\r\n"), "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
  }
  RawClient old(server.address);
  old.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.read_all().ends_with("\r\n\r\nonetwothree"));
}

TEST(Server, AStreamAndItsConnectionMayEndBeforeTheHandler) {
  TestServer server;
  Gate gate(server.loop.context());
  std::atomic<bool> told = false;
  server.handler.on_request = [&](const Request&, Responder& responder) -> Task<void> {
    responder.on_disconnect([&told] { told = true; });
    (void)co_await responder.begin(200, {});
    (void)co_await responder.write("so far");
    (void)co_await responder.finish();
    responder.close();
    co_await gate.wait();
  };
  server.start();
  auto client = std::make_unique<RawClient>(server.address);
  client->send(kGet);
  EXPECT_TRUE(client->read_all().ends_with("6\r\nso far\r\n0\r\n\r\n"));
  EXPECT_EQ(server.connections(), 1) << "the handler still runs";
  client.reset();
  EXPECT_TRUE(eventually([&] { return told.load(); }));
  server.loop.call([&] { gate.open(); });
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
}

TEST(Server, EachPieceOfAStreamLeavesAtOnce) {
  TestServer server;
  Gate gate(server.loop.context());
  server.handler.on_request = [&](const Request&, Responder& responder) -> Task<void> {
    (void)co_await responder.begin(200, {});
    co_await gate.wait();
    (void)co_await responder.write("late");
  };
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  server.loop.call([&] { gate.open(); });
  EXPECT_EQ(client.read_all(), "4\r\nlate\r\n") << "cut, since the handler did not finish it";
}

TEST(Server, SlowReaderOfAStreamIsDropped) {
  TestServer server(with_timeouts(kShort));
  std::promise<Error> dropped;
  server.handler.on_request = [&](const Request&, Responder& responder) -> Task<void> {
    (void)co_await responder.begin(200, {});
    const std::string piece(1 << 20, 'x');
    for (;;) {
      if (auto written = co_await responder.write(piece); !written) {
        dropped.set_value(written.error());
        co_return;
      }
    }
  };
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  EXPECT_EQ(dropped.get_future().get().code, ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
}

Task<void> write_piece(Responder& responder, std::atomic<int>& failed) {
  const std::string piece(100'000, 'x');
  if (auto written = co_await responder.write(piece); !written) {
    ++failed;
  }
}

TEST(Server, PiecesOfSeveralWritersAreQueuedUpToALimit) {
  ServerOptions options = with_timeouts(milliseconds(5'000));
  TestServer server(options);
  std::atomic<int> failed = 0;
  std::promise<void> done;
  server.handler.on_request = [&](const Request&, Responder& responder) -> Task<void> {
    (void)co_await responder.begin(200, {});
    Gate written(server.loop.context());
    for (int i = 0; i < 200; ++i) {
      asio::co_spawn(server.loop.context(), write_piece(responder, failed), asio::detached);
    }
    while (failed == 0) {
      asio::steady_timer pause(server.loop.context(), milliseconds(1));
      co_await pause.async_wait(kAwait);
    }
    asio::steady_timer pause(server.loop.context(), milliseconds(20));
    co_await pause.async_wait(kAwait);
    done.set_value();
  };
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  ASSERT_EQ(done.get_future().wait_for(milliseconds(kPatienceMs)), std::future_status::ready);
  EXPECT_GE(failed, 1);
}

// Disconnects.

struct DisconnectProbe {
  explicit DisconnectProbe(TestServer& server) : gate(server.loop.context()) {
    server.handler.on_request = [this](const Request&, Responder& responder) -> Task<void> {
      responder.on_disconnect([this] {
        ++calls;
        gate.open();
      });
      co_await gate.wait();
      responder.send({.status = 200, .body = "done"});
    };
  }
  Gate gate;
  std::atomic<int> calls = 0;
};

TEST(Server, DisconnectIsTold) {
  TestServer server;
  DisconnectProbe probe(server);
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  ASSERT_TRUE(eventually([&] { return probe.gate.entered.load(); }));
  EXPECT_EQ(probe.calls, 0);
  client.close();
  ASSERT_TRUE(eventually([&] { return server.connections() == 0; }));
  EXPECT_EQ(probe.calls, 1);
}

TEST(Server, DisconnectIsToldThoughARequestIsQueued) {
  TestServer server;
  DisconnectProbe probe(server);
  server.start();
  RawClient client(server.address);
  client.send(kGet + post(std::string(100'000, 'x')));
  ASSERT_TRUE(eventually([&] { return probe.gate.entered.load(); }));
  client.send(kGet);
  EXPECT_EQ(probe.calls, 0);
  client.close();
  ASSERT_TRUE(eventually([&] { return server.connections() == 0; }));
  EXPECT_GE(probe.calls, 1);
}

TEST(Server, DisconnectBeforeTheQuestionIsTold) {
  TestServer server;
  Gate ask(server.loop.context());
  std::atomic<int> calls = 0;
  server.handler.on_request = [&](const Request&, Responder& responder) -> Task<void> {
    co_await ask.wait();
    Gate told(server.loop.context());
    responder.on_disconnect([&] {
      ++calls;
      told.open();
    });
    co_await told.wait();
  };
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  ASSERT_TRUE(eventually([&] { return ask.entered.load(); }));
  client.close();
  server.loop.call([&] { ask.open(); });
  ASSERT_TRUE(eventually([&] { return server.connections() == 0; }));
  EXPECT_EQ(calls, 1);
}

TEST(Server, DisconnectIsToldOnASecondRequestToo) {
  TestServer server;
  std::atomic<int> calls = 0;
  DisconnectProbe probe(server);
  const auto slow = server.handler.on_request;
  server.handler.on_request = [&](const Request& request, Responder& responder) -> Task<void> {
    if (request.path == "/x") {
      responder.on_disconnect([&] { ++calls; });
      co_await echo(request, responder);
    } else {
      co_await slow(request, responder);
    }
  };
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  EXPECT_EQ(client.read_answer().status(), 200);
  client.send(post(""));
  ASSERT_TRUE(eventually([&] { return probe.gate.entered.load(); }));
  client.close();
  ASSERT_TRUE(eventually([&] { return server.connections() == 0; }));
  EXPECT_EQ(calls, 0) << "that request was over";
  EXPECT_EQ(probe.calls, 1);
}

// Draining.

TEST(Server, DrainFinishesWhatIsInFlightAndClosesWhatIsIdle) {
  TestServer server;
  Gate gate(server.loop.context());
  server.handler.on_request = [&](const Request& request, Responder& responder) -> Task<void> {
    if (request.method == "POST") {
      co_await gate.wait();
    }
    co_await echo(request, responder);
  };
  server.start();
  RawClient idle(server.address);
  idle.send(kGet);
  EXPECT_EQ(idle.read_answer().status(), 200);
  RawClient busy(server.address);
  busy.send(post("in flight"));
  ASSERT_TRUE(eventually([&] { return gate.entered.load(); }));
  auto drained = asio::co_spawn(
      server.loop.context(),
      server.server->drain(std::chrono::steady_clock::now() + milliseconds(kPatienceMs)),
      asio::use_future);
  EXPECT_EQ(idle.read_all(), "");
  server.loop.call([&] { gate.open(); });
  const auto answer = busy.read_answer();
  EXPECT_EQ(answer.body, "POST /p in flight");
  EXPECT_TRUE(answer.head.contains("Connection: close\r\n"));
  ASSERT_EQ(drained.wait_for(milliseconds(kPatienceMs)), std::future_status::ready);
  EXPECT_EQ(server.connections(), 0);
}

// The loop has not accepted yet: the kernel has. Over TCP and unix sockets alike.
TEST(Server, DrainServesWhatTheKernelHadAccepted) {
  const auto path = socket_path("drain");
  for (int kind = 0; kind < 2; ++kind) {
    TestServer server({}, kind == 0 ? *listen_tcp("127.0.0.1", 0) : *listen_unix(path));
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 50; ++i) {
      clients.push_back(std::make_unique<RawClient>(server.address));
    }
    for (int i = 0; i < 25; ++i) {
      clients[static_cast<std::size_t>(i)]->send(kGet);
    }
    auto drained = asio::co_spawn(
        server.loop.context(),
        server.server->drain(std::chrono::steady_clock::now() + milliseconds(kPatienceMs)),
        asio::use_future);
    for (std::size_t i = 25; i < 50; ++i) {
      clients[i]->send(kGet);
    }
    for (auto& client : clients) {
      EXPECT_EQ(client->read_answer().status(), 200);
    }
    ASSERT_EQ(drained.wait_for(milliseconds(kPatienceMs)), std::future_status::ready);
  }
}

TEST(Server, DrainCutsAtItsDeadline) {
  TestServer server;
  DisconnectProbe probe(server);
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  ASSERT_TRUE(eventually([&] { return probe.gate.entered.load(); }));
  server.loop.run(server.server->drain(std::chrono::steady_clock::now() + milliseconds(150)));
  EXPECT_EQ(probe.calls, 1) << "a cut is told like a disconnect";
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(server.connections(), 0);
}

// Listening.

TEST(Listen, UnixSocketIsPrivateReplacedWhenStaleAndRefusedWhenLive) {
  const auto path = socket_path("listen");
  std::filesystem::remove(path);
  {
    const auto live = listen_unix(path);
    ASSERT_TRUE(live);
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const auto second = listen_unix(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  // Stale: bound, and closed without being removed.
  const auto other = socket_path("moved");
  {
    const auto moved = listen_unix(other);
    std::filesystem::rename(other, path);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(listen_unix(path));
  EXPECT_FALSE(listen_unix(std::string(108, 'a')));
}

TEST(Listen, TcpSocketsShareAPortAndOthersAreRefused) {
  const auto first = listen_tcp("127.0.0.1", 0);
  ASSERT_TRUE(first);
  EXPECT_NE(first->port(), 0);
  EXPECT_FALSE(listen(first->address())) << "not by whoever asks";
  const auto second = first->another();
  ASSERT_TRUE(second);
  EXPECT_FALSE(listen(first->address()));
  EXPECT_TRUE(second->another());
  EXPECT_EQ(second->port(), first->port());
  EXPECT_TRUE(listen("localhost:0"));
  EXPECT_TRUE(listen("[::1]:0"));
  for (const char* address : {"", "8080", "example.com:80", "127.0.0.1:x", "127.0.0.1:70000"}) {
    EXPECT_FALSE(listen(address)) << address;
  }
}

}  // namespace
}  // namespace mcpgate::http
