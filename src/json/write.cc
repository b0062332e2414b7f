#include "json/write.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "json/number.h"
#include "json/scan.h"
#include "json/utf8.h"

namespace mcpgate::json {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

void append_escape(std::string& out, char byte) {
  switch (byte) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(byte) >> 4];
      out += kHex[byte & 0xF];
  }
}

void append_escaped(std::string& out, std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (true) {
    const char* special = find_first<NeedsEscape>(at, end);
    out.append(at, special);
    if (special == end) {
      return;
    }
    append_escape(out, *special);
    at = special + 1;
  }
}

/// Some high bit is set where one of eight bytes is not ASCII that JSON takes as it is: below 0x20,
/// a quote, a backslash, above 0x7f. May also be set for a byte that stands behind such a one.
std::uint64_t special_bytes(const char* bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighs = 0x8080808080808080U;
  const auto zero_bytes = [](std::uint64_t word) { return (word - kOnes) & ~word; };
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return (word | (word - kOnes * ' ') | zero_bytes(word ^ (kOnes * '"')) |
          zero_bytes(word ^ (kOnes * '\\'))) &
         kHighs;
}

/// Whether `text` can be written as it is, as most of what we write can; false is no promise.
bool is_plain(std::string_view text) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (text.size() < kWord) {
    return std::ranges::none_of(
        text, [](char c) { return NeedsEscape::is(c) || static_cast<unsigned char>(c) > 0x7f; });
  }
  for (std::size_t at = 0; at + kWord < text.size(); at += kWord) {
    if (special_bytes(text.data() + at) != 0) {
      return false;
    }
  }
  return special_bytes(text.data() + text.size() - kWord) == 0;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (true) {
    const std::size_t size = valid_utf8_size(text);
    valid.append(text.substr(0, size));
    text.remove_prefix(size);
    if (text.empty()) {
      return valid;
    }
    valid.append("\xEF\xBF\xBD");
    text.remove_prefix(1);
  }
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    // Quotes and text at once: a record or a request has some twenty short strings.
    const std::size_t open = out.size();
    const std::size_t close = open + 1 + text.size();
    // libstdc++ 12 may give a larger size than was asked for.
    out.resize_and_overwrite(close + 1, [&](char* bytes, std::size_t /*size*/) {
      bytes[open] = '"';
      text.copy(bytes + open + 1, text.size());
      bytes[close] = '"';
      return close + 1;
    });
    return;
  }
  out += '"';
  if (simdjson::validate_utf8(text.data(), text.size())) {
    append_escaped(out, text);
  } else {
    append_escaped(out, replace_invalid_utf8(text));
  }
  out += '"';
}

void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  append_number(out, to_decimal(number));
}

void append_number(std::string& out, const Decimal& number) {
  const Decimal decimal = normalized(number);
  if (decimal.negative) {
    out += '-';
  }
  std::array<char, 24> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), decimal.digits);
  const std::string_view digits(buffer.data(), end);
  // ECMA-262, Number::toString: k digits, the point after the n-th.
  const int k = static_cast<int>(digits.size());
  const int n = decimal.digits == 0 ? 1 : k + decimal.exponent;
  if (k <= n && n <= 21) {
    out.append(digits).append(static_cast<std::size_t>(n - k), '0');
  } else if (0 < n && n <= 21) {
    const auto point = static_cast<std::size_t>(n);
    out.append(digits.substr(0, point)).append(".").append(digits.substr(point));
  } else if (-6 < n && n <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-n), '0').append(digits);
  } else {
    out += digits.front();
    if (k > 1) {
      out.append(".").append(digits.substr(1));
    }
    out.append(n > 0 ? "e+" : "e-").append(std::to_string(std::abs(n - 1)));
  }
}

void append(std::string& out, Element element, Layout layout) {
  Writer(out, layout).value(element);
}

Writer& Writer::key(std::string_view name) {
  separate();
  append_string(out_, name);
  out_ += layout_ == Layout::kPretty ? ": " : ":";
  after_key_ = true;
  return *this;
}

Writer& Writer::value(std::string_view text) {
  separate();
  append_string(out_, text);
  comma_due_ = true;
  return *this;
}

Writer& Writer::value(double number) {
  separate();
  const std::size_t begin = out_.size();
  append_number(out_, number);
  // Or readers would take it for an integer, and refuse it where it is beyond 64 bits.
  if (std::isfinite(number) && out_.find_first_of(".e", begin) == std::string::npos) {
    out_ += ".0";
  }
  comma_due_ = true;
  return *this;
}

Writer& Writer::value(Element element) {
  switch (element.type()) {
    case simdjson::dom::element_type::OBJECT:
      begin_object();
      for (const auto field : element.get_object().value_unsafe()) {
        key(field.key).value(field.value);
      }
      return end_object();
    case simdjson::dom::element_type::ARRAY:
      begin_array();
      for (const Element item : element.get_array().value_unsafe()) {
        value(item);
      }
      return end_array();
    case simdjson::dom::element_type::STRING:
      return value(element.get_string().value_unsafe());
    case simdjson::dom::element_type::INT64:
      return value(element.get_int64().value_unsafe());
    case simdjson::dom::element_type::UINT64:
      return value(element.get_uint64().value_unsafe());
    case simdjson::dom::element_type::DOUBLE:
      return value(element.get_double().value_unsafe());
    case simdjson::dom::element_type::BOOL:
      return value(element.get_bool().value_unsafe());
    default:
      return null();
  }
}

Writer& Writer::raw(std::string_view json) {
  separate();
  out_.append(json);
  comma_due_ = true;
  return *this;
}

Writer& Writer::open(char bracket) {
  separate();
  out_ += bracket;
  ++depth_;
  comma_due_ = false;
  return *this;
}

Writer& Writer::close(char bracket) {
  --depth_;
  if (comma_due_) {
    break_line();
  }
  out_ += bracket;
  comma_due_ = true;
  return *this;
}

Writer& Writer::integer(std::int64_t number) {
  std::array<char, 24> buffer{};
  return raw({buffer.data(), std::to_chars(buffer.data(), buffer.end(), number).ptr});
}

Writer& Writer::integer(std::uint64_t number) {
  std::array<char, 24> buffer{};
  return raw({buffer.data(), std::to_chars(buffer.data(), buffer.end(), number).ptr});
}

void Writer::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (comma_due_) {
    out_ += ',';
  }
  if (depth_ > 0) {
    break_line();
  }
}

void Writer::break_line() {
  if (layout_ == Layout::kPretty) {
    out_ += '\n';
    out_.append(2 * static_cast<std::size_t>(depth_), ' ');
  }
}

}  // namespace mcpgate::json
