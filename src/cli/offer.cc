#include "cli/offer.h"

#include <memory>
#include <utility>

#include "base/run_to_end.h"
#include "gateway/tool_set_source.h"

namespace mcpgate::cli {

std::vector<Answer> ask_tool_sets(const gateway::Settings& settings, const World& world) {
  asio::io_context loop;
  std::vector<Answer> answers;
  for (const gateway::ToolSetRoute& route : settings.tool_sets) {
    gateway::ToolSetSource source(loop, route, world.clock);
    auto fetched = run_to_end(loop, source.fetch("", std::chrono::seconds(0)));
    answers.push_back({route.view, fetched ? *std::move(fetched) : std::nullopt});
  }
  return answers;
}

Offer read_offer(const gateway::Settings& settings, const World& world) {
  std::vector<std::shared_ptr<const gateway::ToolSetTools>> sets;
  std::vector<std::string> silent;
  std::vector<gateway::Unapproved> unapproved;
  for (const Answer& answer : ask_tool_sets(settings, world)) {
    if (!answer.manifest) {
      silent.push_back(answer.view.name);
      continue;
    }
    sets.push_back(gateway::compile_tools(answer.view, *answer.manifest));
    unapproved.insert(unapproved.end(), sets.back()->unapproved.begin(),
                      sets.back()->unapproved.end());
  }
  return {.catalogue = gateway::Catalogue(std::move(sets)),
          .silent = std::move(silent),
          .unapproved = std::move(unapproved)};
}

}  // namespace mcpgate::cli
