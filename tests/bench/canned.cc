// A sandbox that does no work, for measuring the gateway in front of it: one thread, epoll, TCP and
// a unix socket. It answers GET /tools with one manifest (and holds the long poll, as a daemon
// does) and every POST with one result of about 2 KB. Signatures are not looked at. For nginx it is
// an ordinary upstream. Usage: canned PORT SOCKET MANIFEST-FILE ANSWER-FILE

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kEventsMax = 256;

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string answer(std::string_view body, std::string_view more) {
  std::string out = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
  out += more;
  out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  out += body;
  return out;
}

// The number after `Content-Length:` of a head whose sender we know; 0 where there is none.
std::size_t content_length(std::string_view head) {
  for (std::string_view name : {"\r\nContent-Length:", "\r\ncontent-length:"}) {
    if (auto at = head.find(name); at != std::string_view::npos) {
      return std::strtoul(head.data() + at + name.size(), nullptr, 10);
    }
  }
  return 0;
}

int listen_tcp(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 1024) != 0) {
    perror("listen tcp");
    std::exit(1);
  }
  return fd;
}

int listen_unix(const char* path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  unlink(path);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 1024) != 0) {
    perror("listen unix");
    std::exit(1);
  }
  return fd;
}

class Server {
 public:
  Server(std::string tools, std::string result)
      : tools_(std::move(tools)),
        result_(std::move(result)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  void add(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  [[noreturn]] void run(int tcp, int local) {
    add(tcp);
    add(local);
    epoll_event events[kEventsMax];
    while (true) {
      const int count = epoll_wait(epoll_, events, kEventsMax, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == tcp || fd == local) {
          accept_all(fd);
        } else {
          serve(fd);
        }
      }
    }
  }

 private:
  void accept_all(int listener) {
    const int one = 1;
    int fd = -1;
    while ((fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // Fails on a unix socket.
      add(fd);
    }
  }

  void serve(int fd) {
    char buffer[kReadBytes];
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) {
      pending_.erase(fd);
      close(fd);
      return;
    }
    std::string& input = pending_[fd];
    input.append(buffer, static_cast<std::size_t>(got));
    std::string out;
    while (take_request(input, out)) {
    }
    if (!write_all(fd, out)) {
      pending_.erase(fd);
      close(fd);
    }
  }

  // Waits where the reader is slow: only a long manifest is more than a socket takes at once.
  static bool write_all(int fd, std::string_view out) {
    while (!out.empty()) {
      const ssize_t sent = write(fd, out.data(), out.size());
      if (sent < 0 && errno != EAGAIN) {
        return false;
      }
      out.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
      if (!out.empty()) {
        pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
        poll(&room, 1, -1);
      }
    }
    return true;
  }

  // Takes one whole request off `input` and appends its answer to `out`.
  bool take_request(std::string& input, std::string& out) const {
    const auto end = input.find("\r\n\r\n");
    if (end == std::string::npos) {
      return false;
    }
    const std::string_view head(input.data(), end);
    const std::size_t whole = end + 4 + content_length(head);
    if (input.size() < whole) {
      return false;
    }
    const bool long_poll = head.find("wait=") < head.find("\r\n") &&
                           (head.find("If-None-Match") != std::string_view::npos ||
                            head.find("if-none-match") != std::string_view::npos);
    if (head.starts_with("POST ")) {
      out += result_;
    } else if (!long_poll) {  // A long poll is never answered: nothing changes here.
      out += tools_;
    }
    input.erase(0, whole);
    return true;
  }

  std::string tools_;
  std::string result_;
  int epoll_;
  std::unordered_map<int, std::string> pending_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: canned PORT SOCKET MANIFEST-FILE ANSWER-FILE\n", stderr);
    return 2;
  }
  Server server(answer(read_file(argv[3]), "ETag: \"canned\"\r\n"), answer(read_file(argv[4]), ""));
  server.run(listen_tcp(std::atoi(argv[1])), listen_unix(argv[2]));
}
