#include "sandboxd/running_call.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>

#include "base/process.h"
#include "json/write.h"
#include "sandboxd/namespaces.h"

namespace mcpgate::sandboxd {
namespace {

using std::chrono::steady_clock;

/// A zygote that is slow, and not hung, tells of the end in this time.
constexpr std::chrono::milliseconds kReapGrace{100};
/// Temporary files are measured at every tenth sample, each 200 ms.
constexpr unsigned kScratchSamples = 10;
/// A stdio server that has closed its standard output has nothing left to do but exit.
constexpr std::chrono::milliseconds kExitGrace{50};
/// What a stdio server has been sent and not read: two requests of the largest.
constexpr std::size_t kUnreadBytesMax = 2 * kRequestBytesMax;
constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr std::size_t kPipeReadBytes = 4096;
/// Of /proc/PID/status, which has some 1500; what is read of it comes first.
constexpr std::size_t kStatusBytes = 4096;
constexpr std::uint64_t kKibibyte = 1024;
/// A child's own words about its end are cut to this.
constexpr std::size_t kTextBytesMax = 500;

std::string in_mebibytes(std::uint64_t bytes) {
  constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
  return bytes % kMebibyte == 0 ? fmt::format("{} MiB", bytes / kMebibyte)
                                : fmt::format("{} bytes", bytes);
}

std::string in_seconds(std::chrono::milliseconds time) {
  return fmt::format("{} s", static_cast<double>(time.count()) / 1000);
}

/// What a child says, as one line of bounded length.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, kTextBytesMax));
  std::ranges::replace_if(
      line, [](char byte) { return static_cast<unsigned char>(byte) < ' '; }, ' ');
  return line;
}

/// The reasons that a child may give for itself.
EndReason reason_of_child(std::string_view word) {
  for (const EndReason reason : {EndReason::kMemory, EndReason::kOutput, EndReason::kKilled}) {
    if (word == to_string(reason)) {
      return reason;
    }
  }
  return EndReason::kCrashed;
}

std::string excess_text(std::string_view excess) {
  return fmt::format("left {} in its workspace", excess);
}

}  // namespace

Expected<std::shared_ptr<RunningCall>> RunningCall::create(
    asio::io_context& loop, ChildSetup setup, std::optional<ScratchDirectory> scratch) {
  std::array<int, 2> sockets{};
  std::array<int, 2> pipe_ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return fail_errno("make a socket pair for a call");
  }
  UniqueFd ours(sockets[0]);
  ChildEnds ends{.call_socket = UniqueFd(sockets[1]), .output = {}};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    return fail_errno("make a pipe for a call");
  }
  UniqueFd output(pipe_ends[0]);
  ends.output.reset(pipe_ends[1]);
  UniqueFd input;
  if (setup.task == SpawnTask::kServer) {
    // No pipe: to write into one that nobody reads would be a signal.
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
      return fail_errno("make a socket pair for a server");
    }
    ends.input.reset(sockets[0]);
    input.reset(sockets[1]);
  }

  std::shared_ptr<RunningCall> call(new RunningCall(loop, std::move(setup), std::move(scratch)));
  call->child_ends_ = std::move(ends);
  boost::system::error_code error;
  if (input) {
    call->input_.assign(asio::local::stream_protocol(), input.get(), error);
    if (!error) {
      (void)input.release();
    }
  }
  call->socket_.assign(asio::local::stream_protocol(), ours.get(), error);
  if (!error) {
    (void)ours.release();
    call->output_.assign(output.get(), error);
  }
  if (error) {
    return fail(ErrorCode::kInternal, "watch the sockets of a call: {}", error.message());
  }
  (void)output.release();
  return call;
}

RunningCall::RunningCall(asio::io_context& loop, ChildSetup setup,
                         std::optional<ScratchDirectory> scratch)
    : setup_(std::move(setup)),
      scratch_(std::move(scratch)),
      socket_(loop),
      output_(loop),
      input_(loop),
      watch_timer_(loop),
      done_(loop, steady_clock::time_point::max()),
      frames_(0),
      made_at_(steady_clock::now()) {}

