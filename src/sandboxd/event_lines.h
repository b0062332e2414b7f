#pragma once

// What a call says while it runs, as the lines of its answer (application/x-ndjson).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/parse.h"
#include "sandbox/execute.h"
#include "sandboxd/call.h"

namespace mcpgate::sandboxd {

/// A sink whose events are wanted as lines: what a child says is checked here, and what is no event
/// never becomes one. Who derives from it says where the lines go.
class EventLines : public EventSink {
 public:
  /// Without `events_wanted` progress and log are dropped, unless `may_ask` a question is refused.
  EventLines(bool events_wanted, bool may_ask) : events_wanted_(events_wanted), may_ask_(may_ask) {}

  void on_progress(std::string_view json) final;
  void on_log(std::string_view json) final;
  std::optional<std::string> on_question(std::uint64_t number, std::string_view json) final;

 protected:
  /// Takes a line, LF included; false where there is no room for it.
  [[nodiscard]] virtual bool take_event(std::string_view line) = 0;
  /// The same for a question, one at a time and bounded by limits.output.
  virtual void take_question(std::string_view line) = 0;
  /// An event that was dropped: without room, or none.
  virtual void count_dropped() = 0;

 private:
  void offer(const std::optional<std::string>& line);

  bool events_wanted_;
  bool may_ask_;
  json::Parser parser_{sandbox::kReplyBytesMax};
};

}  // namespace mcpgate::sandboxd
