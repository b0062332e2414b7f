// Nothing that the process says is believed: a line is parsed before it is looked at, what it may
// say is bounded in bytes and in messages, and an answer counts only for the question that is open.

#include "sandboxd/stdio_server.h"

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "json/raw.h"
#include "json/write.h"
#include "sandboxd/running_call.h"

namespace mcpgate::sandboxd {

namespace {

using std::chrono::steady_clock;

/// What a server may say while nobody asks it anything, bytes.
constexpr std::size_t kUnaskedBytesMax = std::size_t{1} << 20;
/// Of its standard error in the log: lines a minute, and bytes of each.
constexpr unsigned kStderrLinesMax = 60;
constexpr std::chrono::minutes kStderrWindow{1};
constexpr std::size_t kStderrLineBytesMax = 500;
constexpr std::size_t kSmallLineBytes = std::size_t{64} << 10;

std::string printable(std::string_view line) {
  std::string text(line.substr(0, kStderrLineBytesMax));
  std::ranges::replace_if(
      text, [](char byte) { return static_cast<unsigned char>(byte) < ' ' || byte == '\x7f'; },
      ' ');
  return text;
}

/// Whether what it answered to `initialize` is that of a server with tools.
Expected<void> check_offer(const ServerAnswer& answer) {
  if (!answer.error.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "it refused initialize: {}", answer.error);
  }
  const mcp::ServerOffer offer = TRY(mcp::read_initialize_result(answer.result));
  return offer.has_tools ? Expected<void>()
                         : fail(ErrorCode::kFailedPrecondition, "it has no tools");
}

Task<> kill_later(std::shared_ptr<RunningCall> process, std::chrono::milliseconds grace) {
  asio::steady_timer timer(co_await asio::this_coro::executor, grace);
  co_await timer.async_wait(kAwait);
  process->kill(EndReason::kKilled, "was ended, since nobody called it any more");
}

}  // namespace

StdioServer::StdioServer(asio::io_context& loop, StdioServerOptions options)
    : loop_(loop),
      options_(std::move(options)),
      parser_(kSmallLineBytes),
      wake_(loop, steady_clock::time_point::max()) {}

std::shared_ptr<StdioServer> StdioServer::start(asio::io_context& loop, StdioServerOptions options,
                                                std::function<void()> on_list_changed,
                                                std::function<void()> on_over) {
  std::shared_ptr<StdioServer> server(new StdioServer(loop, std::move(options)));
  server->on_list_changed_ = std::move(on_list_changed);
  server->on_over_ = std::move(on_over);
  ++server->options_.counts->started;
  asio::co_spawn(loop, run(server), asio::detached);
  return server;
}

Task<> StdioServer::run(std::shared_ptr<StdioServer> self) {
  auto ended =
      co_await self->options_.zygote->serve(self->options_.limits, self->options_.mounts, *self);
  CallOutcome end = ended
                        ? *std::move(ended)
                        : CallOutcome{.reason = EndReason::kKilled, .text = ended.error().message};
  const EndReason reason = end.reason == EndReason::kNone ? EndReason::kCrashed : end.reason;
  self->options_.counts->count_end(self->stopped_ ? EndReason::kNone : reason);
  const std::string how = end.text;
  self->end_ = std::move(end);
  self->process_.reset();
  self->wake_.cancel();
  // Whoever hears it may let go of this object's callbacks.
  if (const auto on_over = std::exchange(self->on_over_, {}); on_over && !self->stopped_) {
    log_info("tool set {}: a server's process is over: {}", self->options_.name, how);
    on_over();
  }
}

void StdioServer::on_begin(const std::shared_ptr<RunningCall>& process) {
  process_ = process;
  if (stopped_) {
    process_->kill(EndReason::kKilled, "was ended before it began");
  }
  wake_.cancel();
}

void StdioServer::stop(std::chrono::milliseconds grace) {
  on_list_changed_ = {};
  on_over_ = {};
  stopped_ = true;
  if (!process_) {
    return;  // It is over, or on_begin() will see to it.
  }
  process_->close_input();
  if (grace.count() == 0) {
    process_->kill(EndReason::kKilled, "was ended");
  } else {
    asio::co_spawn(loop_, kill_later(process_, grace), asio::detached);
  }
}

Task<> StdioServer::finish() {
  stop(std::chrono::milliseconds{0});
  while (!end_) {
    wake_.expires_at(steady_clock::time_point::max());
    co_await wake_.async_wait(kAwait);
  }
}

void StdioServer::cancel() {
  end_question(EndReason::kKilled, "cancelled");
}

