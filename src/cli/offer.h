#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "gateway/catalogue.h"
#include "gateway/snapshot.h"
#include "sandbox/manifest.h"

namespace mcpgate::cli {

/// What a set's sandbox or upstream says now; nothing where it does not answer.
struct Answer {
  gateway::ToolSetView view;
  std::optional<sandbox::Manifest> manifest;
};

/// Asks every one, in order.
[[nodiscard]] std::vector<Answer> ask_tool_sets(const gateway::Settings& settings,
                                                const World& world);

/// The tools as sandboxes and upstreams offer them now, and the sets of those that do not answer.
struct Offer {
  gateway::Catalogue catalogue;
  std::vector<std::string> silent;
  /// What pins keep out of the catalogue.
  std::vector<gateway::Unapproved> unapproved = {};
};

[[nodiscard]] Offer read_offer(const gateway::Settings& settings, const World& world);

}  // namespace mcpgate::cli