std::string RunningCall::tmp() const {
  return scratch_ ? scratch_->path().native() : kPrivateTmpPath;
}

std::string RunningCall::workspace_path() const {
  return scratch_ ? setup_.workspace->path().native() : kPrivateWorkspacePath;
}

WorkspaceGrant RunningCall::workspace_grant() const {
  const Workspace* workspace = setup_.workspace.get();
  return workspace == nullptr ? WorkspaceGrant{}
                              : WorkspaceGrant{.name = workspace->name(),
                                               .device = workspace->device(),
                                               .inode = workspace->inode(),
                                               .writable = !workspace->was_full()};
}

void RunningCall::watch_while_waiting(const Limits& limits, steady_clock::time_point deadline) {
  spec_.limits = limits;
  started_ = steady_clock::now();
  deadline_ = deadline;
  is_called_ = false;
  keep_watching();
}

void RunningCall::abandon() {
  readers_ = 0;
  kill(EndReason::kNone, "");
  finish_if_done();
}

void RunningCall::begin(ChildSpec spec, EventSink& sink) {
  spec_ = std::move(spec);
  sink_ = &sink;
  frames_ = FrameReader(spec_.limits.output_bytes);
  started_ = steady_clock::now();
  deadline_ = std::min(spec_.deadline, started_ + spec_.limits.wall);
  const auto executor = socket_.get_executor();
  if (spec_.peer != nullptr) {
    spec_.peer->on_begin(shared_from_this());
  }
  if (setup_.task == SpawnTask::kCall) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - steady_clock::now());
    std::string json =
        fmt::format(R"({{"timeLeftMs":{},"outputBytes":{},"tmp":)",
                    std::max<std::int64_t>(left.count(), 0), spec_.limits.output_bytes);
    json::append_string(json, tmp());
    if (setup_.workspace) {
      json += R"(,"workspace":)";
      json::append_string(json, workspace_path());
    }
    json += ',';
    json += spec_.request;
    json += '}';
    send(FrameType::kRequest, json);
  }
  asio::co_spawn(executor, read_frames(shared_from_this()), asio::detached);
  asio::co_spawn(executor, read_output(shared_from_this()), asio::detached);
  is_called_ = true;
  keep_watching();
  if (setup_.workspace) {
    asio::co_spawn(executor, watch_workspace(shared_from_this()), asio::detached);
  }
}

void RunningCall::spawned(std::int32_t pid, UniqueFd pidfd) {
  pidfd_ = std::move(pidfd);
  status_.reset(::open(fmt::format("/proc/{}/status", pid).c_str(), O_RDONLY | O_CLOEXEC));
  clockid_t clock{};
  if (::clock_getcpuclockid(pid, &clock) == 0) {
    cpu_clock_ = clock;
  }
  if (killed_) {
    signal_pidfd(pidfd_.get(), SIGKILL);
  }
}

void RunningCall::exited(const ExitedMessage& message) {
  exit_ = message;
  reaped_ = true;
  gone_ = true;
  finish_if_done();
}

void RunningCall::lost(std::string_view text) {
  kill(answer_ ? EndReason::kNone : EndReason::kKilled, std::string(text));
  gone_ = true;
  if (!pidfd_) {
    expect_no_end_of_file();  // No child of ours holds the other ends.
  }
  finish_if_done();
}

void RunningCall::expect_no_end_of_file() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  output_.close(ignored);
}

void RunningCall::expect_no_reaper() {
  if (!gone_) {
    asio::co_spawn(socket_.get_executor(), watch_end(shared_from_this()), asio::detached);
  }
}

Task<> RunningCall::watch_end(std::shared_ptr<RunningCall> call) {
  const auto executor = call->socket_.get_executor();
  asio::posix::stream_descriptor end(executor);
  boost::system::error_code error;
  end.assign(::fcntl(call->pidfd_.get(), F_DUPFD_CLOEXEC, 0), error);
  if (!error) {
    co_await end.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
  }
  asio::steady_timer grace(executor, kReapGrace);
  co_await grace.async_wait(kAwait);
  if (!call->gone_) {
    call->lost("the sandbox's interpreter hung while it ran");
  }
  // The zygote may have stopped before it closed its copies of the other ends.
  call->expect_no_end_of_file();
}

