#pragma once

#include <cstdint>
#include <string_view>

#include "gateway/listing.h"
#include "gateway/snapshot.h"

namespace mcpgate::gateway {

/// What one asker is shown, as numbers that differ where it does: so it is told of a change
/// exactly when a list of its own has changed. The same at every replica.
struct View {
  std::uint64_t tools = 0;
  std::uint64_t prompts = 0;
  /// Templates among them.
  std::uint64_t resources = 0;
  /// What is behind all of its resources.
  std::uint64_t contents = 0;

  friend bool operator==(const View&, const View&) = default;
};

/// Asks the decision function about every item.
[[nodiscard]] View view_of(const Snapshot& snapshot, const Asker& asker);

/// What is behind one resource; 0 where there is none of that URI that the asker may read.
[[nodiscard]] std::uint64_t contents_of(const Snapshot& snapshot, const Asker& asker,
                                        std::string_view uri);

}  // namespace mcpgate::gateway
