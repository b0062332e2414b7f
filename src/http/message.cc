#include "http/message.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace mcpgate::http {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// RFC 9110, 5.6.2.
constexpr auto kTokenChars = [] {
  std::array<bool, 256> chars{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    chars[static_cast<unsigned char>(c)] = true;
  }
  return chars;
}();

bool is_token_char(char c) {
  return kTokenChars[static_cast<unsigned char>(c)];
}

struct Reason {
  int status;
  std::string_view text;
};

constexpr auto kReasons = std::to_array<Reason>({
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
});

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> find_header(std::span<const Header> headers,
                                            std::string_view name) {
  for (const Header& header : headers) {
    if (iequals(header.name, name)) {
      return header.value;
    }
  }
  return std::nullopt;
}

std::size_t count_headers(std::span<const Header> headers, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(
      headers, [&](const Header& header) { return iequals(header.name, name); }));
}

std::string_view status_reason(int status) {
  const auto found = std::ranges::lower_bound(kReasons, status, {}, &Reason::status);
  return found != kReasons.end() && found->status == status ? found->text : "Unknown";
}

bool has_control(std::string_view text) {
  // Written so that the compiler can vectorize it: no early exit.
  bool found = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    found |= (byte < 0x20 && byte != '\t') || byte == 0x7f;
  }
  return found;
}

bool is_valid_header(std::string_view name, std::string_view value) {
  return !name.empty() && std::ranges::all_of(name, is_token_char) && !has_control(value);
}

bool is_media_type(std::optional<std::string_view> value, std::string_view type) {
  if (!value || !iequals(value->substr(0, type.size()), type)) {
    return false;
  }
  const std::string_view rest = value->substr(type.size());
  return rest.empty() || rest.front() == ';' || rest.front() == ' ';
}

std::optional<std::chrono::seconds> parse_retry_after(std::optional<std::string_view> value) {
  constexpr std::chrono::seconds kMax{3600};
  const std::string_view text = value.value_or("");
  std::int64_t seconds = 0;
  const auto [stop, error] = std::from_chars(text.begin(), text.end(), seconds);
  if (error != std::errc{} || stop != text.end() || seconds < 0 || seconds > kMax.count()) {
    return std::nullopt;
  }
  return std::chrono::seconds{seconds};
}

}  // namespace mcpgate::http
