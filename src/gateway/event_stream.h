#pragma once

#include <string_view>

#include "base/error.h"
#include "base/task.h"
#include "http/server.h"
#include "http/sse.h"

namespace mcpgate::gateway {

/// The SSE stream of one request: it begins with the first message that cannot wait for the answer,
/// so that a call which reports nothing is answered as plain JSON.
class EventStream {
 public:
  /// `headers` are those of the answer, whatever its form. Both references outlive it.
  EventStream(http::Responder& responder, const http::Headers& headers)
      : responder_(responder), headers_(headers) {}
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;
  ~EventStream() = default;

  [[nodiscard]] bool begun() const { return begun_; }

  /// Sends the head, if nothing was sent yet. Here and below: after an error the client is gone,
  /// and so is every later message.
  Task<Expected<void>> begin();
  /// Sends one JSON-RPC message.
  Task<Expected<void>> send(std::string_view message);
  Task<Expected<void>> send(const http::SseEvent& event);
  /// Sends a comment, so that nobody on the way takes the stream for dead.
  Task<Expected<void>> keep_alive();
  Task<void> finish();
  /// The same, and ends the connection, though its request is still being handled.
  Task<void> close();

 private:
  Task<Expected<void>> write(std::string_view bytes);

  http::Responder& responder_;
  const http::Headers& headers_;
  bool begun_ = false;
  bool lost_ = false;
};

}  // namespace mcpgate::gateway
