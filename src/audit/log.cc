#include "audit/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include <boost/asio/post.hpp>

#include "base/file.h"
#include "base/log.h"

namespace mcpgate::audit {

Expected<std::unique_ptr<Log>> Log::open(LogOptions options, const Clock& clock) {
  TRY_VOID(make_directories(options.directory, 0700));
  std::unique_ptr<Log> log(new Log(std::move(options), clock));
  TRY_VOID(log->open_next_file());
  Record start{.timestamp = clock.wall_now(), .writer = log->options_.writer};
  start.reason = "mcpgate " MCPGATE_VERSION;
  TRY_VOID(log->append_now(start, RecordType::kChainStart));
  return log;
}

Log::~Log() {
  if (!file_) {
    return;
  }
  const Record end{.timestamp = clock_.wall_now()};
  if (auto written = append_now(end, RecordType::kChainEnd); !written) {
    log_error("audit: the chain {} ends without its last record: {}", options_.writer,
              written.error().message);
  }
}

Expected<void> Log::open_next_file() {
  const auto path =
      options_.directory / fmt::format("{}-{:06}.jsonl", options_.writer, file_number_ + 1);
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (!file) {
    return fail_errno("create " + path.string());
  }
  file_ = std::move(file);
  ++file_number_;
  file_bytes_ = 0;
  return {};
}

Task<Expected<void>> Log::append(const Record& record, RecordType type) {
  const auto group = add(record, type);
  // To the end of the loop's round: what else is recorded in it joins the group.
  co_await asio::post(asio::use_awaitable);
  if (!group->done) {
    flush();
  }
  co_return group->outcome;
}

Expected<void> Log::append_now(const Record& record, RecordType type) {
  const auto group = add(record, type);
  flush();
  return group->outcome;
}

std::shared_ptr<const Log::Group> Log::add(const Record& record, RecordType type) {
  if (group_ == nullptr) {
    group_ = std::make_shared<Group>();
  }
  const std::size_t begin = pending_.size();
  append_json(pending_, record, type, tip_.seq, tip_.prev);
  ++tip_.seq;
  tip_.prev = HexDigest(sha256(std::string_view(pending_).substr(begin))).view();
  pending_ += '\n';
  return group_;
}

/// Writes the pending group, all of it or nothing.
void Log::flush() {
  auto written = write_pending();
  if (written) {
    if (!std::exchange(writable_, true)) {
      log_info("audit: records are written again");
    }
    written_ = tip_;
    if (options_.mirror_to_stdout) {
      mirror(pending_);
    }
  } else {
    if (std::exchange(writable_, false)) {
      log_error("audit: {}; requests are refused until records can be written again",
                written.error().message);
    }
    tip_ = written_;
  }
  pending_.clear();
  group_->outcome = std::move(written);
  group_->done = true;
  group_.reset();
}

Expected<void> Log::write_pending() {
  if (torn_) {
    TRY_VOID(cut_back());
  }
  if (file_bytes_ >= options_.file_bytes_max || is_removed()) {
    TRY_VOID(open_next_file());
  }
  if (auto written = write_all(file_.get(), pending_); !written) {
    torn_ = true;
    (void)cut_back();  // Tried again before the next line: nothing may follow half a record.
    return fail(written.error().code, "write to {}: {}", options_.directory.string(),
                written.error().message);
  }
  file_bytes_ += pending_.size();
  return {};
}

/// Whether somebody removed the file: what is written to it then proves nothing.
bool Log::is_removed() const {
  struct stat status{};
  if (::fstat(file_.get(), &status) == 0 && status.st_nlink > 0) {
    return false;
  }
  log_error(
      "audit: file {} of {} was removed while it was written; its records are gone, and the "
      "chain goes on in the next",
      file_number_, options_.directory.string());
  return true;
}

Expected<void> Log::cut_back() {
  if (::ftruncate(file_.get(), static_cast<off_t>(file_bytes_)) != 0) {
    return fail_errno("cut half a record off " + options_.directory.string());
  }
  torn_ = false;
  return {};
}

void Log::mirror(std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n') + 1);
    lines.remove_prefix(line.size());
    // A collector that stopped reading must not stop the gateway: the file has the line already.
    pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
    const bool ready = ::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
    if ((!ready || !write_all(STDOUT_FILENO, line)) && ++mirror_dropped_ == 1) {
      log_warn("audit: standard output does not take records; the files have them all");
    }
  }
}

}  // namespace mcpgate::audit
