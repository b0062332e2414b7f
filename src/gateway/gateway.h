#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "audit/log.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/seal.h"
#include "base/task.h"
#include "gateway/answer.h"
#include "gateway/call_chain.h"
#include "gateway/running_calls.h"
#include "gateway/snapshot.h"
#include "gateway/tool_call.h"
#include "http/server.h"
#include "json/parse.h"
#include "mcp/message.h"
#include "sandbox/client.h"

namespace mcpgate::gateway {

/// What a Gateway works with. All of it outlives the Gateway.
struct GatewayParts {
  asio::io_context& loop;
  audit::Log& audit;
  const Clock& clock;
  Random& random;
  const Sealer& sealer;
  /// Shared by all loops.
  RunningCalls& running_calls;
};

/// Serves MCP on one loop: who asks, what for, may they, where does it run; and no answer leaves
/// before its record is written. It shares nothing with the other loops' but RunningCalls.
class Gateway final : public http::Handler {
 public:
  Gateway(const GatewayParts& parts, std::shared_ptr<const Snapshot> snapshot);
  ~Gateway() override;

  /// The world for requests from now on; those in flight keep theirs. On the loop.
  void use(std::shared_ptr<const Snapshot> snapshot);

  Task<void> handle(const http::Request& request, http::Responder& responder) override;
  /// Only of who is let in: a body that nobody vouches for takes no memory.
  [[nodiscard]] bool wants_body(const http::Request& head) override;
  http::Response refused(const http::Refusal& refusal) override;

 private:
  struct Visit;
  struct Route;
  struct Call;

  [[nodiscard]] std::optional<http::Response> public_page(const http::Request& request) const;
  [[nodiscard]] std::optional<Answer> admit(Visit& visit, audit::Record& record) const;
  [[nodiscard]] std::optional<Answer> authenticate(Visit& visit, audit::Record& record) const;
  [[nodiscard]] bool knows_session(const Visit& visit, const mcp::Body& body) const;

  Task<void> serve(Visit& visit);
  Task<void> serve_one(Visit& visit, const mcp::Incoming& incoming);
  Task<void> serve_batch(Visit& visit);
  Task<Answer> answer(Visit& visit, const mcp::Incoming& incoming, audit::Record& record,
                      EventStream* stream);
  [[nodiscard]] Answer initialize(Visit& visit, const mcp::Incoming& incoming) const;
  [[nodiscard]] Answer list_tools(const Visit& visit, const mcp::Incoming& incoming) const;
  Task<Answer> call_tool(Visit& visit, const mcp::Incoming& incoming, audit::Record& record,
                         EventStream* stream);
  [[nodiscard]] std::expected<const Tool*, mcp::RpcError> decide(const Visit& visit,
                                                                 const mcp::CallTool& call,
                                                                 const Tool* tool,
                                                                 audit::Record& record) const;
  [[nodiscard]] std::shared_ptr<sandbox::Execution> prepare(const Call& call,
                                                            std::string_view arguments,
                                                            sandbox::Streaming streaming);
  [[nodiscard]] std::optional<RunningCalls::Registration> let_cancel(const Visit& visit,
                                                                     const AskedCall& asked,
                                                                     CallChain& chain);
  Task<Expected<sandbox::Result>> run(const Call& call,
                                      std::shared_ptr<sandbox::Execution> execution,
                                      EventForwarder* forwarder);
  Task<std::string> answer_question(const Call& call, const sandbox::Question& question);
  Task<Expected<sandbox::Result>> call_inner(const Call& outer, const Visit& visit,
                                             const std::string& params, audit::Record& record);
  [[nodiscard]] Expected<void> admit_inner(const Call& outer) const;

  [[nodiscard]] audit::Record begin_record(const Visit& visit) const;
  Task<Answer> recorded(const Visit& visit, audit::Record& record, std::string_view id,
                        Answer answer);
  Task<Answer> recorded_refusal(const Visit& visit, audit::Record& record, Answer answer);

  GatewayParts parts_;
  std::shared_ptr<const Snapshot> snapshot_;
  /// By name of the tool set. Shared, since a call outlives a change of the configuration.
  std::map<std::string, Route, std::less<>> routes_;
  json::Parser parser_;
  std::size_t calls_in_flight_ = 0;
};

}  // namespace mcpgate::gateway
