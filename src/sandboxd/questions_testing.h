#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandboxd/call.h"

namespace mcpgate::sandboxd {

/// Answers each question with `theirs`, and keeps all that it is told.
class RecordedQuestions final : public EventSink {
 public:
  void on_progress(std::string_view json) override { seen.emplace_back(json); }
  void on_log(std::string_view json) override { seen.emplace_back(json); }
  std::optional<std::string> on_question(std::uint64_t /*number*/, std::string_view json) override {
    seen.emplace_back(json);
    return "theirs";
  }

  std::vector<std::string> seen;
};

}  // namespace mcpgate::sandboxd
