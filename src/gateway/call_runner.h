#pragma once

#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audit/record.h"
#include "base/error.h"
#include "base/task.h"
#include "gateway/answer.h"
#include "gateway/call_chain.h"
#include "gateway/call_stream.h"
#include "gateway/catalogue.h"
#include "gateway/parts.h"
#include "gateway/running_calls.h"
#include "gateway/snapshot.h"
#include "gateway/tool_call.h"
#include "gateway/visit.h"
#include "json/parse.h"
#include "mcp/message.h"
#include "mcp/rpc.h"
#include "policy/rates.h"
#include "sandbox/client.h"

namespace mcpgate::gateway {

/// Decides, records and runs the calls of one loop, the client's own and those that tools make.
class CallRunner {
 public:
  /// `parser` is the loop's, which others use between the calls' steps; it outlives this.
  CallRunner(const GatewayParts& parts, json::Parser& parser);
  CallRunner(const CallRunner&) = delete;
  CallRunner& operator=(const CallRunner&) = delete;
  ~CallRunner();

  /// The world for calls from now on; those in flight keep theirs.
  void use(std::shared_ptr<const Snapshot> snapshot);

  /// A client's call, from its decision to its answer. `incoming` holds a CallTool; `stream` is
  /// null where nothing can be sent before the answer. `record` learns how the call ended.
  Task<Answer> call_tool(const Visit& visit, const mcp::Incoming& incoming, audit::Record& record,
                         CallStream* stream);
  /// The same for a resource, a prompt or a completion: `incoming` holds what is_item_call() says.
  Task<Answer> call_item(const Visit& visit, const mcp::Incoming& incoming, audit::Record& record,
                         CallStream* stream);
  /// What `tasks/get`, `tasks/update` and `tasks/cancel` are answered with: `incoming` holds an
  /// AskTask. Its call may have been started by any replica.
  Task<Answer> ask_task(const Visit& visit, const mcp::Incoming& incoming, audit::Record& record);

 private:
  struct Route;
  struct Call;
  struct Watched;
  using Admitted = std::expected<policy::Admission, policy::RateRefusal>;

  [[nodiscard]] AskedCall asked_call(const Visit& visit, const mcp::Incoming& incoming,
                                     audit::Record& record, CallStream* stream) const;
  [[nodiscard]] std::optional<sandbox::Result> turn_away(const Visit& visit,
                                                         const Item& item) const;
  [[nodiscard]] Admitted admit(const Visit& visit, const Item& item, audit::Record& record) const;
  [[nodiscard]] static bool awaits_lease(const Admitted& admission) {
    return !admission && admission.error().await;
  }
  Task<Admitted> admit_later(const Visit& visit, const Item& item, policy::RateRefusal refusal,
                             audit::Record& record);
  void charge(const policy::Admission& admission, const Visit& visit,
              const Expected<sandbox::Result>& result) const;
  Task<Answer> start_task(const Visit& visit, const AskedCall& asked, const Tool& tool,
                          std::string_view arguments, policy::Admission admission,
                          audit::Record& record);
  Task<void> watch(std::unique_ptr<Watched> watched);
  Task<std::expected<sandbox::Result, Answer>> run_asked(const Visit& visit, const AskedCall& asked,
                                                         const Item& item,
                                                         std::string_view arguments,
                                                         const policy::Admission& admission,
                                                         audit::Record& record);
  [[nodiscard]] sandbox::ExecuteRequest request_of(const Call& call,
                                                   std::string_view arguments) const;
  [[nodiscard]] std::shared_ptr<sandbox::Execution> prepare(const Call& call,
                                                            std::string_view arguments,
                                                            sandbox::Streaming streaming);
  [[nodiscard]] std::optional<RunningCalls::Registration> let_cancel(const Visit& visit,
                                                                     const AskedCall& asked,
                                                                     CallChain& chain);
  Task<Expected<sandbox::Result>> run(const Call& call,
                                      std::shared_ptr<sandbox::Execution> execution,
                                      EventForwarder* forwarder);
  Task<Expected<std::string>> answer_question(const Call& call, const sandbox::Question& question);
  Task<Expected<std::string>> call_other(const Call& call, const std::string& place,
                                         const sandbox::Question& question);
  Task<Expected<sandbox::Result>> call_inner(const Call& outer, const Visit& visit,
                                             const sandbox::Question& question,
                                             audit::Record& record);
  [[nodiscard]] Expected<void> admit_inner(const Call& outer) const;

  GatewayParts parts_;
  json::Parser& parser_;
  std::shared_ptr<const Snapshot> snapshot_;
  /// By name of the tool set. Shared, since a call outlives a change of the configuration.
  std::map<std::string, Route, std::less<>> routes_;
  std::size_t calls_in_flight_ = 0;
};

}  // namespace mcpgate::gateway
