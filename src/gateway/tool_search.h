#pragma once

// The built-in tool `search_tools`: sets with many tools are searched, where they say
// `search: true`, instead of listed. What it finds is what its caller may use.

#include <optional>
#include <string>
#include <string_view>

#include "gateway/catalogue.h"
#include "gateway/visit.h"
#include "sandbox/client.h"

namespace mcpgate::gateway {

inline constexpr std::string_view kSearchTools = "search_tools";

/// Of no tool set. The last of a catalogue in which a set is searched.
[[nodiscard]] const Tool& search_tool();

/// A call of it, seen as a sandbox's.
class SearchExecution final : public sandbox::Execution {
 public:
  /// `arguments` are JSON that its schema admits. `visit` outlives next().
  SearchExecution(const Visit& visit, WallTime now, std::string_view arguments)
      : visit_(visit), now_(now), arguments_(arguments) {}

  /// Errors: kCancelled.
  Task<Expected<sandbox::Event>> next() override;
  /// It asks nothing.
  Task<Expected<void>> reply(std::string reply) override;
  void cancel() override { is_cancelled_ = true; }
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const override {
    return std::nullopt;
  }

 private:
  const Visit& visit_;
  WallTime now_;
  std::string arguments_;
  bool is_cancelled_ = false;
};

}  // namespace mcpgate::gateway