void StdioServer::end_question(EndReason reason, std::string text) {
  if (question_ != nullptr && give_up_ == EndReason::kNone && !answer_) {
    give_up_ = reason;
    give_up_text_ = std::move(text);
    wake_.cancel();
  }
}

// ---- What it says

bool StdioServer::on_stdout(std::string_view bytes) {
  said_bytes_ += bytes.size();
  const std::size_t allowed = question_ != nullptr ? question_->output_bytes_max : kUnaskedBytesMax;
  if (said_bytes_ > allowed) {
    process_->kill(EndReason::kOutput, fmt::format("said more than {} bytes", allowed));
    return false;
  }
  unread_ += bytes;
  if (unread_.size() > std::max(allowed, options_.limits.output_bytes)) {
    process_->kill(EndReason::kOutput, "said a line that is too long");
    return false;
  }
  std::size_t start = 0;
  for (std::size_t end = 0;
       (end = unread_.find('\n', std::max(start, searched_))) != std::string::npos;
       start = end + 1) {
    if (!is_within_rate()) {
      process_->kill(EndReason::kKilled,
                     fmt::format("sent more than {} messages in a second", kFramesPerSecondMax));
      return false;
    }
    take_line(std::string_view(unread_).substr(start, end - start));
  }
  unread_.erase(0, start);
  searched_ = unread_.size();
  return true;
}

bool StdioServer::is_within_rate() {
  const auto now = steady_clock::now();
  if (now - rate_window_ >= std::chrono::seconds(1)) {
    rate_window_ = now;
    messages_in_window_ = 0;
  }
  return ++messages_in_window_ <= kFramesPerSecondMax;
}

void StdioServer::take_line(std::string_view line) {
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (line.empty()) {
    return;
  }
  // A parser keeps the memory of its largest document: a large one gets its own.
  json::Parser large(line.size());
  json::Parser& parser = line.size() > kSmallLineBytes ? large : parser_;
  const auto message = mcp::read_server_message(line, parser);
  if (!message) {
    // Many a server greets on the wrong stream; the client of an SDK passes over it as well.
    if (!std::exchange(noise_logged_, true)) {
      log_warn("tool set {}: its server says what is no message of MCP, passed over: {}",
               options_.name, message.error().message);
    }
    return;
  }
  if (const auto* response = std::get_if<mcp::ServerResponse>(&*message)) {
    if (question_ != nullptr && response->id == question_id_ && !answer_) {
      answer_ = {.result = std::string(response->result), .error = response->error};
      wake_.cancel();
    }
  } else if (const auto* note = std::get_if<mcp::ServerNotification>(&*message)) {
    const std::string method(note->method);  // The parser may parse the parameters next.
    take_notification(method, note->params, parser);
  } else {
    take_request(std::get<mcp::ServerRequest>(*message));
  }
}

void StdioServer::take_notification(std::string_view method, std::string_view params,
                                    json::Parser& parser) {
  if (method == "notifications/tools/list_changed") {
    if (shaken_ && on_list_changed_) {
      on_list_changed_();
    }
    return;
  }
  if (question_ == nullptr || question_->sink == nullptr || params.empty() || answer_) {
    return;
  }
  if (method == "notifications/progress") {
    if (const std::string json = mcp::progress_of(params, question_id_, parser); !json.empty()) {
      question_->sink->on_progress(json);
    }
  } else if (method == "notifications/message") {
    if (const std::string json = mcp::log_of(params, parser); !json.empty()) {
      question_->sink->on_log(json);
    }
  }
}

void StdioServer::take_request(const mcp::ServerRequest& request) {
  send(mcp::answer_server_request(request));
}

void StdioServer::send(const std::string& line) {
  if (process_ && !process_->write(line)) {
    process_->kill(EndReason::kKilled, "does not read what it is sent");
  }
}

/// The end of it to whoever runs the tool by hand. To the log, by lines, only what it says about
/// its start: later lines may hold what calls were given.
void StdioServer::on_stderr(std::string_view bytes) {
  diagnostics_.append(bytes);
  if (diagnostics_.size() > 2 * kDiagnosticsBytesMax) {
    diagnostics_.erase(0, diagnostics_.size() - kDiagnosticsBytesMax);
  }
  for (const char byte : shaken_ ? std::string_view() : bytes) {
    if (byte == '\n') {
      log_stderr_line(stderr_line_);
      stderr_line_.clear();
    } else if (stderr_line_.size() < kStderrLineBytesMax) {
      stderr_line_ += byte;
    }
  }
}

