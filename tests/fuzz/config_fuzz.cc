// The gateway's configuration: any bytes give a configuration or problems that name a place.

#include <cstdint>

#include "base/error.h"
#include "cli/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mcpgate::cli::Environment environment{
      .config_variable = "", .state_variable = "", .working_directory = "/w"};
  const auto config = mcpgate::cli::parse_config({reinterpret_cast<const char*>(data), size},
                                                 "f.yaml", environment);
  MCPGATE_ASSERT(config || config.error().message.starts_with("f.yaml:"));
  return 0;
}
