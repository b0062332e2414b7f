#include "gateway/event_stream.h"

#include "http/sse.h"

namespace mcpgate::gateway {

Task<Expected<void>> EventStream::send(std::string_view message) {
  if (lost_) {
    co_return fail(ErrorCode::kUnavailable, "the client has gone");
  }
  if (!begun_) {
    begun_ = true;
    http::Headers headers = headers_;
    headers.emplace_back("Content-Type", "text/event-stream");
    headers.emplace_back("Cache-Control", "no-cache");
    headers.emplace_back("X-Accel-Buffering", "no");
    if (auto head = co_await responder_.begin(200, std::move(headers)); !head) {
      lost_ = true;
      co_return head;
    }
  }
  std::string event;
  http::append_sse(event, {.event = "message", .data = std::string(message)});
  auto written = co_await responder_.write(event);
  lost_ = !written;
  co_return written;
}

Task<void> EventStream::finish() {
  if (begun_ && !lost_) {
    (void)co_await responder_.finish();
  }
}

}  // namespace mcpgate::gateway
