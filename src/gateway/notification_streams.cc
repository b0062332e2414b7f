#include "gateway/notification_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "base/digest.h"
#include "gateway/bound_token.h"
#include "gateway/event_stream.h"
#include "gateway/session.h"
#include "mcp/legacy.h"
#include "mcp/notification.h"
#include "sandbox/declared.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kEventPurpose = "mcp-event";
/// When to try again where there is no room.
constexpr const char* kRetryAfter = "10";
constexpr int kTooManyRequests = 429;
constexpr int kUnavailable = 503;

std::string write_told(std::string_view session, const View& told) {
  return fmt::format("{} {:x} {:x} {:x} {:x}", session_mark(session), told.tools, told.prompts,
                     told.resources, told.contents);
}

/// Nothing for an event of another session.
std::optional<View> read_told(std::string_view session, std::string_view text) {
  const std::string mark = session_mark(session);
  if (!text.starts_with(mark)) {
    return std::nullopt;
  }
  View told;
  const char* at = text.data() + mark.size();
  const char* const end = text.data() + text.size();
  for (std::uint64_t* part : {&told.tools, &told.prompts, &told.resources, &told.contents}) {
    const auto [rest, error] = std::from_chars(at + (at < end ? 1 : 0), end, *part, 16);
    if (error != std::errc{}) {
      return std::nullopt;
    }
    at = rest;
  }
  return told;
}

Answer post_only() {
  Answer answer = refusal_answer(405, "This revision is served by POST alone.");
  answer.headers.emplace_back("Allow", "POST");
  return answer;
}

/// Which of the limits is reached.
Answer no_room(const StreamOrder& order, int status, std::string_view message) {
  Answer answer = order.is_modern()
                      ? error_answer(order.subscription_id, {.code = mcp::RpcCode::kInternalError,
                                                             .message = std::string(message),
                                                             .http_status = status})
                      : refusal_answer(status, message);
  answer.headers.emplace_back("Retry-After", kRetryAfter);
  return answer;
}

}  // namespace

/// One open stream, on its loop alone.
class NotificationStreams::Stream : public Hook {
 public:
  Stream(Visit& visited, StreamOrder ordered, OpenStreams::Place reserved, asio::io_context& loop)
      : visit(visited),
        order(std::move(ordered)),
        place(std::move(reserved)),
        events(*visited.responder, visited.headers),
        wake(loop) {}

  void end() {
    is_over = true;
    wake.cancel();
  }
  [[nodiscard]] bool has_news() const { return tools || prompts || resources || !updated.empty(); }

  Visit& visit;
  StreamOrder order;
  OpenStreams::Place place;
  EventStream events;
  /// Waited on between messages; cancelled when there is something to do.
  asio::steady_timer wake;
  bool has_gone = false;
  bool is_over = false;
  /// What the principal is shown now, and what its client has been told of.
  View view;
  View told;

  // What has changed and was not told yet.
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::vector<std::string> updated;
};

std::expected<StreamOrder, Answer> order_of_get(const GatewayParts& parts, Visit& visit) {
  const http::Request& request = visit.request;
  const auto revision =
      mcp::legacy::revision_of({.protocol_version = request.header("mcp-protocol-version")});
  if (!revision) {
    return std::unexpected(refusal_answer(400, revision.error().message));
  }
  StreamOrder order{.revision = *revision};
  if (order.is_modern()) {
    return std::unexpected(post_only());
  }
  if (events_wanted(request) == EventsWanted::kNo) {
    return std::unexpected(refusal_answer(406, "A stream is text/event-stream: accept that."));
  }
  if (auto refusal = refuse_session(parts, visit, SessionNeed::kAlways)) {
    return std::unexpected(*std::move(refusal));
  }
  order.session = request.header(kSessionHeader).value_or("");
  if (const auto id = request.header("last-event-id")) {
    const auto told = open_bound(*visit.snapshot->settings->sealer, kEventPurpose, *id,
                                 *visit.principal, parts.clock.wall_now());
    order.told = told ? read_told(order.session, *told) : std::nullopt;
    order.of_call = open_call_event(visit, order.session, *id, parts.clock.wall_now());
    if (!order.told && !order.of_call) {
      return std::unexpected(refusal_answer(
          400, "Last-Event-ID: not an event of this session; open the stream without it."));
    }
  }
  return order;
}