void StdioServer::log_stderr_line(std::string_view line) {
  const auto now = steady_clock::now();
  if (now - stderr_window_ >= kStderrWindow) {
    stderr_window_ = now;
    stderr_lines_ = 0;
  }
  if (++stderr_lines_ < kStderrLinesMax) {
    log_info("tool set {}: its server: {}", options_.name, printable(line));
  } else if (stderr_lines_ == kStderrLinesMax) {
    log_info("tool set {}: its server says more, which is dropped for a minute", options_.name);
  }
}

// ---- Questions

Task<ServerAnswer> StdioServer::shake_hands(SteadyTime until) {
  if (shaken_ && !is_over()) {
    co_return ServerAnswer{};
  }
  ServerAnswer answer =
      co_await ask({.method = "initialize",
                    .params = mcp::initialize_params(),
                    .deadline = std::min(until, steady_clock::now() + options_.server.start),
                    .output_bytes_max = options_.limits.output_bytes,
                    .cpu = options_.limits.cpu});
  if (answer.reason != EndReason::kNone) {
    answer.text += " (at its start)";
    stop(std::chrono::milliseconds{0});
    co_return answer;
  }
  const auto good = check_offer(answer);
  if (!good) {
    answer.reason = EndReason::kCrashed;
    answer.text = good.error().message;
    stop(std::chrono::milliseconds{0});
    co_return answer;
  }
  shaken_ = true;
  send(mcp::write_server_notification("notifications/initialized", "{}"));
  co_return answer;
}

Task<ServerAnswer> StdioServer::ask(ServerQuestion question) {
  const auto asked = steady_clock::now();
  question_ = &question;
  question_id_ = next_id_++;
  answer_.reset();
  give_up_ = EndReason::kNone;
  said_bytes_ = 0;
  diagnostics_.clear();
  while (!process_ && !is_over() && give_up_ == EndReason::kNone &&
         steady_clock::now() < question.deadline) {
    wake_.expires_at(question.deadline);
    co_await wake_.async_wait(kAwait);
  }
  const std::shared_ptr<RunningCall> process = process_;
  if (process) {
    process->begin_account(question.cpu);
    send(mcp::write_server_request(question_id_, question.method, question.params));
    co_await wait_for_answer();
  } else if (!is_over()) {
    stop(std::chrono::milliseconds{
        0});  // It was asked for and is not there yet: a moment later it would be nobody's.
  }
  ServerAnswer answer = take_answer();
  if (process) {
    answer.usage = process->end_account();
  }
  answer.usage.wall_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - asked).count());
  answer.usage.output_bytes = said_bytes_;
  answer.diagnostics = std::move(diagnostics_);
  diagnostics_.clear();
  said_bytes_ = 0;
  question_ = nullptr;
  co_return answer;
}

/// Until there is one, or nobody wants it any more, or there will be none.
Task<> StdioServer::wait_for_answer() {
  const auto deadline = question_->deadline;
  while (!answer_ && !end_ && give_up_ == EndReason::kNone) {
    if (steady_clock::now() >= deadline) {
      end_question(EndReason::kTimeout, "did not answer in time");
      break;
    }
    wake_.expires_at(deadline);
    co_await wake_.async_wait(kAwait);
  }
  if (!answer_ && !end_) {
    co_await give_up_question();
  }
}

/// After this it has answered all the same, or its process is gone.
Task<> StdioServer::give_up_question() {
  if (question_->method != "initialize") {  // which must not be cancelled
    std::string params;
    json::Writer(params)
        .begin_object()
        .field("requestId", question_id_)
        .field("reason", give_up_text_)
        .end_object();
    send(mcp::write_server_notification("notifications/cancelled", params));
    const auto until = steady_clock::now() + options_.server.cancel_grace;
    while (!answer_ && !end_ && steady_clock::now() < until) {
      wake_.expires_at(until);
      co_await wake_.async_wait(kAwait);
    }
  }
  if (!answer_ && process_) {
    process_->kill(give_up_, give_up_text_);
  }
  while (!answer_ && !end_) {
    wake_.expires_at(steady_clock::time_point::max());
    co_await wake_.async_wait(kAwait);
  }
}

ServerAnswer StdioServer::take_answer() {
  if (give_up_ != EndReason::kNone) {
    return {.reason = give_up_, .text = give_up_text_};
  }
  if (answer_) {
    ServerAnswer answer = *std::move(answer_);
    answer_.reset();
    return answer;
  }
  if (end_) {
    return {.reason = end_->reason == EndReason::kNone ? EndReason::kCrashed : end_->reason,
            .text = end_->text.empty() ? "ended without an answer" : end_->text};
  }
  return {.reason = stopped_ ? EndReason::kKilled : EndReason::kTimeout,
          .text = "its server did not start in time"};
}

}  // namespace mcpgate::sandboxd
