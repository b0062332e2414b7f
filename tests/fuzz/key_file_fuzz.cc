// A stored key: any bytes give a record that is written and read back as itself, or an error.

#include <cstdint>

#include "auth/key_record.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate;
  const auto key = auth::parse_key_record({reinterpret_cast<const char*>(data), size});
  if (key) {
    const auto again = auth::parse_key_record(auth::to_json(*key));
    MCPGATE_ASSERT(again && again->id == key->id && again->roles == key->roles);
  }
  return 0;
}
