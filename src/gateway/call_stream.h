#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/steady_timer.hpp>

#include "base/error.h"
#include "base/task.h"
#include "gateway/event_stream.h"
#include "gateway/kept_events.h"
#include "gateway/parts.h"
#include "gateway/visit.h"
#include "mcp/message.h"

namespace mcpgate::gateway {

/// How long a client waits before it opens a stream again that has ended.
inline constexpr std::uint32_t kStreamRetryMs = 1000;

/// A place in the events of a legacy call, as the id of an event names it.
struct CallEvent {
  /// The id of the call's request.
  std::string call;
  /// How many events its client has had.
  std::size_t count = 0;
};

/// What `id` of a `Last-Event-ID` names; nothing where that is no event of a call that this
/// principal made in this session.
[[nodiscard]] std::optional<CallEvent> open_call_event(const Visit& visit, std::string_view session,
                                                       std::string_view id, WallTime now);

/// The stream on which a request is answered, where its client takes one. Of a call in a legacy
/// session it can be left and taken up again, see KeptEvents.
class CallStream {
 public:
  /// `incoming` is what is asked; the others outlive this.
  CallStream(const GatewayParts& parts, const Visit& visit, const mcp::Incoming& incoming);
  CallStream(const CallStream&) = delete;
  CallStream& operator=(const CallStream&) = delete;
  ~CallStream() = default;

  [[nodiscard]] bool begun() const { return events_.begun(); }

  /// The call runs, from now on: `presence` is told whenever its client has left or come back.
  void follow_client(KeptEvents::OnPresence presence);

  /// Sends one JSON-RPC message, or keeps it for a client that may come back. After an error the
  /// client has gone for good.
  Task<Expected<void>> send(std::string_view message);

  /// Has the client come back for the rest, so that no connection waits for a call that takes long.
  /// False where it cannot, or has already left; then nothing is done.
  Task<bool> close();

  Task<void> finish();

 private:
  Task<void> begin();
  [[nodiscard]] std::string event_id(std::size_t count) const;

  const GatewayParts& parts_;
  const Visit& visit_;
  EventStream events_;
  /// The client's session; empty where it cannot come back.
  std::string session_;
  /// Whether its revision has it know that it can from the first event on.
  bool is_primed_ = false;
  KeptEvents::OnPresence presence_;
  std::optional<KeptEvents::Writer> kept_;
  bool is_closed_ = false;
};

/// Sends a client that came back the events of its call that `reader` has, from `at` on, until the
/// call has ended or the client has left. `wake` is cancelled when there is something to take.
Task<void> follow_call(const GatewayParts& parts, const Visit& visit, CallEvent at,
                       KeptEvents::Reader reader, std::shared_ptr<asio::steady_timer> wake);

}  // namespace mcpgate::gateway
