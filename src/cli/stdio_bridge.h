#pragma once

// Between a client that speaks MCP over standard input and output, and a gateway that speaks it
// over HTTP. Messages pass both ways as they are; what HTTP needs beside them is made here.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/task.h"
#include "cli/credential.h"
#include "http/client.h"
#include "json/parse.h"

namespace mcpgate::cli {

/// The longest line in either direction: the gateway's largest body.
inline constexpr std::size_t kLineBytesMax = std::size_t{4} << 20;
/// Messages on their way at once; the next line is read when one is done.
inline constexpr std::size_t kMessagesInFlightMax = 256;

/// One bridge. Pinned to its loop.
class StdioBridge {
 public:
  /// `input` and `output` are borrowed descriptors: lines of the client, and lines for it.
  StdioBridge(asio::io_context& loop, Target target, int input, int output);
  ~StdioBridge();
  StdioBridge(const StdioBridge&) = delete;
  StdioBridge& operator=(const StdioBridge&) = delete;

  /// Serves until the client closes its end and every request of it is answered.
  Task<void> run();

 private:
  struct Outgoing;

  Task<void> read_lines();
  /// take_line() as soon as fewer messages than may be are in flight.
  Task<void> take_line_in_turn(std::string line);
  void take_line(std::string line);
  Task<void> deliver(std::shared_ptr<Outgoing> message);
  Task<void> post(const std::shared_ptr<Outgoing>& message);
  [[nodiscard]] bool can_resume(const Outgoing& message) const;
  Task<void> resume(const std::shared_ptr<Outgoing>& message);
  Task<void> take_answer(Outgoing& message, http::Exchange& exchange,
                         const http::ResponseHead& head);
  Task<Expected<void>> take_events(Outgoing& message, http::Exchange& exchange);
  void take_body(Outgoing& message, std::string_view body);
  void learn(const Outgoing& message, const http::ResponseHead& head);
  void learn_revision(std::string_view body);
  bool cancel(const Outgoing& message);
  void fail_request(Outgoing& message, std::string_view why);
  void write_line(std::string_view json);

  asio::io_context& loop_;
  Target target_;
  http::Client client_;
  asio::posix::stream_descriptor input_;
  int output_;
  json::Parser parser_;
  /// Expires whenever a message is done.
  asio::steady_timer done_;
  std::size_t in_flight_ = 0;
  /// Requests on their way by their ids' JSON bytes.
  std::map<std::string, std::weak_ptr<Outgoing>, std::less<>> requests_;
  /// Of the legacy era, once `initialize` was answered.
  std::string session_;
  std::string revision_;
};

}  // namespace mcpgate::cli
