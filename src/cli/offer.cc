#include "cli/offer.h"

#include <memory>
#include <utility>

#include "base/run_to_end.h"
#include "gateway/tool_set_source.h"

namespace mcpgate::cli {

Offer read_offer(const gateway::Settings& settings, const World& world) {
  asio::io_context loop;
  std::vector<std::shared_ptr<const gateway::ToolSetTools>> sets;
  std::vector<std::string> silent;
  for (const gateway::ToolSetRoute& route : settings.tool_sets) {
    gateway::ToolSetSource source(loop, route, world.clock);
    auto fetched = run_to_end(loop, source.fetch("", std::chrono::seconds(0)));
    const std::optional<sandbox::Manifest> manifest = fetched ? *std::move(fetched) : std::nullopt;
    if (manifest) {
      sets.push_back(gateway::compile_tools(route.view, *manifest));
    } else {
      silent.push_back(route.view.name);
    }
  }
  return {.catalogue = gateway::Catalogue(std::move(sets)), .silent = std::move(silent)};
}

}  // namespace mcpgate::cli
