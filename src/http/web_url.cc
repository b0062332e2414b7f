#include "http/web_url.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <vector>

#include "base/encoding.h"

namespace mcpgate::http {
namespace {

constexpr std::size_t kPercentBytes = 3;  // `%7E`

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").contains(c);
}

/// RFC 3986, 2.2 and 3.3, as far as an authority or a path may have them as they are.
bool is_plain(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/[]").contains(c);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Decodes what need not be encoded, and writes the rest in upper case.
std::optional<std::string> normalize_encoding(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '%') {
      if (!is_plain(text.front())) {
        return std::nullopt;
      }
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto byte = hex_decode(text.substr(1, kPercentBytes - 1));
    if (!byte || byte->size() != 1) {
      return std::nullopt;
    }
    const char c = static_cast<char>(byte->front());
    if (is_unreserved(c)) {
      out += c;
    } else {
      for (const char digit : text.substr(0, kPercentBytes)) {
        out += digit >= 'a' && digit <= 'f' ? static_cast<char>(digit - 'a' + 'A') : digit;
      }
    }
    text.remove_prefix(kPercentBytes);
  }
  return out;
}

/// RFC 3986, 5.2.4, of a path that begins with `/`.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_with_slash = false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    ends_with_slash = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) {
        kept.pop_back();
      }
    } else if (segment != "." && !(segment.empty() && path.empty())) {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (const std::string_view segment : kept) {
    out.append("/").append(segment);
  }
  return ends_with_slash ? out + '/' : out;
}

/// `host` or `host:port` in lower case, without the port that `scheme` has anyway.
std::optional<std::string> normalize_authority(std::string_view text, std::string_view scheme) {
  auto authority = normalize_encoding(text);
  if (!authority || authority->contains('@')) {
    return std::nullopt;
  }
  std::ranges::transform(*authority, authority->begin(), &lower);
  // Only an IPv6 address has colons, and brackets around it.
  const std::size_t bracket = authority->starts_with('[') ? authority->find(']') : 0;
  const std::size_t colon = authority->find(':', bracket == std::string::npos ? 0 : bracket);
  std::string host = authority->substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  const std::string_view name =
      is_bracketed ? std::string_view(host).substr(1, host.size() - 2) : std::string_view(host);
  if (name.empty() || name.find_first_of("[]") != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = colon == std::string::npos
                                      ? std::string_view()
                                      : std::string_view(*authority).substr(colon + 1);
  if (digits.empty()) {
    return host;
  }
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  constexpr std::uint16_t kHttp = 80;
  constexpr std::uint16_t kHttps = 443;
  return port == (scheme == "http" ? kHttp : kHttps) ? host : host + ':' + std::to_string(port);
}

}  // namespace

std::optional<std::string> normalize_web_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const std::size_t colon = std::min(url.find("://"), url.size());
  std::string scheme(url.substr(0, colon));
  std::ranges::transform(scheme, scheme.begin(), &lower);
  if (colon == url.size() || (scheme != "http" && scheme != "https")) {
    return std::nullopt;
  }
  url.remove_prefix(colon + 3);
  const std::size_t slash = std::min(url.find('/'), url.size());
  const auto authority = normalize_authority(url.substr(0, slash), scheme);
  const auto path = normalize_encoding(url.substr(slash));
  if (!authority || !path) {
    return std::nullopt;
  }
  return scheme + "://" + *authority + (path->empty() ? "/" : remove_dot_segments(*path));
}

}  // namespace mcpgate::http
