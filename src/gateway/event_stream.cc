#include "gateway/event_stream.h"

namespace mcpgate::gateway {

Task<Expected<void>> EventStream::begin() {
  if (begun_) {
    co_return Expected<void>{};
  }
  begun_ = true;
  http::Headers headers = headers_;
  headers.emplace_back("Content-Type", "text/event-stream");
  headers.emplace_back("Cache-Control", "no-cache");
  headers.emplace_back("X-Accel-Buffering", "no");
  auto head = co_await responder_.begin(200, std::move(headers));
  lost_ = !head;
  co_return head;
}

Task<Expected<void>> EventStream::write(std::string_view bytes) {
  if (!lost_ && !begun_) {
    (void)co_await begin();
  }
  if (lost_) {
    co_return fail(ErrorCode::kUnavailable, "the client has gone");
  }
  auto written = co_await responder_.write(bytes);
  lost_ = !written;
  co_return written;
}

Task<Expected<void>> EventStream::send(std::string_view message) {
  co_return co_await send(
      http::SseEvent{.id = {}, .event = "message", .data = std::string(message), .retry_ms = {}});
}

Task<Expected<void>> EventStream::send(const http::SseEvent& event) {
  std::string bytes;
  http::append_sse(bytes, event);
  co_return co_await write(bytes);
}

Task<Expected<void>> EventStream::keep_alive() {
  return write(":\n\n");
}

Task<void> EventStream::close() {
  co_await finish();
  lost_ = true;
  responder_.close();
}

Task<void> EventStream::finish() {
  if (begun_ && !lost_) {
    (void)co_await responder_.finish();
  }
}

}  // namespace mcpgate::gateway