void RunningCall::kill(EndReason reason, std::string text) {
  if (!killed_ && !gone_) {
    kill_reason_ = reason;
    kill_text_ = std::move(text);
  }
  killed_ = true;
  if (pidfd_) {
    signal_pidfd(pidfd_.get(), SIGKILL);
  }
}

Task<> RunningCall::wait() {
  while (!settled_ && (!gone_ || readers_ > 0)) {
    co_await done_.async_wait(kAwait);
  }
}

Task<> RunningCall::wait_until_reaped() {
  while (!gone_ || readers_ > 0) {
    co_await done_.async_wait(kAwait);
  }
}

void RunningCall::finish_if_done() {
  if (gone_ && readers_ == 0) {
    done_.cancel();
    watch_timer_.cancel();
    if (workspace_timer_) {
      workspace_timer_->cancel();
    }
  }
}

/// It has answered. The child waits for its end, so what it used can still be read; a process takes
/// long to end, and nobody who waits for the answer should wait for that.
void RunningCall::settle() {
  std::array<char, kPipeReadBytes> printed;
  for (ssize_t size = 0;
       (size = ::read(output_.native_handle(), printed.data(), printed.size())) > 0;) {
    take_output({printed.data(), static_cast<std::size_t>(size)});
  }
  timespec cpu{};
  const auto peak_kib = read_status("VmHWM");
  if (peak_kib && cpu_clock_ && ::clock_gettime(*cpu_clock_, &cpu) == 0) {
    exit_.cpu_us = static_cast<std::uint64_t>(cpu.tv_sec) * 1'000'000 +
                   static_cast<std::uint64_t>(cpu.tv_nsec) / 1000;
    exit_.peak_rss_bytes = *peak_kib * kKibibyte;
    settled_ = true;
    done_.cancel();
  } else {
    kill(EndReason::kNone, "");
  }
}

/// A child that does not read keeps one frame waiting, and one in writing, until its end.
void RunningCall::send(FrameType type, std::string_view payload) {
  outgoing_ += encode_frame(type, payload);
  start_writing();
}

void RunningCall::start_writing() {
  if (!writing_) {
    writing_ = true;
    asio::co_spawn(socket_.get_executor(), write_frames(shared_from_this()), asio::detached);
  }
}

// An error means that the child is gone, which the zygote tells too.
Task<> RunningCall::write_frames(std::shared_ptr<RunningCall> call) {
  while (!call->outgoing_.empty()) {
    const std::string bytes = std::exchange(call->outgoing_, {});
    auto& socket = call->spec_.peer != nullptr ? call->input_ : call->socket_;
    const auto [error, size] = co_await asio::async_write(socket, asio::buffer(bytes), kAwait);
    if (error) {
      co_return;
    }
  }
  call->writing_ = false;
}

bool RunningCall::reply(std::uint64_t number, std::string_view payload) {
  if (!asking_ || number != questions_ || payload.size() > kRequestBytesMax) {
    return false;
  }
  asking_ = false;
  send(FrameType::kReply, payload);
  return true;
}

bool RunningCall::write(std::string_view bytes) {
  if (outgoing_.size() + bytes.size() > kUnreadBytesMax || !input_.is_open()) {
    return false;
  }
  outgoing_ += bytes;
  start_writing();
  return true;
}

void RunningCall::close_input() {
  boost::system::error_code ignored;
  input_.close(ignored);
}

std::chrono::nanoseconds RunningCall::cpu_used() const {
  timespec used{};
  if (gone_ && exit_.cpu_us != 0) {
    return std::chrono::microseconds(exit_.cpu_us) - cpu_before_;
  }
  if (!cpu_clock_ || ::clock_gettime(*cpu_clock_, &used) != 0) {
    return std::chrono::nanoseconds{0};
  }
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec) - cpu_before_;
}