std::expected<StreamOrder, Answer> order_of_listen(const Visit& visit,
                                                   const mcp::Incoming& incoming, WallTime now) {
  const auto& listen = std::get<mcp::Listen>(incoming.message->operation);
  StreamOrder order{.revision = incoming.message->revision,
                    .subscription_id = std::string(incoming.id),
                    .tools = listen.tools,
                    .prompts = listen.prompts,
                    .resources = listen.resources,
                    .any_uris = listen.uris.has_value()};
  if (events_wanted(visit.request) == EventsWanted::kNo) {
    return std::unexpected(
        error_answer(order.subscription_id, {.code = mcp::RpcCode::kInvalidRequest,
                                             .message = "the answer of subscriptions/listen is "
                                                        "text/event-stream: accept that",
                                             .http_status = 406}));
  }
  if (!listen.uris) {
    return order;
  }
  const std::size_t most = visit.snapshot->settings->subscriptions_max;
  if (listen.uris->size() > most) {
    return std::unexpected(
        error_answer(order.subscription_id,
                     {.code = mcp::RpcCode::kInvalidParams,
                      .message = fmt::format("params.notifications.resourceSubscriptions: at most "
                                             "{} resources",
                                             most)}));
  }
  const Asker asker = asker_of(visit, now);
  for (const json::Element uri : *listen.uris) {
    const std::string_view text = json::as_string(uri).value_or("");
    if (text.size() <= sandbox::kUriBytesMax && contents_of(*visit.snapshot, asker, text) != 0) {
      order.uris.emplace_back(text);
    }
  }
  return order;
}

NotificationStreams::NotificationStreams(const GatewayParts& parts,
                                         auth::AccessTokenVerifier& tokens,
                                         auth::Introspector& introspector)
    : parts_(parts), tokens_(tokens), introspector_(introspector) {}

NotificationStreams::~NotificationStreams() = default;

void NotificationStreams::use(std::shared_ptr<const Snapshot> snapshot) {
  const auto before = std::exchange(snapshot_, std::move(snapshot));
  // Streams of one credential share their principal.
  std::map<std::pair<const Principal*, std::string_view>, View> views;
  for (Stream& stream : streams_) {
    if (standing_of(stream) == Standing::kGone) {
      stream.end();
      continue;
    }
    const Asker asker = asker_of(stream.visit, parts_.clock.wall_now());
    const auto [view, is_new] = views.try_emplace({&asker.principal, asker.address});
    if (is_new) {
      view->second = view_of(*snapshot_, asker);
    }
    notice(stream, *before, view->second);
  }
}

/// Whether its credential is still good, and good for the same; or its issuer would have to say.
NotificationStreams::Standing NotificationStreams::standing_of(Stream& stream) {
  // A proof is of the moment at which the stream was opened.
  auto principal = snapshot_->authenticator->authenticate(
      credentials_of(stream.visit, *snapshot_->settings, auth::Possession::Stage::kLater,
                     parts_.seen_proofs),
      parts_.clock.wall_now(), tokens_);
  if (!principal && principal.error().reason == auth::AuthFailureReason::kNotAsked) {
    stream.visit.awaited_issuer = principal.error().issuer;
    return Standing::kNotAsked;
  }
  if (!principal || **principal != *stream.visit.principal) {
    return Standing::kGone;
  }
  stream.visit.principal = *std::move(principal);
  return Standing::kGood;
}

/// Asks its issuer where that is needed.
Task<bool> NotificationStreams::may_stay(Stream& stream) {
  if (standing_of(stream) == Standing::kNotAsked) {
    co_await introspector_.ask(stream.visit.awaited_issuer,
                               std::string(token_of(stream.visit.request)));
  }
  co_return standing_of(stream) == Standing::kGood;
}

std::vector<std::string> NotificationStreams::followed_by(const Stream& stream) const {
  return stream.order.is_modern() ? stream.order.uris
                                  : parts_.sessions.subscriptions_of(stream.order.session);
}

void NotificationStreams::notice(Stream& stream, const Snapshot& before, const View& view) {
  const View was = std::exchange(stream.view, view);
  if (was == view || !stream.place.is_youngest()) {
    return;
  }
  const StreamOrder& order = stream.order;
  stream.tools |= order.tools && was.tools != view.tools;
  stream.prompts |= order.prompts && was.prompts != view.prompts;
  stream.resources |= order.resources && was.resources != view.resources;
  if (was.contents != view.contents) {
    const Asker asker = asker_of(stream.visit, parts_.clock.wall_now());
    const std::vector<std::string> waiting = std::exchange(stream.updated, {});
    for (std::string& uri : followed_by(stream)) {
      if (std::ranges::find(waiting, uri) != waiting.end() ||
          contents_of(before, asker, uri) != contents_of(*snapshot_, asker, uri)) {
        stream.updated.push_back(std::move(uri));
      }
    }
  }
  if (stream.has_news()) {
    stream.wake.cancel();
  }
}

std::expected<std::shared_ptr<NotificationStreams::Stream>, Answer> NotificationStreams::open(
    Visit& visit, StreamOrder order) {
  const Settings& settings = *visit.snapshot->settings;
  if (draining_) {
    return std::unexpected(no_room(order, kUnavailable, "This server is about to end."));
  }
  const auto stream = std::make_shared<std::weak_ptr<Stream>>();
  auto place = parts_.open_streams.open(
      *visit.principal, order.session,
      {.all_max = settings.streams_max, .per_principal_max = settings.streams_per_principal_max},
      parts_.loop.get_executor(), [stream] {
        if (const auto open = stream->lock()) {
          open->end();
        }
      });
  if (!place) {
    return std::unexpected(
        place.error() == OpenStreams::Full::kAll
            ? no_room(order, kUnavailable, "Too many streams are open.")
            : no_room(order, kTooManyRequests, "You have too many streams open."));
  }
  auto opened = std::make_shared<Stream>(visit, std::move(order), *std::move(place), parts_.loop);
  *stream = opened;
  opened->view = view_of(*snapshot_, asker_of(visit, parts_.clock.wall_now()));
  opened->told = opened->view;
  streams_.push_back(*opened);
  return opened;
}

