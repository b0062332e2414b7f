#pragma once

// One call of a resource, a prompt or a completion: what it means, what its sandbox is told, and
// its result on the way to the client. Running it is call_runner.h's.

#include <optional>
#include <string>

#include "gateway/catalogue.h"
#include "gateway/visit.h"
#include "json/parse.h"
#include "mcp/message.h"
#include "sandbox/execute.h"

namespace mcpgate::gateway {

/// What a request asks of which item. Owns its bytes, but for the item, which is the catalogue's.
struct ItemOrder {
  enum class What { kRead, kGet, kComplete };

  What what = What::kRead;
  mcp::Revision revision = mcp::kNewest;
  /// Null: there is no such item.
  const Item* item = nullptr;
  /// What a client is told where it is missing, or hidden from it.
  mcp::RpcError unknown = {};
  /// What is wrong with the request of an item that is there.
  std::optional<mcp::RpcError> refusal = std::nullopt;
  /// For the sandbox: see sandbox/item_call.h. Empty: nothing completes the argument, and nothing
  /// need run.
  std::string arguments = {};
};

/// Whether it is such a call: ReadResource, GetPrompt or Complete.
[[nodiscard]] bool is_item_call(const mcp::Operation& operation);

/// What a request of those means, or a Subscribe. Of several resources that fit its URI it is the
/// first that the principal may use.
[[nodiscard]] ItemOrder find_item(const Visit& visit, const mcp::Message& message, WallTime now);

/// What the decision on it may look at: a prompt's arguments, which may be any where it is
/// completed. A resource and a template have none, whatever is asked of them.
[[nodiscard]] policy::Arguments arguments_of(const mcp::Operation& operation);

/// The result of a call that gave one, in the form of the revision that asked. An error is for the
/// client: the item failed, its sandbox ended it, there is no such resource after all, or it gave
/// something else than it must.
[[nodiscard]] mcp::RpcExpected<std::string> item_result(const ItemOrder& order,
                                                        const sandbox::Result& result,
                                                        json::Parser& parser);

/// The result of a completion that nothing completes.
[[nodiscard]] std::string empty_completion(mcp::Revision revision);

}  // namespace mcpgate::gateway