void RunningCall::begin_account(std::chrono::milliseconds cpu) {
  spec_.limits.cpu = cpu;
  cpu_before_ += cpu_used();
  peak_rss_bytes_ = 0;
  is_called_ = true;
  check_memory();
  keep_watching();
}

Usage RunningCall::end_account() {
  check_memory();
  const Usage usage{.cpu_ms = static_cast<std::uint64_t>(
                        std::chrono::ceil<std::chrono::milliseconds>(cpu_used()).count()),
                    .peak_rss_bytes = peak_rss_bytes_};
  cpu_before_ += cpu_used();
  is_called_ = false;
  return usage;
}

Task<> RunningCall::read_frames(std::shared_ptr<RunningCall> call) {
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    const auto [error, size] = co_await call->socket_.async_read_some(asio::buffer(buffer), kAwait);
    if (error || !call->take_bytes(std::string_view(buffer).substr(0, size))) {
      break;
    }
  }
  if (call->spec_.peer != nullptr) {
    call->silent_since_ = steady_clock::now();
  }
  --call->readers_;
  call->finish_if_done();
}

Task<> RunningCall::read_output(std::shared_ptr<RunningCall> call) {
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    const auto [error, size] = co_await call->output_.async_read_some(asio::buffer(buffer), kAwait);
    if (error) {
      break;
    }
    call->take_output(std::string_view(buffer).substr(0, size));
  }
  --call->readers_;
  call->finish_if_done();
}

/// Counts and cuts; false ends the reading, since the child is to die.
bool RunningCall::take_bytes(std::string_view bytes) {
  output_bytes_ += bytes.size();
  if (spec_.peer != nullptr) {
    return spec_.peer->on_stdout(bytes);
  }
  // The frame's header is not the tool's doing.
  if (output_bytes_ > spec_.limits.output_bytes + kFrameHeaderBytes) {
    kill(EndReason::kOutput,
         fmt::format("sent more than {}", in_mebibytes(spec_.limits.output_bytes)));
    return false;
  }
  frames_.append(bytes);
  for (;;) {
    Expected<std::optional<Frame>> read = frames_.next();
    if (!read) {
      kill(EndReason::kKilled, "broke the protocol: " + read.error().message);
      return false;
    }
    std::optional<Frame>& frame = *read;
    if (!frame) {
      if (answer_ && setup_.task == SpawnTask::kCall) {
        settle();
      }
      return !answer_;
    }
    if (!take_frame(*std::move(frame))) {
      return false;
    }
  }
}

bool RunningCall::take_frame(Frame frame) {
  if (answer_) {
    kill(EndReason::kKilled, "broke the protocol: a frame after its answer");
    return false;
  }
  switch (frame.type) {
    case FrameType::kResult:
    case FrameType::kError:
      answer_ = std::move(frame);
      return true;
    case FrameType::kLog:
    case FrameType::kProgress:
    case FrameType::kQuestion:
    case FrameType::kRequest:
    case FrameType::kReply:
      break;
  }
  if (!is_within_rate()) {
    kill(EndReason::kKilled,
         fmt::format("sent more than {} events in a second", kFramesPerSecondMax));
    return false;
  }
  if (frame.type == FrameType::kQuestion) {
    return take_question(frame.payload);
  }
  if (frame.type == FrameType::kLog) {
    sink_->on_log(frame.payload);
  } else {
    sink_->on_progress(frame.payload);
  }
  return true;
}

bool RunningCall::take_question(std::string_view payload) {
  if (asking_) {
    kill(EndReason::kKilled, "broke the protocol: a question while another waits for its answer");
    return false;
  }
  asking_ = true;
  const std::uint64_t number = ++questions_;
  if (const auto answer = sink_->on_question(number, payload)) {
    return reply(number, *answer);
  }
  return true;
}

bool RunningCall::is_within_rate() {
  const auto now = steady_clock::now();
  if (now - rate_window_ >= std::chrono::seconds(1)) {
    rate_window_ = now;
    frames_in_window_ = 0;
  }
  return ++frames_in_window_ <= kFramesPerSecondMax;
}

