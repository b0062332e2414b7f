#include "audit/log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

namespace mcpgate::audit {

Expected<std::unique_ptr<Log>> Log::open(LogOptions options, const Clock& clock) {
  TRY_VOID(make_directories(options.directory, 0700));
  std::unique_ptr<Log> log(new Log(std::move(options), clock));
  TRY_VOID(log->open_next_file());
  Record start{.type = RecordType::kChainStart,
               .timestamp = clock.wall_now(),
               .writer = log->options_.writer};
  start.reason = "mcpgate " MCPGATE_VERSION;
  TRY_VOID(log->append(start));
  return log;
}

Log::~Log() {
  if (!file_) {
    return;
  }
  const Record end{.type = RecordType::kChainEnd, .timestamp = clock_.wall_now()};
  if (auto written = append(end); !written) {
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

Expected<void> Log::append(const Record& record) {
  line_.clear();
  append_json(line_, record, seq_, prev_);
  const std::string hash = sha256_hex(line_);
  line_ += '\n';
  if (auto written = write_line(); !written) {
    if (std::exchange(writable_, false)) {
      log_error("audit: {}; requests are refused until records can be written again",
                written.error().message);
    }
    return written;
  }
  if (!std::exchange(writable_, true)) {
    log_info("audit: records are written again");
  }
  prev_ = hash;
  ++seq_;
  if (options_.mirror_to_stdout) {
    mirror();
  }
  return {};
}

Expected<void> Log::write_line() {
  if (torn_) {
    TRY_VOID(cut_back());
  }
  if (file_bytes_ >= options_.file_bytes_max) {
    TRY_VOID(open_next_file());
  }
  if (auto written = write_all(file_.get(), line_); !written) {
    torn_ = true;
    (void)cut_back();  // Tried again before the next line: nothing may follow half a record.
    return fail(written.error().code, "write to {}: {}", options_.directory.string(),
                written.error().message);
  }
  file_bytes_ += line_.size();
  return {};
}

Expected<void> Log::cut_back() {
  if (::ftruncate(file_.get(), static_cast<off_t>(file_bytes_)) != 0) {
    return fail_errno("cut half a record off " + options_.directory.string());
  }
  torn_ = false;
  return {};
}

void Log::mirror() {
  // A collector that stopped reading must not stop the gateway: the file has the line already.
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  const bool ready = ::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
  if (ready && write_all(STDOUT_FILENO, line_)) {
    return;
  }
  if (++mirror_dropped_ == 1) {
    log_warn("audit: standard output does not take records; the files have them all");
  }
}

}  // namespace mcpgate::audit
