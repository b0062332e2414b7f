// 2 x 46 random bits, of which the filter compares every one: to try them all would take the
// program longer than any machine lasts, a system call each.

#include "sandboxd/zygote/server_program.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace mcpgate::sandboxd {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
/// Half of what x86-64 gives to a process; arm64 gives as much or more.
constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << 46) - 1;
/// As a shell says it: found, but not to be executed.
constexpr int kNotExecuted = 126;

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::fflush(stderr);
  ::_exit(kNotExecuted);
}

/// So many bytes at an address that cannot be guessed, a multiple of `alignment`.
char* place_secretly(std::size_t bytes, std::uint64_t alignment) {
  constexpr int kAttempts = 64;
  const std::uint64_t pages = (bytes + kPageBytes - 1) / kPageBytes + 1;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) {
      break;
    }
    const std::uint64_t address = random & kAddressMask & ~(alignment - 1);
    const std::uint64_t start = address & ~(kPageBytes - 1);
    // NOLINTBEGIN(performance-no-int-to-ptr): the address is drawn.
    // MAP_FIXED_NOREPLACE: the place may be taken.
    void* mapped =
        ::mmap(reinterpret_cast<void*>(start), pages * kPageBytes, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (mapped == reinterpret_cast<void*>(start)) {
      return reinterpret_cast<char*>(address);
    }
    // NOLINTEND(performance-no-int-to-ptr)
  }
  give_up("place the server's arguments");
}

}  // namespace

ServerProgram::ServerProgram(const std::string& path, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment) {
  char* path_place = place_secretly(path.size() + 1, 1);
  std::memcpy(path_place, path.c_str(), path.size() + 1);
  path_ = path_place;
  const std::size_t bytes = (arguments.size() + 1) * sizeof(const char*);
  auto* list = reinterpret_cast<const char**>(place_secretly(bytes, alignof(const char*)));
  for (const std::string& argument : arguments) {
    *list++ = argument.c_str();
  }
  *list = nullptr;
  arguments_ = list - arguments.size();
  for (const std::string& variable : environment) {
    environment_.push_back(variable.c_str());
  }
  environment_.push_back(nullptr);
}

void ServerProgram::become(const std::string& folder) const {
  if (::chdir(folder.c_str()) == 0) {
    ::syscall(SYS_execve, path_, arguments_, environment_.data());
  }
  give_up(path_);
}

}  // namespace mcpgate::sandboxd