/// Keeps the end of what is printed; drops the rest.
void RunningCall::take_output(std::string_view bytes) {
  printed_bytes_ += bytes.size();
  if (spec_.peer != nullptr) {
    spec_.peer->on_stderr(bytes);
    return;
  }
  if (printed_bytes_ > kPrintedBytesMax) {
    kill(EndReason::kOutput, fmt::format("printed more than {}", in_mebibytes(kPrintedBytesMax)));
    return;
  }
  diagnostics_.append(bytes);
  if (diagnostics_.size() > 2 * kDiagnosticsBytesMax) {
    diagnostics_.erase(0, diagnostics_.size() - kDiagnosticsBytesMax);
  }
}

/// By one watcher, which looks again from now on where there is one.
void RunningCall::keep_watching() {
  if (std::exchange(is_watched_, true)) {
    watch_timer_.cancel();
  } else {
    asio::co_spawn(socket_.get_executor(), watch(shared_from_this()), asio::detached);
  }
}

Task<> RunningCall::watch(std::shared_ptr<RunningCall> call) {
  while (!call->gone_ && !call->killed_) {
    const auto interval = call->is_called_ ? kSampleInterval : kIdleSampleInterval;
    call->watch_timer_.expires_at(std::min(call->deadline_, steady_clock::now() + interval));
    const auto [cancelled] = co_await call->watch_timer_.async_wait(kAwait);
    if (!cancelled && !call->gone_ && !call->killed_) {
      call->check_limits();
    }
  }
}

/// One that was full cannot grow, and may be on its way to be emptied.
Task<> RunningCall::watch_workspace(std::shared_ptr<RunningCall> call) {
  asio::steady_timer& timer = call->workspace_timer_.emplace(call->socket_.get_executor());
  while (!call->gone_ && !call->killed_ && !call->setup_.workspace->was_full()) {
    timer.expires_after(kSampleInterval * kScratchSamples);
    co_await timer.async_wait(kAwait);
    if (call->gone_ || call->killed_) {
      co_return;
    }
    if (const std::string excess = co_await call->setup_.workspace->excess(); !excess.empty()) {
      call->kill(EndReason::kOutput, excess_text(excess));
    }
  }
}

Task<> RunningCall::check_workspace() {
  if (setup_.workspace->was_full() || kill_reason_ != EndReason::kNone) {
    co_return;
  }
  if (const std::string excess = co_await setup_.workspace->excess(); !excess.empty()) {
    kill_reason_ = EndReason::kOutput;
    kill_text_ = excess_text(excess);
  }
}

void RunningCall::check_limits() {
  const auto now = steady_clock::now();
  if (silent_since_ && now >= *silent_since_ + kExitGrace) {
    kill(EndReason::kCrashed, "closed its standard output and did not exit");
    return;
  }
  if (now >= deadline_) {
    const auto ran = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - started_);
    kill(EndReason::kTimeout, fmt::format("did not end within {}", in_seconds(ran)));
    return;
  }
  check_cpu();
  check_memory();
  check_threads();
  if (++samples_ % kScratchSamples == 0) {
    check_scratch();
  }
}

/// RLIMIT_CPU is behind it: it knows seconds only, and asks with a signal that a child may ignore.
void RunningCall::check_cpu() {
  if (cpu_used() > spec_.limits.cpu) {
    kill(EndReason::kCpu, cpu_text());
  }
}

void RunningCall::check_memory() {
  const std::uint64_t resident = read_status("VmRSS").value_or(0) * kKibibyte;
  peak_rss_bytes_ = std::max(peak_rss_bytes_, resident);
  if (resident > spec_.limits.memory_bytes) {
    kill(EndReason::kMemory,
         fmt::format("used more than {} of memory", in_mebibytes(spec_.limits.memory_bytes)));
  }
}

void RunningCall::check_threads() {
  if (read_status("Threads").value_or(0) > spec_.limits.threads) {
    kill(EndReason::kKilled, fmt::format("started more than {} threads", spec_.limits.threads));
  }
}

