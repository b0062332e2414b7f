#include "sandboxd/call_log.h"

#include <algorithm>

namespace mcpgate::sandboxd {

CallLog::CallLog(asio::io_context& loop)
    : changed_(loop, std::chrono::steady_clock::time_point::max()) {}

CallLog::CallLog(asio::io_context& loop, std::string lines) : CallLog(loop) {
  lines_ = std::move(lines);
  for (std::size_t start = 0; start < lines_.size();) {
    starts_.push_back(start);
    start = std::min(lines_.find('\n', start), lines_.size() - 1) + 1;
  }
  has_ended_ = true;
}

void CallLog::append(std::string_view line) {
  starts_.push_back(lines_.size());
  lines_ += line;
}

void CallLog::add(std::string_view line) {
  append(line);
  wake();
}

void CallLog::end(std::string_view line) {
  append(line);
  has_ended_ = true;
  wake();
}

std::string CallLog::read(Reader& reader) const {
  if (has_ended_ && !reader.is_done) {
    reader.next = std::min(reader.next, events());
    reader.is_done = true;
  }
  if (reader.next >= starts_.size()) {
    return {};
  }
  const std::size_t start = starts_[static_cast<std::size_t>(reader.next)];
  reader.next = starts_.size();
  return lines_.substr(start);
}

Task<> CallLog::changed() {
  co_await changed_.async_wait(kAwait);
}

}  // namespace mcpgate::sandboxd
