// mcpgate-broker NAME FILE: the one process that holds the secret of one connection of a tool set.
// The daemon, at the other end of descriptor 3, sends a query; it answers, and waits for the next.
// When the daemon hangs up it ends, and cancels what runs in the database.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/file.h"
#include "sandboxd/broker/postgres.h"
#include "sandboxd/frame.h"

namespace mcpgate::broker {

namespace {

using sandboxd::FrameType;

/// The daemon's end of it is in brokers.cc.
constexpr int kSocket = 3;
/// libpq takes each row into memory whole, however long.
#if __has_feature(address_sanitizer)
constexpr rlim_t kAddressSpaceBytes = RLIM_INFINITY;  // Its shadow alone has terabytes.
#else
constexpr rlim_t kAddressSpaceBytes = rlim_t{1} << 30;
#endif

/// Before any secret is read: nobody may look at it, in memory or in a core file.
bool harden() {
  const rlimit no_core{0, 0};
  const rlimit memory{kAddressSpaceBytes, kAddressSpaceBytes};
  // The terminal's signals are for the daemon, which lets its calls finish.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  return ::prctl(PR_SET_DUMPABLE, 0) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::setrlimit(RLIMIT_CORE, &no_core) == 0 && ::setrlimit(RLIMIT_AS, &memory) == 0;
}

/// False at the end of the stream.
bool read_exactly(char* out, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t size = ::read(kSocket, out, bytes);
    if (size <= 0 && (size == 0 || errno != EINTR)) {
      return false;
    }
    out += std::max<ssize_t>(size, 0);
    bytes -= static_cast<std::size_t>(std::max<ssize_t>(size, 0));
  }
  return true;
}

/// The next request of the daemon; nothing where there is none.
std::optional<std::string> read_request() {
  std::array<char, sandboxd::kFrameHeaderBytes> header{};
  if (!read_exactly(header.data(), header.size()) ||
      static_cast<FrameType>(header.back()) != FrameType::kRequest) {
    return std::nullopt;
  }
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < sizeof size; ++i) {
    size |= std::uint32_t{static_cast<unsigned char>(header.at(i))} << (8 * i);
  }
  if (size > sandboxd::kRequestBytesMax) {
    return std::nullopt;
  }
  std::string request(size, '\0');
  return read_exactly(request.data(), size) ? std::optional(std::move(request)) : std::nullopt;
}

int serve(const char* name, const char* file) {
  Postgres database(name, file, kSocket);
  json::Parser parser(sandboxd::kRequestBytesMax);
  while (const auto request = read_request()) {
    const auto query = read_query(*request, parser);
    const auto answer = query ? database.run(*query) : std::unexpected(query.error());
    const std::string frame = sandboxd::encode_frame(
        answer ? FrameType::kResult : FrameType::kError, answer ? *answer : answer.error().message);
    if (!write_all(kSocket, frame)) {
      break;
    }
    database.tidy();
  }
  return EXIT_SUCCESS;
}

}  // namespace

}  // namespace mcpgate::broker

int main(int argc, char** argv) {
  if (argc != 3 || !mcpgate::broker::harden()) {
    return EXIT_FAILURE;
  }
  return mcpgate::broker::serve(argv[1], argv[2]);
}
