#include "http/sse.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace mcpgate::http {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// What cannot stand in one line is cut off, so that no value can forge a field.
std::string_view one_line(std::string_view value) {
  return value.substr(0, value.find_first_of(std::string_view("\r\n\0", 3)));
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\n");
}

}  // namespace

void append_sse(std::string& out, const SseEvent& event) {
  if (!event.event.empty()) {
    append_field(out, "event", one_line(event.event));
  }
  if (event.id) {
    append_field(out, "id", one_line(*event.id));
  }
  if (event.retry_ms) {
    append_field(out, "retry", std::to_string(*event.retry_ms));
  }
  std::string_view data = event.data;
  for (;;) {
    const std::size_t end = data.find_first_of("\r\n");
    append_field(out, "data", data.substr(0, end));
    if (end == std::string_view::npos) {
      break;
    }
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  out.append("\n");
}

Expected<void> SseParser::feed(std::string_view bytes) {
  buffer_.erase(0, consumed_);
  scanned_ -= consumed_;
  consumed_ = 0;
  if (buffer_.size() + pending_.data.size() > event_bytes_max_) {
    return fail(ErrorCode::kResourceExhausted, "server-sent event larger than {} bytes",
                event_bytes_max_);
  }
  buffer_.append(bytes);
  return {};
}

std::optional<SseEvent> SseParser::next() {
  if (at_start_) {
    if (buffer_.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(buffer_)) {
      return std::nullopt;  // perhaps half of a byte order mark
    }
    at_start_ = false;
    consumed_ = scanned_ = buffer_.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  }
  for (;;) {
    // A line may end in CR alone, so the LF of a CR LF is dropped only when it comes.
    if (after_cr_ && consumed_ < buffer_.size()) {
      after_cr_ = false;
      if (buffer_[consumed_] == '\n') {
        ++consumed_;
        scanned_ = consumed_;
      }
    }
    const std::size_t end = buffer_.find_first_of("\r\n", scanned_);
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      return std::nullopt;
    }
    const std::string_view line(buffer_.data() + consumed_, end - consumed_);
    consumed_ = scanned_ = end + 1;
    after_cr_ = buffer_[end] == '\r';
    if (!line.empty()) {
      take_line(line);
      continue;
    }
    SseEvent event = std::exchange(pending_, {});
    if (std::exchange(has_data_, false) || event.id) {
      return event;
    }
  }
}

void SseParser::take_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) {
    value.remove_prefix(1);
  }
  if (name == "data") {
    if (std::exchange(has_data_, true)) {
      pending_.data.push_back('\n');
    }
    pending_.data.append(value);
  } else if (name == "event") {
    pending_.event = value;
  } else if (name == "id" && !value.contains('\0')) {
    pending_.id = value;
  } else if (name == "retry") {
    std::uint32_t ms = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
    if (error == std::errc{} && end == value.data() + value.size()) {
      pending_.retry_ms = ms;
    }
  }
}

}  // namespace mcpgate::http
