#include "gateway/view.h"

#include <bit>

namespace mcpgate::gateway {

namespace {

/// Order counts, as it does in a list.
void add(std::uint64_t& sum, std::uint64_t next) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  sum = (std::rotl(sum, 7) ^ next) * kOdd;
}

/// What its tools have said of the resource, or of any where `uri` is empty.
std::uint64_t updates_of(const Snapshot& snapshot, const Resource& resource, std::string_view uri) {
  const auto found = snapshot.updates.find(resource.tool_set);
  if (found == snapshot.updates.end()) {
    return 0;
  }
  const sandbox::UpdateCounts& counts = found->second;
  if (uri.empty()) {
    return sandbox::sum_of(counts);
  }
  const auto count = counts.find(sandbox::update_bucket(uri));
  return count == counts.end() ? 0 : count->second;
}

}  // namespace

View view_of(const Snapshot& snapshot, const Asker& asker) {
  View view;
  for (const Tool* tool : snapshot.catalogue->tools()) {
    if (is_listed(snapshot, asker, *tool)) {
      add(view.tools, tool->definition_hash);
    }
  }
  for (const Prompt* prompt : snapshot.catalogue->prompts()) {
    if (is_visible(snapshot, asker, *prompt)) {
      add(view.prompts, prompt->definition_hash);
    }
  }
  for (const Resource* resource : snapshot.catalogue->resources()) {
    if (is_visible(snapshot, asker, *resource)) {
      add(view.resources, resource->definition_hash);
      add(view.contents, resource->contents_hash);
      add(view.contents, updates_of(snapshot, *resource, ""));
    }
  }
  return view;
}

std::uint64_t contents_of(const Snapshot& snapshot, const Asker& asker, std::string_view uri) {
  for (const auto& [resource, variables] : snapshot.catalogue->find_resources(uri)) {
    if (is_visible(snapshot, asker, *resource)) {
      std::uint64_t contents = resource->contents_hash;
      add(contents, updates_of(snapshot, *resource, uri));
      return contents;
    }
  }
  return 0;
}

}  // namespace mcpgate::gateway
