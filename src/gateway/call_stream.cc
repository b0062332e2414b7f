#include "gateway/call_stream.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "gateway/bound_token.h"
#include "gateway/session.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kCallEventPurpose = "mcp-call-event";

/// `MARK CALL COUNT`; no call id has a space.
std::string seal_call_event(const GatewayParts& parts, const Visit& visit, std::string_view session,
                            const CallEvent& event) {
  return seal_bound(*visit.snapshot->settings->sealer, kCallEventPurpose, *visit.principal,
                    parts.clock.wall_now() + kSessionLifetime,
                    fmt::format("{} {} {}", session_mark(session), event.call, event.count),
                    parts.random);
}

}  // namespace

std::optional<CallEvent> open_call_event(const Visit& visit, std::string_view session,
                                         std::string_view id, WallTime now) {
  const auto content =
      open_bound(*visit.snapshot->settings->sealer, kCallEventPurpose, id, *visit.principal, now);
  const std::string mark = session_mark(session) + ' ';
  if (!content || !content->starts_with(mark)) {
    return std::nullopt;
  }
  const std::string_view rest = std::string_view(*content).substr(mark.size());
  const std::size_t space = rest.find(' ');
  MCPGATE_ASSERT(space != std::string_view::npos);  // We sealed it.
  CallEvent event{.call = std::string(rest.substr(0, space))};
  (void)std::from_chars(rest.data() + space + 1, rest.data() + rest.size(), event.count);
  return event;
}

CallStream::CallStream(const GatewayParts& parts, const Visit& visit, const mcp::Incoming& incoming)
    : parts_(parts), visit_(visit), events_(*visit.responder, visit.headers) {
  if (incoming.message && incoming.message->era() == mcp::Era::kLegacy) {
    session_ = visit.request.header(kSessionHeader).value_or("");
    is_primed_ = incoming.message->revision >= mcp::Revision::k20251125;
  }
}

void CallStream::follow_client(KeptEvents::OnPresence presence) {
  presence_ = std::move(presence);
  visit_.responder->on_disconnect([this] {
    if (!kept_ || !kept_->is_taken()) {
      presence_(false);
    }
  });
}

std::string CallStream::event_id(std::size_t count) const {
  return seal_call_event(parts_, visit_, session_, {.call = visit_.request_id, .count = count});
}

/// Begins to keep what is sent, where the client can come back for it.
Task<void> CallStream::begin() {
  const Settings& settings = *visit_.snapshot->settings;
  if (begun() || session_.empty() || !presence_) {
    co_return;
  }
  kept_.emplace(parts_.kept_events.keep(
      visit_.request_id, {.bytes_max = settings.resume_bytes_max, .window = settings.resume_window},
      parts_.loop.get_executor(), presence_));
  if (is_primed_ && kept_->count()) {
    // So that it can come back even before the first message (2025-11-25, basic/transports).
    (void)co_await events_.send(
        {.id = event_id(0), .event = "", .data = "", .retry_ms = kStreamRetryMs});
  }
}

Task<Expected<void>> CallStream::send(std::string_view message) {
  co_await begin();
  http::SseEvent event{.id = {}, .event = "message", .data = std::string(message), .retry_ms = {}};
  if (!kept_) {
    co_return co_await events_.send(event);
  }
  kept_->add(message);
  const auto count = kept_->count();
  Expected<void> sent = fail(ErrorCode::kUnavailable, "the client has gone");
  if (!is_closed_ && !kept_->is_taken()) {
    if (count) {
      event.id = event_id(*count);
    }
    sent = co_await events_.send(event);
  }
  co_return count ? Expected<void>{} : sent;
}

Task<bool> CallStream::close() {
  co_await begin();
  if (!is_primed_ || is_closed_ || !kept_ || !kept_->count() || kept_->is_taken()) {
    co_return false;
  }
  is_closed_ = true;
  visit_.responder->on_disconnect(nullptr);
  co_await events_.close();
  presence_(false);
  co_return true;
}

Task<void> CallStream::finish() {
  kept_.reset();
  if (!is_closed_) {
    co_await events_.finish();
  }
}

Task<void> follow_call(const GatewayParts& parts, const Visit& visit, CallEvent at,
                       KeptEvents::Reader reader, std::shared_ptr<asio::steady_timer> wake) {
  const std::string session(visit.request.header(kSessionHeader).value_or(""));
  const auto has_left = std::make_shared<bool>(false);
  visit.responder->on_disconnect([has_left, wake] {
    *has_left = true;
    wake->cancel();
  });
  EventStream events(*visit.responder, visit.headers);
  bool is_heard = (co_await events.begin()).has_value();
  while (is_heard && !*has_left) {
    const KeptEvents::Reader::News news = reader.take();
    for (const std::string& message : news.messages) {
      ++at.count;
      is_heard = is_heard && co_await events.send({.id = seal_call_event(parts, visit, session, at),
                                                   .event = "message",
                                                   .data = message,
                                                   .retry_ms = {}});
    }
    if (news.is_over) {
      break;
    }
    if (news.messages.empty()) {
      wake->expires_after(visit.snapshot->settings->stream_keep_alive);
      const auto [error] = co_await wake->async_wait(kAwait);
      is_heard = error || co_await events.keep_alive();
    }
  }
  co_await events.finish();
}

}  // namespace mcpgate::gateway
