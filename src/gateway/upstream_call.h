#pragma once

// One call of a tool, a resource or a prompt at an upstream, seen as a sandbox's.

#include <memory>
#include <span>
#include <string>

#include "gateway/upstream.h"
#include "gateway/upstream_result.h"
#include "mcp/param_header.h"
#include "sandbox/client.h"

namespace mcpgate::gateway {

/// What is called there.
struct UpstreamCall {
  /// As POST /execute has them: kind, name, arguments, user and trace; a resource's name is its
  /// URI.
  const sandbox::ExecuteRequest& request;
  /// Of the tool.
  std::span<const mcp::ParamHeader> param_headers = {};
  sandbox::Streaming streaming = sandbox::Streaming::kNo;
};

/// The question that a call means.
[[nodiscard]] UpstreamQuestion upstream_question(const UpstreamCall& call, SteadyTime now,
                                                 UpstreamAsk& ask);

/// Runs it. It asks nothing of its client: this gateway declares no capability to upstreams.
class UpstreamExecution final : public sandbox::Execution {
 public:
  /// The views of `call` are needed until this returns.
  UpstreamExecution(const std::shared_ptr<Upstream>& upstream, const UpstreamCall& call);

  /// Errors: kCancelled alone; what else goes wrong is a Result.
  Task<Expected<sandbox::Event>> next() override;
  Task<Expected<void>> reply(std::string reply) override;
  void cancel() override { request_.cancel(); }
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const override {
    return request_.retry_after();
  }

 private:
  [[nodiscard]] std::optional<sandbox::Event> event_of(const UpstreamNotice& notice) const;

  std::string tool_set_;
  UpstreamAsk ask_ = UpstreamAsk::kCall;
  UpstreamRequest request_;
};

}  // namespace mcpgate::gateway
