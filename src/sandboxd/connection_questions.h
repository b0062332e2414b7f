#pragma once

// What a call asks of its set's connections: answered here and now, not by the gateway.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "json/parse.h"
#include "sandboxd/brokers.h"
#include "sandboxd/call.h"
#include "sandboxd/zygote.h"

namespace mcpgate::sandboxd {

/// A sink that takes `connection/query` for itself, and hands on everything else. Destroyed at the
/// call's end, it cancels the query that the call waited for.
class ConnectionQuestions final : public EventSink {
 public:
  struct Call {
    std::string id;
    /// Whose child asks.
    std::shared_ptr<Zygote> zygote;
    /// Null: the set has no Python tools, so nobody asks.
    std::shared_ptr<Brokers> brokers;
    /// Whether it runs what a model wrote, which gets no connection.
    bool runs_code = false;
  };
  /// `next` outlives it.
  ConnectionQuestions(Call call, EventSink& next) : call_(std::move(call)), next_(next) {}

  void on_progress(std::string_view json) override { next_.on_progress(json); }
  void on_log(std::string_view json) override { next_.on_log(json); }
  std::optional<std::string> on_question(std::uint64_t number, std::string_view json) override;

 private:
  /// Nothing where the question is another one.
  [[nodiscard]] static std::optional<Expected<Brokers::Order>> read(std::string_view json);

  Call call_;
  EventSink& next_;
  std::unique_ptr<Brokers::Query> query_;
};

}  // namespace mcpgate::sandboxd
