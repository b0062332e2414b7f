#pragma once

#include <expected>
#include <string>

#include "gateway/answer.h"
#include "gateway/parts.h"
#include "gateway/visit.h"
#include "mcp/message.h"

namespace mcpgate::gateway {

/// The decision on an item for whoever asks: the one that lists, calls and all else agree on.
[[nodiscard]] Decision decide_on(const Snapshot& snapshot, const Principal& principal,
                                 const Item& item);
[[nodiscard]] Decision decide_on(const Visit& visit, const Item& item);

/// Whether there is such an item (null: there is none) and whoever asks may use it. Which of the
/// two it is not is for the record alone.
[[nodiscard]] bool may_use(const Visit& visit, const Item* item, audit::Record& record);

/// One page of a list, as `incoming` (a List) asks for it: what its principal may use, in the order
/// of the catalogue.
///
/// A cursor is the name of the last item of the page before, sealed; so it is good at any replica,
/// for this principal and this list alone, for an hour. Where that item is gone or hidden by now
/// the cursor is refused, and the client begins anew: nothing is shown twice or left out unnoticed.
[[nodiscard]] Answer list_answer(const GatewayParts& parts, const Visit& visit,
                                 const mcp::Incoming& incoming);

}  // namespace mcpgate::gateway
