#include "sandboxd/detached_calls.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

#include <boost/asio/co_spawn.hpp>

#include "base/file.h"
#include "base/log.h"
#include "json/parse.h"
#include "json/write.h"
#include "sandboxd/run_tool.h"

namespace mcpgate::sandboxd {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view kSuffix = ".ndjson";
/// What write_file_atomically() leaves where it was cut off.
constexpr std::string_view kTemporarySuffix = ".tmp";
/// Above every file: what a call says and answers is bounded by limits.output, at most 64 MiB.
constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;
constexpr std::size_t kHeadBytesMax = 512;
/// The daemon before may take that long for its calls in flight when it is told to stop.
constexpr std::chrono::seconds kLockPatience{30};
constexpr milliseconds kLockPause{100};

/// The first line of a file.
struct Head {
  std::int64_t expires_ms = 0;
  std::int64_t changed_ms = 0;
  std::string owner;
  std::string profile;
  std::uint64_t events = 0;
  bool has_ended = false;
  bool is_cancelled = false;
};

std::int64_t unix_ms(WallTime time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

std::string write_head(const Head& head) {
  std::string line;
  json::Writer writer(line);
  writer.begin_object().field("expires_ms", head.expires_ms).field("changed_ms", head.changed_ms);
  writer.field("owner", head.owner).field("profile", head.profile).field("events", head.events);
  writer.field("ended", head.has_ended).field("cancelled", head.is_cancelled).end_object();
  return line + "\n";
}

std::optional<Head> parse_head(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  json::Parser parser(kHeadBytesMax);
  const auto root = parser.parse(line);
  const auto object = root ? json::as_object(*root) : std::nullopt;
  Head head;
  if (!object || (*object)["expires_ms"].get(head.expires_ms) != simdjson::SUCCESS ||
      (*object)["events"].get(head.events) != simdjson::SUCCESS ||
      (*object)["ended"].get(head.has_ended) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  // What a daemon of a version before did not write is as where nothing happened.
  head.changed_ms = json::int_at(*object, "changed_ms").value_or(0);
  head.is_cancelled = json::bool_at(*object, "cancelled").value_or(false);
  head.owner = json::string_at(*object, "owner").value_or("");
  head.profile = json::string_at(*object, "profile").value_or("");
  return head;
}

/// On the disk's thread.
Task<Expected<void>> write_on_disk(std::filesystem::path path, std::string bytes) {
  co_return write_file_atomically(path, bytes, S_IRUSR | S_IWUSR);
}
Task<Expected<std::string>> read_on_disk(std::filesystem::path path) {
  co_return read_file(path, kFileBytesMax);
}

std::string interrupted_result(std::string_view profile) {
  const ToolAnswer answer =
      ended_answer(sandbox::Reason::kKilled,
                   "The sandbox daemon ended while the call ran; what it did until then is done.");
  return sandbox::write_answer(sandbox::AnswerForm::kEvent, answer.call_tool_result, answer.usage,
                               profile);
}

}  // namespace

DetachedCalls::DetachedCalls(asio::io_context& loop, std::filesystem::path directory,
                             const Clock& clock)
    : loop_(loop), directory_(std::move(directory)), clock_(clock), sweep_timer_(loop) {}

Task<Expected<std::unique_ptr<DetachedCalls>>> DetachedCalls::open(asio::io_context& loop,
                                                                   std::filesystem::path directory,
                                                                   const Clock& clock) {
  std::unique_ptr<DetachedCalls> calls(new DetachedCalls(loop, std::move(directory), clock));
  if (calls->directory_.empty()) {
    co_return calls;
  }
  if (auto made = make_directories(calls->directory_, S_IRWXU); !made) {
    co_return std::unexpected(std::move(made.error()));
  }
  const SteadyTime until = std::chrono::steady_clock::now() + kLockPatience;
  asio::steady_timer pause(loop);
  for (auto locked = calls->lock(); !locked || !*locked; locked = calls->lock()) {
    if (!locked) {
      co_return std::unexpected(std::move(locked.error()));
    }
    if (std::chrono::steady_clock::now() >= until) {
      co_return fail(ErrorCode::kFailedPrecondition,
                     "{}: another daemon keeps its calls there; each needs a folder of its own",
                     calls->directory_.string());
    }
    pause.expires_after(kLockPause);
    co_await pause.async_wait(kAwait);
  }
  calls->load();
  calls->sweep();
  co_return calls;
}

Expected<bool> DetachedCalls::lock() {
  UniqueFd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return fail_errno("open " + directory_.string());
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? Expected<bool>(false) : fail_errno("lock " + directory_.string());
  }
  lock_ = std::move(fd);
  return true;
}

/// Before the loop serves anything: it may block.
void DetachedCalls::load() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kTemporarySuffix) && name.contains(kSuffix)) {
      ::unlink(entry.path().c_str());
    } else if (name.ends_with(kSuffix)) {
      load_file(entry.path());
    }
  }
  if (error) {
    log_error("{}: {}", directory_.string(), error.message());
  }
}

