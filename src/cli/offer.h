#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "gateway/catalogue.h"
#include "gateway/snapshot.h"

namespace mcpgate::cli {

/// The tools as sandboxes and upstreams offer them now, and the sets of those that do not answer.
struct Offer {
  gateway::Catalogue catalogue;
  std::vector<std::string> silent;
};

/// Asks every one.
[[nodiscard]] Offer read_offer(const gateway::Settings& settings, const World& world);

}  // namespace mcpgate::cli
