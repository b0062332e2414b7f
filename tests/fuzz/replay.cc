// Feeds files to a fuzz target without libFuzzer: the committed corpus as an ordinary test.
//
//   x_replay FILE...      one line per file that was taken; a crash ends it at the guilty one

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include "base/encoding.h"
#include "base/file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kInputBytesMax = std::size_t{64} << 20;

}  // namespace

int main(int argc, char** argv) {
  for (const char* path : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) {
    // Said first and flushed, so that a crash has its file's name above it.
    fmt::print("replay {}\n", path);
    static_cast<void>(std::fflush(stdout));
    const auto bytes = mcpgate::read_file(path, kInputBytesMax);
    if (!bytes) {
      fmt::print(stderr, "{}\n", bytes.error().message);
      return 1;
    }
    const auto input = mcpgate::as_bytes(*bytes);
    static_cast<void>(LLVMFuzzerTestOneInput(input.data(), input.size()));
  }
  return 0;
}
