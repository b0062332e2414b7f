#pragma once

// The streams on which this server speaks first: the answer of `subscriptions/listen` (2026-07-28)
// and the GET stream of a legacy session. Behaviour: docs/protocol.md, "Streams".

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "auth/access_token.h"
#include "auth/introspector.h"
#include "base/task.h"
#include "gateway/answer.h"
#include "gateway/call_stream.h"
#include "gateway/parts.h"
#include "gateway/snapshot.h"
#include "gateway/view.h"
#include "gateway/visit.h"
#include "mcp/message.h"

namespace mcpgate::gateway {

/// What a stream is opened for.
struct StreamOrder {
  mcp::Revision revision = mcp::kNewestLegacy;
  /// Modern: the id of the request, as JSON bytes.
  std::string subscription_id = {};
  /// Legacy: whose stream it is, and what its client was told before it came back.
  std::string session = {};
  std::optional<View> told = std::nullopt;
  /// Legacy: it is for the rest of a call's stream, from there on.
  std::optional<CallEvent> of_call = std::nullopt;

  bool tools = true;
  bool prompts = true;
  bool resources = true;
  /// Modern: the resources that are followed, if any; a legacy session's are in Sessions.
  bool any_uris = false;
  std::vector<std::string> uris = {};

  [[nodiscard]] bool is_modern() const { return era_of(revision) == mcp::Era::kModern; }
};

/// What a GET asks for, or why it gets no stream.
[[nodiscard]] std::expected<StreamOrder, Answer> order_of_get(const GatewayParts& parts,
                                                              Visit& visit);
/// What `incoming`, a Listen, asks for: of the resources those that its principal may read.
[[nodiscard]] std::expected<StreamOrder, Answer> order_of_listen(const Visit& visit,
                                                                 const mcp::Incoming& incoming,
                                                                 WallTime now);

/// The open notification streams of one loop. A stream keeps no messages: only which lists and
/// resources have changed since it last spoke, so a reader that does not read costs no memory.
class NotificationStreams {
 public:
  class Stream;

  /// `tokens` and `introspector` are the loop's.
  NotificationStreams(const GatewayParts& parts, auth::AccessTokenVerifier& tokens,
                      auth::Introspector& introspector);
  NotificationStreams(const NotificationStreams&) = delete;
  NotificationStreams& operator=(const NotificationStreams&) = delete;
  ~NotificationStreams();

  /// The world from now on. Streams are told what differs for their principals, and those end whose
  /// credential is no more, or holds other roles than before.
  void use(std::shared_ptr<const Snapshot> snapshot);

  /// From now on its principal is watched; nothing is sent yet. An error is the answer where there
  /// is no room. `visit` outlives the stream.
  [[nodiscard]] std::expected<std::shared_ptr<Stream>, Answer> open(Visit& visit,
                                                                    StreamOrder order);
  /// Speaks until the client has gone or the stream is ended from here.
  Task<void> run(std::shared_ptr<Stream> stream);

  /// Ends all streams, and opens no more.
  void drain();

 private:
  using Hook =
      boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  enum class Standing : std::uint8_t { kGood, kGone, kNotAsked };
  [[nodiscard]] Standing standing_of(Stream& stream);
  [[nodiscard]] Task<bool> may_stay(Stream& stream);
  void notice(Stream& stream, const Snapshot& before, const View& view);
  [[nodiscard]] std::vector<std::string> followed_by(const Stream& stream) const;
  [[nodiscard]] std::string event_id(const Stream& stream) const;
  [[nodiscard]] Task<bool> greet(Stream& stream);
  [[nodiscard]] Task<bool> tell(Stream& stream);
  [[nodiscard]] Task<bool> send(Stream& stream, std::string message);

  GatewayParts parts_;
  auth::AccessTokenVerifier& tokens_;
  auth::Introspector& introspector_;
  std::shared_ptr<const Snapshot> snapshot_;
  boost::intrusive::list<Stream, boost::intrusive::base_hook<Hook>,
                         boost::intrusive::constant_time_size<false>>
      streams_;
  bool draining_ = false;
};

}  // namespace mcpgate::gateway