/// A number of the child's status (proc(5)), as it stands there; nothing once its memory is gone.
/// Only at the start of a line: the child chooses its own name, which is on the first.
std::optional<std::uint64_t> RunningCall::read_status(std::string_view field) const {
  std::array<char, kStatusBytes> bytes;
  const ssize_t size = status_ ? ::pread(status_.get(), bytes.data(), bytes.size(), 0) : 0;
  const std::string_view text(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  std::size_t at = text.find(fmt::format("\n{}:", field));
  if (at != std::string_view::npos) {
    at = text.find_first_not_of(" \t", at + field.size() + 2);
  }
  std::uint64_t number = 0;
  if (at == std::string_view::npos ||
      std::from_chars(text.data() + at, text.data() + text.size(), number).ec != std::errc{}) {
    return std::nullopt;
  }
  return number;
}

void RunningCall::check_scratch() {
  if (!scratch_) {
    return;  // The kernel counts.
  }
  const auto content =
      scratch_->measure(spec_.limits.tmp_bytes, static_cast<unsigned>(spec_.limits.files));
  if (content.bytes > spec_.limits.tmp_bytes) {
    kill(EndReason::kOutput, fmt::format("wrote more than {} of temporary files",
                                         in_mebibytes(spec_.limits.tmp_bytes)));
  } else if (content.entries > spec_.limits.files) {
    kill(EndReason::kOutput, fmt::format("made more than {} temporary files", spec_.limits.files));
  }
}

CallOutcome RunningCall::outcome() {
  CallOutcome outcome;
  const auto wall =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started_);
  constexpr std::uint64_t kMicroseconds = 1000;
  outcome.usage = {.cpu_ms = (exit_.cpu_us + kMicroseconds - 1) / kMicroseconds,
                   .wall_ms = static_cast<std::uint64_t>(wall.count()),
                   .peak_rss_bytes = std::max(peak_rss_bytes_, exit_.peak_rss_bytes),
                   .output_bytes = output_bytes_};
  if (diagnostics_.size() > kDiagnosticsBytesMax) {
    diagnostics_.erase(0, diagnostics_.size() - kDiagnosticsBytesMax);
  }
  outcome.diagnostics = std::move(diagnostics_);
  outcome.printed_bytes = printed_bytes_;
  decide_outcome(outcome);
  if (outcome.reason == EndReason::kNone && answer_) {
    outcome.result = std::move(answer_->payload);
  }
  return outcome;
}

std::string RunningCall::cpu_text() const {
  return fmt::format("used more than {} of CPU time", in_seconds(spec_.limits.cpu));
}

/// What we did comes first, then what the kernel did, then what the child says.
void RunningCall::decide_outcome(CallOutcome& outcome) const {
  if (kill_reason_ != EndReason::kNone) {
    outcome.reason = kill_reason_;
    outcome.text = kill_text_;
    return;
  }
  if (answer_) {
    if (answer_->type == FrameType::kError) {
      const std::string_view payload = answer_->payload;
      const std::size_t line = std::min(payload.find('\n'), payload.size());
      outcome.reason = reason_of_child(payload.substr(0, line));
      outcome.text = one_line(payload.substr(std::min(line + 1, payload.size())));
    }
    return;
  }
  const int status = exit_.wait_status;
  const bool by_signal = WIFSIGNALED(status);
  const auto cpu = std::chrono::microseconds(exit_.cpu_us);
  if (by_signal &&
      (WTERMSIG(status) == SIGXCPU ||
       (spec_.peer == nullptr && WTERMSIG(status) == SIGKILL && cpu >= spec_.limits.cpu))) {
    outcome.reason = EndReason::kCpu;
    outcome.text = cpu_text();
    return;
  }
  outcome.reason = EndReason::kCrashed;
  outcome.text = "ended without an answer: " + describe_wait_status(status);
  if (by_signal && WTERMSIG(status) == SIGKILL) {
    outcome.reason = EndReason::kKilled;
    outcome.text = "was killed by the system, for want of memory most likely";
  }
}

}  // namespace mcpgate::sandboxd
