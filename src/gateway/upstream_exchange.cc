#include "gateway/upstream_exchange.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace mcpgate::gateway {

namespace {

/// As long as a header of ours may be; a session's id is repeated in each.
constexpr std::size_t kSessionIdBytesMax = 1024;
/// As long as a server may have a client wait that would come back.
constexpr std::chrono::milliseconds kRetryMax{10'000};

std::unexpected<Error> too_long(std::size_t bytes_max) {
  return fail(ErrorCode::kOutOfRange, "it says more than {} bytes", bytes_max);
}

/// 2025-11-25, "Session Management": visible ASCII.
bool is_session_id(std::string_view text) {
  return text.size() <= kSessionIdBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

void UpstreamSwitch::turn_off() {
  is_off_ = true;
  if (open_ != nullptr) {
    open_->exchange_.abort();
  }
  if (waiting_ != nullptr) {
    waiting_->cancel();
  }
}

Task<bool> UpstreamSwitch::wait(asio::io_context& loop, std::chrono::milliseconds time) {
  asio::steady_timer timer(loop, time);
  waiting_ = &timer;
  if (!is_off_) {
    (void)co_await timer.async_wait(kAwait);
  }
  waiting_ = nullptr;
  co_return !is_off_;
}

UpstreamExchange::UpstreamExchange(http::Client& client, UpstreamSwitch& off, std::size_t bytes_max)
    : exchange_(client), switch_(off), bytes_max_(bytes_max), events_(bytes_max) {
  switch_.open_ = this;
}

Task<Expected<UpstreamHead>> UpstreamExchange::send(const UpstreamSend& wanted) {
  if (switch_.is_off()) {
    co_return fail(ErrorCode::kCancelled, "the call was cancelled");
  }
  std::vector<http::Header> headers;
  headers.reserve(wanted.headers.size());
  for (const auto& [name, value] : wanted.headers) {
    headers.push_back({.name = name, .value = value});
  }
  const auto head = co_await exchange_.send({.method = wanted.method,
                                             .target = wanted.target,
                                             .headers = headers,
                                             .body = wanted.body,
                                             .deadline = wanted.deadline});
  if (!head) {
    co_return std::unexpected(head.error());
  }
  const auto type = head->header("Content-Type");
  form_ = http::is_media_type(type, "application/json")    ? Form::kJson
          : http::is_media_type(type, "text/event-stream") ? Form::kEvents
                                                           : Form::kNone;
  UpstreamHead answer{.status = head->status,
                      .session_id = std::string(head->header("Mcp-Session-Id").value_or("")),
                      .retry_after = http::parse_retry_after(head->header("Retry-After"))};
  if (!is_session_id(answer.session_id)) {
    co_return fail(ErrorCode::kUnavailable, "its Mcp-Session-Id is none");
  }
  co_return answer;
}

Task<Expected<std::optional<std::string>>> UpstreamExchange::next() {
  if (form_ == Form::kEvents) {
    co_return co_await next_event();
  }
  if (std::exchange(form_, Form::kNone) == Form::kNone) {
    co_return std::nullopt;
  }
  auto body = co_await exchange_.read_all(bytes_max_);
  if (!body && body.error().code == ErrorCode::kResourceExhausted) {
    co_return too_long(bytes_max_);
  }
  co_return body;
}

Task<Expected<std::optional<std::string>>> UpstreamExchange::next_event() {
  for (;;) {
    while (auto event = events_.next()) {
      resume_point_.event = event->id.value_or(resume_point_.event);
      if (event->retry_ms) {
        resume_point_.retry = std::min(std::chrono::milliseconds(*event->retry_ms), kRetryMax);
      }
      if (!event->data.empty() && (event->event.empty() || event->event == "message")) {
        co_return std::move(event->data);
      }
    }
    const auto piece = co_await exchange_.read();
    is_over_ = !piece || piece->empty();
    if (!piece) {
      co_return std::unexpected(piece.error());
    }
    if (piece->empty()) {
      co_return std::nullopt;
    }
    if (piece->size() > bytes_left() || !events_.feed(*piece)) {
      co_return too_long(bytes_max_);
    }
    bytes_ += piece->size();
  }
}

std::optional<UpstreamResumePoint> UpstreamExchange::resume_point() const {
  // What cannot be a header was no event's id of a server that means to be asked for it.
  return is_over_ && !resume_point_.event.empty() && is_session_id(resume_point_.event)
             ? std::optional(resume_point_)
             : std::nullopt;
}

}  // namespace mcpgate::gateway