void DetachedCalls::load_file(const std::filesystem::path& path) {
  const auto text = read_file(path, kFileBytesMax);
  auto head = text ? parse_head(*text) : std::nullopt;
  if (!head) {
    log_error("{}: not the file of a call: {}", path.string(),
              text ? "its first line is another" : text.error().message);
    return;
  }
  // A file from another time must not stay for ever.
  head->expires_ms =
      std::clamp(head->expires_ms, std::int64_t{0}, unix_ms(clock_.wall_now() + sandbox::kTtlMax));
  if (!head->has_ended) {
    head->changed_ms = unix_ms(clock_.wall_now());
  }
  Call call{.expires = WallTime{milliseconds{head->expires_ms}},
            .changed = WallTime{milliseconds{std::max(head->changed_ms, std::int64_t{0})}},
            .owner = head->owner,
            .bytes = text->size(),
            .events = head->events,
            .profile = head->profile,
            .has_ended = true,
            .is_cancelled = head->is_cancelled};
  if (!head->has_ended) {
    const std::string result = interrupted_result(head->profile);
    head->has_ended = true;
    call.log = std::make_shared<CallLog>(loop_, result);
    const std::string bytes = write_head(*head) + result;
    call.bytes = bytes.size();
    if (auto written = write_file_atomically(path, bytes, S_IRUSR | S_IWUSR); !written) {
      log_error("{}", written.error().message);  // It is in memory.
    } else {
      call.log = nullptr;
    }
  }
  calls_.emplace(path.stem().string(), std::move(call));
}

std::filesystem::path DetachedCalls::path_of(std::string_view id) const {
  return directory_ / (std::string(id) + std::string(kSuffix));
}

std::uint64_t DetachedCalls::bytes() const {
  std::uint64_t sum = 0;
  for (const Call& call : calls_ | std::views::values) {
    sum += call.bytes;
  }
  return sum;
}

Task<Expected<std::shared_ptr<CallLog>>> DetachedCalls::accept(NewCall call,
                                                               sandbox::DetachedLimits limits) {
  if (directory_.empty()) {
    co_return fail(ErrorCode::kInvalidArgument,
                   "call.detach: this daemon keeps no calls (--calls)");
  }
  sweep();
  if (calls_.contains(call.id)) {
    co_return fail(ErrorCode::kAlreadyExists, "call.id: kept already");
  }
  if (!has_room(call, limits)) {
    co_return fail(ErrorCode::kResourceExhausted, "{} calls of {} bytes are kept", calls_.size(),
                   bytes());
  }
  const auto log = std::make_shared<CallLog>(loop_);
  const WallTime now = clock_.wall_now();
  const WallTime expires = now + call.ttl;
  calls_.emplace(call.id, Call{.expires = expires,
                               .changed = now,
                               .owner = call.owner,
                               .bytes = call.reserved_bytes,
                               .profile = call.profile,
                               .log = log});
  auto written = co_await write(call.id, write_head({.expires_ms = unix_ms(expires),
                                                     .changed_ms = unix_ms(now),
                                                     .owner = call.owner,
                                                     .profile = call.profile}));
  if (!written) {
    log_error("a detached call is turned away: {}", written.error().message);
    calls_.erase(call.id);
    co_return fail(ErrorCode::kUnavailable, "the call cannot be kept; nothing ran");
  }
  if (!calls_.contains(call.id)) {
    ::unlink(path_of(call.id).c_str());  // Its time was over while it was written.
  }
  sweep();
  co_return log;
}

bool DetachedCalls::has_room(const NewCall& call, const sandbox::DetachedLimits& limits) const {
  const auto of_owner = std::ranges::count(calls_ | std::views::values, call.owner, &Call::owner);
  return calls_.size() < limits.calls && bytes() + call.reserved_bytes <= limits.bytes &&
         static_cast<std::size_t>(of_owner) < limits.calls_per_user;
}

