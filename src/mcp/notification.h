#pragma once

// What a server tells without being asked: that a list, or the contents of a resource, has changed.
// Sources: docs/specification/2026-07-28/basic/patterns/subscriptions, and of the legacy revisions
// server/{tools,resources,prompts}, "List Changed Notification".

#include <span>
#include <string>
#include <string_view>

#include "mcp/message.h"

namespace mcpgate::mcp {

/// `notifications/tools/list_changed`, or that of another list. `subscription_id`, here and below:
/// the id of the `subscriptions/listen` request as JSON bytes, which each message on its stream
/// repeats; empty in the legacy era.
[[nodiscard]] std::string list_changed(List::Kind kind, std::string_view subscription_id);

/// `notifications/resources/updated`.
[[nodiscard]] std::string resource_updated(std::string_view uri, std::string_view subscription_id);

/// The part of what a client asked for that it will be told.
struct Honoured {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  /// Whether it asked for resources at all, and those among them that it may read.
  bool any_uris = false;
  std::span<const std::string> uris = {};
};
/// `notifications/subscriptions/acknowledged`, the first message of a stream.
[[nodiscard]] std::string subscription_acknowledged(const Honoured& honoured,
                                                    std::string_view subscription_id);

/// The result of a `subscriptions/listen` that this server ends.
[[nodiscard]] std::string subscription_ended(std::string_view subscription_id);

}  // namespace mcpgate::mcp
