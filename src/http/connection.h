#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/intrusive/list.hpp>

#include "http/buffer.h"
#include "http/chunked.h"
#include "http/deadline.h"
#include "http/hangup.h"
#include "http/head.h"
#include "http/server.h"
#include "http/stream.h"

namespace mcpgate::http {

/// What the connections of a Server share.
struct ConnectionShared {
  ConnectionShared(asio::io_context& context, Handler& request_handler,
                   ServerOptions server_options)
      : loop(context),
        handler(request_handler),
        options(std::move(server_options)),
        hangups(context),
        idle(context),
        head(context),
        body(context),
        write(context) {}

  asio::io_context& loop;
  Handler& handler;
  ServerOptions options;
  HangupWatch hangups;
  /// One queue a timeout length.
  DeadlineQueue idle;
  DeadlineQueue head;
  DeadlineQueue body;
  DeadlineQueue write;
  /// Capacity of all buffers beyond Buffer::kCapacityMin.
  std::size_t buffered_bytes = 0;
  bool draining = false;
  /// The Date field of answers, made once a second.
  std::string date_line;
  std::int64_t date_second = -1;
};

/// One accepted connection: reads requests, has them handled, writes answers. Owned by the
/// coroutine that runs serve().
class Connection final : public HangupWatch::Watched,
                         public boost::intrusive::list_base_hook<
                             boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Connection(std::shared_ptr<ConnectionShared> shared, UniqueFd fd, int family, std::string peer);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override;

  /// Until the connection is done.
  Task<void> serve();

  /// The server drains: an idle connection ends, another ends after the request in flight.
  void drain();
  /// Ends everything at once; a handler that runs is told as by a disconnect.
  void cut();

  // Responder's side.
  void send(Response response);
  Task<Expected<void>> begin(int status, Headers headers);
  Task<Expected<void>> write(std::string_view bytes);
  Task<Expected<void>> finish();
  void close();
  void on_disconnect(std::function<void()> gone);

 private:
  /// What became of an attempt to receive: go on, answer this refusal, or just close.
  enum class Received { kReady, kRefused, kClosed };
  enum class Answer { kNone, kWhole, kStream, kFinished };

  void on_hangup() override;

  Task<Received> receive_head();
  [[nodiscard]] bool has_body() const;
  [[nodiscard]] bool wants_body();
  Received expect_body();
  Task<Received> receive_body();
  Task<Received> receive_chunks();
  Task<Received> receive_more(DeadlineQueue& queue, std::chrono::milliseconds timeout,
                              const char* late);
  [[nodiscard]] bool make_room(std::size_t bytes_max);
  Received refuse(int status, std::string_view reason);
  Task<Expected<void>> continue_if_expected();
  [[nodiscard]] Request request_view();

  Task<bool> serve_one();
  Task<void> handle(const Request& request);
  Task<bool> answer();
  void decide_refusal();
  Task<void> linger();
  Task<Expected<void>> write_all(Pieces pieces);
  void append_head(int status, const Headers& headers);
  [[nodiscard]] bool is_bodyless(int status) const;
  void finish_request();

  std::shared_ptr<ConnectionShared> shared_;
  Stream stream_;
  std::string peer_;
  Deadline deadline_;
  Buffer buffer_;

  // Of the request at hand.
  HeadScanner scanner_;
  RequestHead head_;
  std::size_t head_bytes_ = 0;
  /// Where the body ends, and where the request does: chunks take more room than what they carry.
  std::size_t body_end_ = 0;
  std::size_t request_end_ = 0;
  HeadError refusal_{0, ""};
  std::function<void()> gone_;

  // Of its answer.
  Answer answer_ = Answer::kNone;
  Response response_;
  std::string out_;
  std::string queued_;
  bool writing_ = false;
  bool chunked_ = false;

  bool keep_alive_ = true;
  bool idle_ = false;
  bool served_one_ = false;
  bool timed_out_ = false;
  bool broken_ = false;
  bool hung_up_ = false;
  bool watched_ = false;
};

}  // namespace mcpgate::http