void DetachedCalls::touch(std::string_view id) {
  if (const auto found = calls_.find(id); found != calls_.end()) {
    found->second.changed = clock_.wall_now();
  }
}

void DetachedCalls::set_cancelled(std::string_view id) {
  if (const auto found = calls_.find(id); found != calls_.end() && !found->second.has_ended) {
    found->second.is_cancelled = true;
  }
}

Task<> DetachedCalls::end(std::string id, std::string result) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) {
    co_return;  // Its time is over.
  }
  const std::shared_ptr<CallLog> log = found->second.log;
  found->second.changed = clock_.wall_now();
  std::string bytes = write_head({.expires_ms = unix_ms(found->second.expires),
                                  .changed_ms = unix_ms(found->second.changed),
                                  .owner = found->second.owner,
                                  .profile = found->second.profile,
                                  .events = log->events(),
                                  .has_ended = true,
                                  .is_cancelled = found->second.is_cancelled});
  bytes += log->lines();
  bytes += result;
  const std::uint64_t size = bytes.size();
  const auto written = co_await write(id, std::move(bytes));
  log->end(result);
  const auto call = calls_.find(id);
  if (call == calls_.end()) {
    ::unlink(path_of(id).c_str());  // Its time was over while it was written.
    co_return;
  }
  call->second.has_ended = true;
  call->second.events = log->events();
  call->second.bytes = size;
  if (written) {
    call->second.log = nullptr;
  } else {
    log_error("the result of a detached call is kept in memory alone: {}", written.error().message);
  }
}

std::optional<sandbox::DetachedState> DetachedCalls::find(std::string_view id) const {
  const auto found = calls_.find(id);
  if (found == calls_.end()) {
    return std::nullopt;
  }
  const Call& call = found->second;
  const WallTime now = clock_.wall_now();
  const auto left = std::chrono::duration_cast<milliseconds>(call.expires - now);
  if (left <= milliseconds{0}) {
    return std::nullopt;
  }
  const auto idle = std::chrono::duration_cast<milliseconds>(now - call.changed);
  return sandbox::DetachedState{.ttl = std::min(left, sandbox::kTtlMax),
                                .idle = std::clamp(idle, milliseconds{0}, sandbox::kTtlMax),
                                .events = call.has_ended ? call.events : call.log->events(),
                                .has_ended = call.has_ended,
                                .is_cancelled = call.is_cancelled};
}

Task<Expected<std::shared_ptr<CallLog>>> DetachedCalls::read(std::string id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) {
    co_return fail(ErrorCode::kNotFound, "no such call");
  }
  if (found->second.log) {
    co_return found->second.log;
  }
  auto [failure, text] = co_await asio::co_spawn(disk_, read_on_disk(path_of(id)), kAwait);
  if (!calls_.contains(id)) {
    co_return fail(ErrorCode::kNotFound, "no such call");
  }
  if (failure || !text) {
    log_error("a detached call cannot be read: {}", text ? "no memory" : text.error().message);
    co_return fail(ErrorCode::kUnavailable, "the call cannot be read now");
  }
  text->erase(0, std::min(text->find('\n'), text->size() - 1) + 1);
  co_return std::make_shared<CallLog>(loop_, *std::move(text));
}

Task<Expected<void>> DetachedCalls::write(std::string id, std::string bytes) {
  auto [failure, written] =
      co_await asio::co_spawn(disk_, write_on_disk(path_of(id), std::move(bytes)), kAwait);
  if (failure) {
    co_return fail(ErrorCode::kResourceExhausted, "no memory to write a call");
  }
  co_return written;
}

/// Forgets those whose time is over, and wakes when the next one's will be.
void DetachedCalls::sweep() {
  const WallTime now = clock_.wall_now();
  auto next = WallTime::max();
  for (auto call = calls_.begin(); call != calls_.end();) {
    if (call->second.expires <= now) {
      ::unlink(path_of(call->first).c_str());
      call = calls_.erase(call);
    } else {
      next = std::min(next, call->second.expires);
      ++call;
    }
  }
  if (calls_.empty()) {
    sweep_timer_.cancel();
    return;
  }
  sweep_timer_.expires_after(next - now);
  sweep_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {  // Else set anew, or this object is gone.
      sweep();
    }
  });
}

}  // namespace mcpgate::sandboxd
