// A daemon's manifest: what is accepted must be written and read back as the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate::sandbox;  // NOLINT: one function
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto manifest = parse_manifest(bytes);
  if (!manifest) {
    return 0;
  }
  const auto again = parse_manifest(write_manifest(*manifest));
  if (!again || manifest_digest(*again) != manifest_digest(*manifest)) {
    std::abort();
  }
  for (const ManifestTool& tool : manifest->tools) {
    if (!tool_digest(tool.definition, {}, "")) {
      std::abort();
    }
  }
  return 0;
}
