#pragma once

// What an upstream offers, in the form that a sandbox's manifest has, so that one catalogue serves
// both.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "gateway/upstream.h"
#include "sandbox/manifest.h"

namespace mcpgate::gateway {

/// The lists of an upstream as it wrote them: JSON bytes, hostile.
struct UpstreamLists {
  std::vector<std::string> tools = {};
  std::vector<std::string> resources = {};
  std::vector<std::string> templates = {};
  std::vector<std::string> prompts = {};
  /// Whether it completes arguments of prompts and templates; it does not say which.
  bool completes = false;
};

/// The manifest of these lists. What is not fit to be served is left out and said in `withheld`:
/// `tool 3: name: want …`. Annotations, unless they are believed, are left out but for the title: a
/// client must not be told by us that a tool is harmless.
[[nodiscard]] sandbox::Manifest upstream_manifest(const UpstreamOptions& options,
                                                  const UpstreamLists& lists,
                                                  std::vector<std::string>& withheld);

/// As sandbox::ToolSetClient::fetch(): what it offers; with `known`, when it says that this has
/// changed, or after `wait`, if it has. What is withheld is logged with each manifest that is new.
///
/// Errors: those of UpstreamRequest::next().
Task<Expected<std::optional<sandbox::Manifest>>> fetch_manifest(std::shared_ptr<Upstream> upstream,
                                                                std::string known,
                                                                std::chrono::seconds wait);

}  // namespace mcpgate::gateway
