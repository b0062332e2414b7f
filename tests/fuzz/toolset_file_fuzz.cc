// toolset.yaml: whatever is accepted has its bounds.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/toolset_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate::sandbox;  // NOLINT: one function
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto file = parse_tool_set_file(bytes, "/srv/tools/demo");
  if (!file) {
    if (file.error().message.empty()) {
      std::abort();
    }
    return 0;
  }
  if (file->limits.wall.count() <= 0 || file->limits.memory_bytes == 0) {
    std::abort();
  }
  for (const DataMount& mount : file->data_mounts) {
    if (!mount.path.is_absolute() || mount.path == "/") {
      std::abort();
    }
  }
  return 0;
}
