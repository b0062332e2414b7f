#pragma once

// What the tests of this folder share: a server on a loop of its own thread, and a client that is
// nothing but a blocking socket, since what is sent must be exactly what the test says.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>

#include "http/client_pool.h"
#include "http/server.h"

namespace mcpgate::http {

/// A loop on its own thread until destroyed. Declare it before what lives on it.
class LoopThread {
 public:
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  LoopThread() : thread_([this] { context_.run(); }) {}
  ~LoopThread() { stop(); }

  [[nodiscard]] asio::io_context& context() { return context_; }

  /// Runs `task` on the loop and waits for its value.
  template <class T = void>
  T run(Task<T> task) {
    return asio::co_spawn(context_, std::move(task), asio::use_future).get();
  }
  /// Runs a plain function on the loop.
  void call(std::function<void()> function) {
    std::promise<void> done;
    asio::post(context_, [&] {
      function();
      done.set_value();
    });
    done.get_future().get();
  }
  void stop() {
    context_.stop();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_;
};

/// A handler made of functions.
class TestHandler final : public Handler {
 public:
  std::function<Task<void>(const Request&, Responder&)> on_request;
  std::function<void(const Refusal&)> on_refusal;
  std::function<bool(const Request&)> on_head;

  bool wants_body(const Request& head) override { return !on_head || on_head(head); }
  Task<void> handle(const Request& request, Responder& responder) override {
    co_await on_request(request, responder);
  }
  Response refused(const Refusal& refusal) override {
    if (on_refusal) {
      on_refusal(refusal);
    }
    return Handler::refused(refusal);
  }
};

/// Answers `METHOD PATH BODY`.
inline Task<void> echo(const Request& request, Responder& responder) {
  Response response;
  response.body = std::string(request.method) + " " + std::string(request.path) + " " +
                  std::string(request.body);
  responder.send(std::move(response));
  co_return;
}

/// A server on a free port, or wherever `listener` listens.
class TestServer {
 public:
  explicit TestServer(ServerOptions options = {}, Listener listener = *listen_tcp("127.0.0.1", 0))
      : address(listener.address()) {
    handler.on_request = echo;
    loop.call([&] {
      server = std::make_unique<Server>(loop.context(), std::move(listener), handler,
                                        std::move(options));
    });
  }
  ~TestServer() {
    loop.call([this] { server.reset(); });
    loop.stop();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  TestServer& start() {
    loop.call([this] { server->start(); });
    return *this;
  }
  std::size_t connections() {
    std::size_t count = 0;
    loop.call([&] { count = server->connections(); });
    return count;
  }

  TestHandler handler;
  LoopThread loop;
  std::unique_ptr<Server> server;
  std::string address;
};

/// How long a test waits for what must happen.
inline constexpr int kPatienceMs = 60'000;

/// A path for a socket of this process alone.
inline std::filesystem::path socket_path(std::string_view name) {
  return std::filesystem::temp_directory_path() /
         ("mcpgate-http-" + std::to_string(::getpid()) + "-" + std::string(name) + ".sock");
}

/// A blocking socket.
class RawClient {
 public:
  explicit RawClient(const std::string& address) {
    const bool is_unix = address.starts_with("unix:");
    const Endpoint endpoint = *Endpoint::parse(is_unix ? address : "http://" + address);
    LoopThread loop;
    const SocketAddress to = (*loop.run(Resolution(loop.context()).resolve(endpoint)))[0];
    fd_ = UniqueFd(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length), 0);
  }

  RawClient& send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        break;
      }
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return *this;
  }
  void half_close() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Everything until `end` has been received, or the peer's end.
  std::string read_until(std::string_view end) {
    while (!received_.contains(end) && read_more()) {
    }
    const std::size_t at = received_.find(end);
    const std::size_t size = at == std::string::npos ? received_.size() : at + end.size();
    std::string result = received_.substr(0, size);
    received_.erase(0, size);
    return result;
  }
  /// Everything until the peer's end.
  std::string read_all() {
    while (read_more()) {
    }
    return std::exchange(received_, {});
  }
  /// One answer with Content-Length: its status line, and its body.
  struct Answer {
    std::string head;
    std::string body;
    [[nodiscard]] int status() const { return head.size() > 12 ? std::stoi(head.substr(9, 3)) : 0; }
  };
  Answer read_answer() {
    Answer answer;
    answer.head = read_until("\r\n\r\n");
    const std::size_t at = answer.head.find("Content-Length: ");
    if (at != std::string::npos) {
      const std::size_t size = std::stoul(answer.head.substr(at + 16));
      while (received_.size() < size && read_more()) {
      }
      answer.body = received_.substr(0, size);
      received_.erase(0, answer.body.size());
    }
    return answer;
  }

 private:
  bool read_more() {
    pollfd ready{fd_.get(), POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) != 1) {
      ADD_FAILURE() << "nothing received in time";
      return false;
    }
    char bytes[65536];
    const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n <= 0) {
      return false;
    }
    received_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  UniqueFd fd_;
  std::string received_;
};

/// Waits until `condition` holds.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline const std::string kGet = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace mcpgate::http
