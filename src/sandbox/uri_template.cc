#include "sandbox/uri_template.h"

#include <algorithm>

#include "json/utf8.h"

namespace mcpgate::sandbox {

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// RFC 3986, 3.1: the length of `scheme:`, or 0.
std::size_t scheme_bytes(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() &&
         (is_letter(text[at]) || (at > 0 && (is_digit(text[at]) || text[at] == '+' ||
                                             text[at] == '-' || text[at] == '.')))) {
    ++at;
  }
  return at > 0 && at < text.size() && text[at] == ':' ? at + 1 : 0;
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

int hex_value(char c) {
  if (is_digit(c)) {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// Whether a value leads nowhere else than it says.
bool is_straight(std::string_view value, bool takes_slashes) {
  const bool has_control = std::ranges::any_of(
      value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (value.empty() || has_control || json::valid_utf8_size(value) != value.size() ||
      (!takes_slashes && value.contains('/'))) {
    return false;
  }
  while (true) {
    const std::size_t end = std::min(value.find('/'), value.size());
    const std::string_view segment = value.substr(0, end);
    if (segment == "." || segment == "..") {
      return false;
    }
    if (end == value.size()) {
      return true;
    }
    value.remove_prefix(end + 1);
  }
}

}  // namespace

bool is_uri(std::string_view text) {
  const std::size_t scheme = scheme_bytes(text);
  return scheme > 0 && scheme < text.size() && is_visible(text);
}

Expected<UriTemplate> UriTemplate::parse(std::string_view text) {
  const auto invalid = [](std::string_view what) {
    return fail(ErrorCode::kInvalidArgument, "uriTemplate: {}", what);
  };
  if (scheme_bytes(text) == 0 || !is_visible(text)) {
    return invalid("want a scheme and visible ASCII");
  }
  UriTemplate result;
  while (true) {
    const std::size_t open = std::min(text.find('{'), text.size());
    result.literals_.emplace_back(text.substr(0, open));
    if (result.literals_.back().contains('}')) {
      return invalid("a } without its {");
    }
    if (open == text.size()) {
      break;
    }
    if (open == 0 && !result.names_.empty()) {
      return invalid("want text between two variables");
    }
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) {
      return invalid("a { without its }");
    }
    std::string_view name = text.substr(open + 1, close - open - 1);
    result.takes_slashes_.push_back(name.starts_with('+'));
    name.remove_prefix(name.starts_with('+') ? 1 : 0);
    if (!is_variable_name(name) || std::ranges::find(result.names_, name) != result.names_.end()) {
      return invalid("want {name} or {+name}, each name once, of letters, digits and _");
    }
    result.names_.emplace_back(name);
    text.remove_prefix(close + 1);
  }
  if (result.names_.empty()) {
    return invalid("there is no variable in it");
  }
  return result;
}

std::optional<UriTemplate::Values> UriTemplate::match(std::string_view uri) const {
  if (!is_visible(uri) || !uri.starts_with(literals_.front())) {
    return std::nullopt;
  }
  uri.remove_prefix(literals_.front().size());
  Values values;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::string& behind = literals_[i + 1];
    std::size_t end = std::string_view::npos;
    if (i + 1 == names_.size()) {
      end = uri.ends_with(behind) ? uri.size() - behind.size() : end;
    } else {
      end = uri.find(behind, 1);
    }
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    auto value = percent_decode(uri.substr(0, end));
    if (!value || !is_straight(*value, takes_slashes_[i])) {
      return std::nullopt;
    }
    values.emplace_back(names_[i], *std::move(value));
    uri.remove_prefix(end + behind.size());
  }
  return values;
}

}  // namespace mcpgate::sandbox