Task<void> NotificationStreams::run(std::shared_ptr<Stream> stream) {
  stream->visit.responder->on_disconnect([weak = std::weak_ptr(stream)] {
    if (const auto gone = weak.lock()) {
      gone->has_gone = true;
      gone->wake.cancel();
    }
  });
  stream->visit.snapshot.reset();  // It lives long, and what is old should not.
  bool is_heard = co_await greet(*stream);
  while (is_heard && !stream->has_gone && !stream->is_over) {
    if (stream->has_news()) {
      is_heard = co_await tell(*stream);
      continue;
    }
    stream->wake.expires_after(snapshot_->settings->stream_keep_alive);
    const auto [error] = co_await stream->wake.async_wait(kAwait);
    const bool stays = !error && co_await may_stay(*stream);
    if (stays) {
      is_heard = (co_await stream->events.keep_alive()).has_value();
    } else if (!error) {
      stream->end();
    }
  }
  if (is_heard && !stream->has_gone && stream->order.is_modern()) {
    (void)co_await stream->events.send(mcp::subscription_ended(stream->order.subscription_id));
  }
  co_await stream->events.finish();
}

void NotificationStreams::drain() {
  draining_ = true;
  for (Stream& stream : streams_) {
    stream.end();
  }
}

/// Says what the stream is for; one that comes back is told what it missed.
Task<bool> NotificationStreams::greet(Stream& stream) {
  const StreamOrder& order = stream.order;
  if (order.is_modern()) {
    co_return co_await send(stream, mcp::subscription_acknowledged({.tools = order.tools,
                                                                    .prompts = order.prompts,
                                                                    .resources = order.resources,
                                                                    .any_uris = order.any_uris,
                                                                    .uris = order.uris},
                                                                   order.subscription_id));
  }
  if (const auto& told = order.told) {
    stream.told = *told;
    stream.tools = told->tools != stream.view.tools;
    stream.prompts = told->prompts != stream.view.prompts;
    stream.resources = told->resources != stream.view.resources;
    if (told->contents != stream.view.contents) {
      stream.updated = followed_by(stream);
    }
  }
  if (order.revision < mcp::Revision::k20251125) {
    co_return (co_await stream.events.begin()).has_value();
  }
  // So that a client can come back even before the first message (2025-11-25, basic/transports).
  co_return (co_await stream.events.send(
                 {.id = event_id(stream), .event = "", .data = "", .retry_ms = kStreamRetryMs}))
      .has_value();
}

/// Of an event: what the client has been told once it has it.
std::string NotificationStreams::event_id(const Stream& stream) const {
  return seal_bound(*snapshot_->settings->sealer, kEventPurpose, *stream.visit.principal,
                    parts_.clock.wall_now() + kSessionLifetime,
                    write_told(stream.order.session, stream.told), parts_.random);
}

Task<bool> NotificationStreams::send(Stream& stream, std::string message) {
  http::SseEvent event{.id = {}, .event = "message", .data = std::move(message), .retry_ms = {}};
  if (!stream.order.is_modern()) {
    event.id = event_id(stream);
  }
  co_return (co_await stream.events.send(event)).has_value();
}

/// Sends what has changed. What changes while the reader takes its time waits for the next round.
Task<bool> NotificationStreams::tell(Stream& stream) {
  using Kind = mcp::List::Kind;
  const std::string id = stream.order.subscription_id;
  bool is_heard = true;
  if (is_heard && std::exchange(stream.tools, false)) {
    stream.told.tools = stream.view.tools;
    is_heard = co_await send(stream, mcp::list_changed(Kind::kTools, id));
  }
  if (is_heard && std::exchange(stream.prompts, false)) {
    stream.told.prompts = stream.view.prompts;
    is_heard = co_await send(stream, mcp::list_changed(Kind::kPrompts, id));
  }
  if (is_heard && std::exchange(stream.resources, false)) {
    stream.told.resources = stream.view.resources;
    is_heard = co_await send(stream, mcp::list_changed(Kind::kResources, id));
  }
  const std::uint64_t contents = stream.view.contents;
  const std::vector<std::string> updated = std::exchange(stream.updated, {});
  for (const std::string& uri : updated) {
    if (&uri == &updated.back()) {
      stream.told.contents = contents;
    }
    is_heard = is_heard && co_await send(stream, mcp::resource_updated(uri, id));
  }
  co_return is_heard;
}

}  // namespace mcpgate::gateway
