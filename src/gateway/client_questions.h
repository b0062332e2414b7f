#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "gateway/answer.h"
#include "gateway/call_chain.h"
#include "gateway/catalogue.h"
#include "gateway/parts.h"
#include "gateway/tool_call.h"
#include "gateway/transcript.h"
#include "gateway/visit.h"
#include "mcp/input.h"

namespace mcpgate::gateway {

/// What the tools of one client's call ask of the client: how it is asked, and what it answered.
///
/// A client of the legacy revisions is asked on the stream of its call, which waits. One of
/// 2026-07-28 is asked by the answer to its request, which ends there; it sends the request again
/// with its responses, and the tool runs again.
class ClientQuestions {
 public:
  /// All of it outlives this.
  struct Call {
    const GatewayParts& parts;
    const Visit& visit;
    const AskedCall& asked;
    const Item& item;
    /// A JSON object, as its sandbox gets them.
    std::string_view arguments;
    SteadyTime deadline;
    CallChain& chain;
    /// The client asks what it is asked, and answers by `tasks/update`.
    bool is_task = false;
  };

  explicit ClientQuestions(const Call& call) : call_(call) {}
  ClientQuestions(const ClientQuestions&) = delete;
  ClientQuestions& operator=(const ClientQuestions&) = delete;
  ~ClientQuestions() = default;

  /// Takes up what an earlier request left. The error is for the client: its `requestState` is not
  /// one of this call. Before anything else.
  [[nodiscard]] mcp::RpcExpected<void> resume();

  /// Asks: `{"inputResponses":{…}}` that answers `params`, `{"inputRequests":{…}}`; of a task it is
  /// empty where the question stays open. An error is for the tool, but kCancelled: the call is
  /// over, by a question (has_paused()) or otherwise.
  Task<Expected<std::string>> ask(const std::string& place, const std::string& params);

  /// The result of another tool that an earlier request got; null: that tool is to be called. The
  /// error is for the tool.
  [[nodiscard]] Expected<const std::string*> earlier(const std::string& place,
                                                     std::string_view params) const;
  /// Remembers a result of another tool for later requests.
  void note(const std::string& place, std::string_view params, std::string_view result);

  /// Whether the client must be asked first; then answer() asks it.
  [[nodiscard]] bool has_paused() const { return !paused_requests_.empty(); }
  [[nodiscard]] Answer answer() const;

  /// What was asked of a client of 2026-07-28 that cannot be asked it.
  [[nodiscard]] const mcp::ClientCapabilities& missing() const { return missing_; }

 private:
  [[nodiscard]] Expected<void> check_client(const std::vector<mcp::InputRequest>& requests);
  Task<Expected<std::string>> ask_on_stream(const std::vector<mcp::InputRequest>& requests);
  [[nodiscard]] Expected<std::string> ask_by_answer(const std::string& place,
                                                    const std::string& params,
                                                    std::string_view requests_json,
                                                    const std::vector<mcp::InputRequest>& requests);
  [[nodiscard]] std::optional<std::string> responses_to(
      const std::vector<mcp::InputRequest>& requests) const;
  [[nodiscard]] std::string call_hash() const;

  Call call_;
  /// Only of a call of 2026-07-28 that has something to remember.
  std::optional<Transcript> transcript_;
  /// Whether more was said than a client carries.
  bool is_too_long_ = false;
  bool has_responses_ = false;
  std::string paused_requests_;
  mcp::ClientCapabilities missing_;
};

}  // namespace mcpgate::gateway
