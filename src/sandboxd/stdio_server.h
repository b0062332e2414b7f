#pragma once

// One process of a stdio server and the conversation with it: the handshake, one request at a time,
// and whatever it says unasked.

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "json/parse.h"
#include "mcp/server_message.h"
#include "sandbox/server_limits.h"
#include "sandboxd/call.h"
#include "sandboxd/server_counts.h"
#include "sandboxd/server_peer.h"
#include "sandboxd/zygote.h"

namespace mcpgate::sandboxd {

/// What is the same for all processes of a set's server.
struct StdioServerOptions {
  /// The tool set, for the log.
  std::string name = {};
  /// Kept while a process of it lives.
  std::shared_ptr<Zygote> zygote = {};
  Limits limits = {};
  sandbox::ServerLimits server = {};
  std::map<std::string, std::filesystem::path> mounts = {};
  std::shared_ptr<ServerCounts> counts = std::make_shared<ServerCounts>();
};

/// What a server is asked, and on whose behalf. Lives until ask() returns.
struct ServerQuestion {
  std::string_view method;
  std::string params = {};
  SteadyTime deadline = {};
  /// All that it may say until it has answered, bytes.
  std::size_t output_bytes_max = 0;
  /// CPU time for it.
  std::chrono::milliseconds cpu{0};
  /// Who hears of its progress and its log; null: nobody.
  EventSink* sink = nullptr;
};

/// What came of it: exactly one of result, error and ended.
struct ServerAnswer {
  /// JSON bytes of hostile origin.
  std::string result = {};
  /// A JSON-RPC error, for people.
  std::string error = {};
  /// It did not answer. Whether the process still lives: StdioServer::is_over().
  EndReason reason = EndReason::kNone;
  std::string text = {};
  Usage usage = {};
  /// The end of what it wrote to its standard error meanwhile.
  std::string diagnostics = {};
};

/// One process, from its start to its end. Belongs to one loop; shared with its own coroutine.
class StdioServer final : public ServerPeer, public std::enable_shared_from_this<StdioServer> {
 public:
  /// Starts it; `on_list_changed` is called when it says that its tools have changed, `on_over`
  /// when it has ended. Neither after stop().
  static std::shared_ptr<StdioServer> start(asio::io_context& loop, StdioServerOptions options,
                                            std::function<void()> on_list_changed,
                                            std::function<void()> on_over);

  /// The id that the next question will have.
  [[nodiscard]] std::uint64_t next_id() const { return next_id_; }
  /// The handshake, within `until` and the set's `server.start`; at once where it is done. What is
  /// in `reason` otherwise, the process is over.
  Task<ServerAnswer> shake_hands(SteadyTime until);
  /// Asks one thing; nobody else may be asking. At its deadline or after cancel() the server is
  /// told so; where it does not answer within `server.cancelGrace` its process is killed.
  Task<ServerAnswer> ask(ServerQuestion question);
  /// Ends the question that is open, as `killed`; no effect where none is.
  void cancel();
  /// How long an ending process may take: to write what it keeps in memory.
  static constexpr std::chrono::milliseconds kStopGrace{1000};
  /// Tells it to end, and kills it where it has not by then.
  void stop(std::chrono::milliseconds grace = kStopGrace);
  /// Kills it and waits for its end. Nobody may be asking.
  Task<> finish();

  /// Whether it has ended or has been told to.
  [[nodiscard]] bool is_over() const { return stopped_ || end_.has_value(); }

  void on_begin(const std::shared_ptr<RunningCall>& process) override;
  bool on_stdout(std::string_view bytes) override;
  void on_stderr(std::string_view bytes) override;

 private:
  StdioServer(asio::io_context& loop, StdioServerOptions options);
  static Task<> run(std::shared_ptr<StdioServer> self);
  void take_line(std::string_view line);
  void take_notification(std::string_view method, std::string_view params, json::Parser& parser);
  void take_request(const mcp::ServerRequest& request);
  void send(const std::string& line);
  [[nodiscard]] bool is_within_rate();
  void end_question(EndReason reason, std::string text);
  Task<> wait_for_answer();
  Task<> give_up_question();
  [[nodiscard]] ServerAnswer take_answer();
  void log_stderr_line(std::string_view line);

  asio::io_context& loop_;
  StdioServerOptions options_;
  std::function<void()> on_list_changed_;
  std::function<void()> on_over_;
  json::Parser parser_;
  std::shared_ptr<RunningCall> process_;
  /// How it ended.
  std::optional<CallOutcome> end_;
  bool stopped_ = false;
  bool shaken_ = false;

  /// What was said and is no whole line yet, and how far no line feed is in it.
  std::string unread_;
  std::size_t searched_ = 0;
  std::uint64_t said_bytes_ = 0;
  bool noise_logged_ = false;
  SteadyTime rate_window_;
  unsigned messages_in_window_ = 0;

  std::uint64_t next_id_ = 1;
  const ServerQuestion* question_ = nullptr;
  std::uint64_t question_id_ = 0;
  std::optional<ServerAnswer> answer_;
  /// Why the open question is to end without its answer.
  EndReason give_up_ = EndReason::kNone;
  std::string give_up_text_;
  /// Wakes who waits for an answer or the end.
  asio::steady_timer wake_;

  std::string stderr_line_;
  std::string diagnostics_;
  SteadyTime stderr_window_;
  unsigned stderr_lines_ = 0;
};

}  // namespace mcpgate::sandboxd
