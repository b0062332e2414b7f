#include "sandboxd/doctor.h"

namespace mcpgate::sandboxd {

Task<Expected<Confinement>> examine(asio::io_context& loop, ZygoteOptions options) {
  options.allow_missing = kAllLayers;
  options.tool_set = options.scratch;
  options.gaps_are_logged = false;
  auto zygote = co_await Zygote::start(loop, std::move(options));
  if (!zygote) {
    co_return std::unexpected(std::move(zygote.error()));
  }
  co_return (*zygote)->confinement();
}

}  // namespace mcpgate::sandboxd
