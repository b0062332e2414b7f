#pragma once

#include <expected>
#include <string>

#include "gateway/answer.h"
#include "gateway/parts.h"
#include "gateway/prepared_lists.h"
#include "gateway/visit.h"
#include "mcp/message.h"

namespace mcpgate::gateway {

/// Who asks, from which address and when.
struct Asker {
  const Principal& principal;
  std::string_view address;
  WallTime now;
};

[[nodiscard]] Asker asker_of(const Visit& visit, WallTime now);

/// The decision on an item for whoever asks: the one that lists, calls and all else agree on.
[[nodiscard]] Decision decide_on(const Snapshot& snapshot, const Asker& asker, const Item& item,
                                 const policy::Arguments& arguments);

/// Whether the asker may know of the item: use it, with some arguments at least, if not with this
/// access token then with one that has more scopes.
[[nodiscard]] bool is_visible(const Snapshot& snapshot, const Asker& asker, const Item& item);

/// Whether a list shows it. One of a set that is searched is visible but not listed.
[[nodiscard]] bool is_listed(const Snapshot& snapshot, const Asker& asker, const Tool& tool);

/// Where a list shows it, but it may not be used: kNotLikeThis, with these arguments;
/// kNeedsScopes, by this access token.
enum class Use { kAllowed, kHidden, kNotLikeThis, kNeedsScopes };

/// Whether there is such an item (null: there is none) and whoever asks may use it. Whether a
/// hidden one is there is for the record alone.
[[nodiscard]] Use may_use(const Visit& visit, const Item* item, const policy::Arguments& arguments,
                          audit::Record& record);

/// Whether the issuer of the asker's token has to be asked about it before it uses the item, and
/// was not. Never of what is hidden from the asker, who would notice.
[[nodiscard]] bool needs_confirmation(const Visit& visit, const Item& item, WallTime now);

/// The answer to whoever needs scopes: all those of the item in one challenge, so that its client
/// can get a token that has them (2026-07-28, basic/authorization, "Scope Challenge Handling").
[[nodiscard]] Answer step_up_answer(const Visit& visit, std::string_view id, const Item& item);

/// One page of a list, as `incoming` (a List) asks for it: what its principal may use, in the order
/// of the catalogue.
///
/// A cursor is the name of the last item of the page before, sealed; so it is good at any replica,
/// for this principal and this list alone, for an hour. Where that item is gone or hidden by now
/// the cursor is refused, and the client begins anew: nothing is shown twice or left out unnoticed.
[[nodiscard]] Answer list_answer(const GatewayParts& parts, const Visit& visit,
                                 const mcp::Incoming& incoming, PreparedLists& prepared);

}  // namespace mcpgate::gateway
