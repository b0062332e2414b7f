// A request to the daemon under /execute, over a real socket: head, signature, ExecuteApi, and the
// decision whether a child is started. It never is, since the set has no place for a call; so every
// answer is a refusal.
//
// An input is `KEY METHOD\nREST\nCALL-ID\nBODY`, without the space: signed where KEY is `s`, to
// the path /executeREST.

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <boost/asio/co_spawn.hpp>

#include "http/listen.h"
#include "http/server.h"
#include "sandbox/signature.h"
#include "sandboxd/sandbox_api.h"

namespace {

using namespace mcpgate;            // NOLINT: what is tested
using namespace mcpgate::sandboxd;  // NOLINT

constexpr std::string_view kInstance = "instance";
const std::string kDigest = "sha256:" + std::string(64, 'a');

std::shared_ptr<Version> make_version() {
  auto version = std::make_shared<Version>();
  version->limits.in_flight = 0;
  version->limits.queue = 0;
  version->tools["t"] = {.file = "t.py", .digest = kDigest};
  version->tools["w"] = {.file = "w.py", .digest = kDigest, .has_workspace = true};
  version->resources["t"] = {.file = "t.py", .digest = kDigest};
  return version;
}

/// None may be detached, so that nothing is kept.
std::unique_ptr<DetachedCalls> open_without_folder(asio::io_context& loop, const Clock& clock) {
  std::unique_ptr<DetachedCalls> opened;
  asio::co_spawn(
      loop, DetachedCalls::open(loop, {}, clock),
      [&opened](const std::exception_ptr&, auto result) { opened = *std::move(result); });
  loop.run();
  loop.restart();
  return opened;
}

/// Made once; each input gets a connection of its own.
struct World {
  World() {
    std::string name = (std::filesystem::temp_directory_path() / "fuzz-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    auto listener = http::listen("unix:" + (folder / "s").string());
    server = std::make_unique<http::Server>(loop, *std::move(listener), api, http::ServerOptions{});
    server->start();
    catalogue.put_in_force(make_version());
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    server.reset();
    std::filesystem::remove_all(folder);
  }

  ManualClock clock;
  SystemRandom random;
  asio::io_context loop;
  sandbox::SigningKeys keys =
      *sandbox::SigningKeys::parse(sandbox::SigningKeys::create_text(random), "key");
  sandbox::Verifier verifier{keys, std::string(kInstance), clock};
  Catalogue catalogue{loop, {}};
  std::shared_ptr<CallQueue> queue = std::make_shared<CallQueue>(loop, CallQueue::Bounds{});
  std::unique_ptr<DetachedCalls> detached = open_without_folder(loop, clock);
  SandboxApi api{loop, catalogue, *queue, *detached, verifier, clock};
  std::filesystem::path folder;
  std::unique_ptr<http::Server> server;
};

std::string_view take_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

std::string write_request(World& world, std::string_view input) {
  const bool is_signed = input.front() == 's';
  input.remove_prefix(1);
  const std::string_view method = take_line(input);
  const std::string target = fmt::format("/execute{}", take_line(input));
  const std::string_view call_id = take_line(input);
  std::string text = fmt::format(
      "{} {} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: {}\r\n"
      "Accept: application/x-ndjson\r\n",
      method, target, input.size());
  if (is_signed) {
    text += fmt::format("{}: {}\r\n{}: {}\r\n{}: {}\r\n", sandbox::kSignatureHeader,
                        sandbox::sign(world.keys.signing(),
                                      {.method = method,
                                       .path = target,
                                       .call_id = call_id,
                                       .instance = kInstance,
                                       .body = input},
                                      world.clock.wall_now()),
                        sandbox::kInstanceHeader, kInstance, sandbox::kCallHeader, call_id);
  }
  return fmt::format("{}\r\n{}", text, input);
}

UniqueFd connect(const World& world) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  (world.folder / "s").string().copy(address.sun_path, sizeof address.sun_path - 1);
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::abort();
  }
  return socket;
}

/// Until the daemon closes the connection.
std::string ask(World& world, std::string_view request) {
  const UniqueFd socket = connect(world);
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    std::abort();
  }
  std::string answer;
  std::array<char, 4096> piece;
  for (;;) {
    world.loop.poll();
    const ssize_t got = ::recv(socket.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got > 0) {
      answer.append(piece.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EAGAIN) {
      return answer;
    } else {
      world.loop.run_one();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kBytesMax = 32768;  // What a socket takes at once.
  if (size == 0 || size > kBytesMax) {
    return 0;
  }
  static World world;
  world.clock.advance(std::chrono::milliseconds(20));
  const std::string request = write_request(world, {reinterpret_cast<const char*>(data), size});
  const std::string answer = ask(world, request);
  if (!answer.starts_with("HTTP/1.1 4") && !answer.starts_with("HTTP/1.1 5")) {
    std::fprintf(stderr, "%s\n%s\n", request.c_str(), answer.c_str());
    std::abort();
  }
  return 0;
}
