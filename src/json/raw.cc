#include "json/raw.h"

#include <utility>

#include "json/scan.h"

namespace mcpgate::json {
namespace {

bool is_blank(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

// `begin` is at the opening bracket; returns one past its closing one.
const char* skip_container(const char* begin, const char* end) {
  std::size_t depth = 0;
  while ((begin = find_first<QuoteOrBracket>(begin, end)) != end) {
    if (*begin == '"') {
      begin = skip_string(begin, end);
      continue;
    }
    depth = *begin == '{' || *begin == '[' ? depth + 1 : depth - 1;
    ++begin;
    if (depth == 0) {
      return begin;
    }
  }
  return end;
}

const char* skip_scalar(const char* begin, const char* end) {
  while (begin != end && !is_blank(*begin) && *begin != ',' && *begin != '}' && *begin != ']') {
    ++begin;
  }
  return begin;
}

}  // namespace

RawScanner::RawScanner(std::string_view text)
    : position_(text.data()), end_(text.data() + text.size()) {
  skip_blanks();
  if (position_ != end_) {
    ++position_;  // the opening bracket
  }
}

void RawScanner::skip_blanks() {
  while (position_ != end_ && is_blank(*position_)) {
    ++position_;
  }
}

std::string_view RawScanner::next_key() {
  skip_blanks();
  if (position_ != end_ && *position_ == ',') {
    ++position_;
    skip_blanks();
  }
  if (position_ == end_ || *position_ != '"') {
    return {};
  }
  const char* begin = position_;
  position_ = skip_string(begin, end_);
  return {begin, position_};
}

void RawScanner::skip_separator() {
  skip_blanks();
  if (position_ != end_ && (*position_ == ',' || *position_ == ':')) {
    ++position_;
    skip_blanks();
  }
}

std::string_view RawScanner::next_value() {
  skip_separator();
  if (position_ == end_ || *position_ == '}' || *position_ == ']') {
    return {};
  }
  const char* begin = position_;
  switch (*begin) {
    case '"':
      position_ = skip_string(begin, end_);
      break;
    case '{':
    case '[':
      position_ = skip_container(begin, end_);
      break;
    default:
      position_ = skip_scalar(begin, end_);
  }
  return {begin, position_};
}

std::string_view RawScanner::last_value() {
  skip_separator();
  const char* end = end_;
  const auto trim = [&] {
    while (end != position_ && is_blank(end[-1])) {
      --end;
    }
  };
  trim();
  end -= end == position_ ? 0 : 1;  // the closing bracket
  trim();
  return {std::exchange(position_, end), end};
}

Members::Iterator::Iterator(Object object, std::string_view text)
    : field_(object.begin()), end_(object.end()), scanner_(text) {
  load();
}

Members::Iterator& Members::Iterator::operator++() {
  ++field_;
  load();
  return *this;
}

void Members::Iterator::load() {
  if (field_ != end_) {
    scanner_.next_key();
    Object::iterator next = field_;
    // `params` and `arguments` are large, and mostly the last of their objects.
    const bool is_last = !(++next != end_);
    member_ = {field_.key(), field_.value(),
               is_last ? scanner_.last_value() : scanner_.next_value()};
  }
}

Items::Iterator::Iterator(Array array, std::string_view text)
    : element_(array.begin()), end_(array.end()), scanner_(text) {
  load();
}

Items::Iterator& Items::Iterator::operator++() {
  ++element_;
  load();
  return *this;
}

void Items::Iterator::load() {
  if (element_ != end_) {
    item_ = {*element_, scanner_.next_value()};
  }
}

std::optional<Member> find_member(Object object, std::string_view text, std::string_view key) {
  for (const Member& member : Members(object, text)) {
    if (member.key == key) {
      return member;
    }
  }
  return std::nullopt;
}

}  // namespace mcpgate::json
