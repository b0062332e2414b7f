#include "json/uri.h"

#include <cctype>

#include "base/encoding.h"

namespace mcpgate::json {
namespace {

// RFC 3986, appendix B. Each part holds its delimiters, so that the parts together are the whole;
// an empty part is a missing one, which for JSON Schema makes no difference.
struct Parts {
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;
  std::string_view query;
  std::string_view fragment;
};

std::string_view take(std::string_view& text, std::size_t size) {
  const std::string_view part = text.substr(0, size);
  text.remove_prefix(part.size());
  return part;
}

Parts split(std::string_view uri) {
  Parts parts;
  const std::size_t colon = uri.find_first_of(":/?#");
  if (colon != std::string_view::npos && colon > 0 && uri[colon] == ':') {
    parts.scheme = take(uri, colon + 1);
  }
  if (uri.starts_with("//")) {
    parts.authority = take(uri, uri.find_first_of("/?#", 2));
  }
  parts.path = take(uri, uri.find_first_of("?#"));
  parts.query = take(uri, uri.find('#'));
  parts.fragment = uri;
  return parts;
}

// RFC 3986, 5.2.4.
std::string remove_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::string_view segment = take(path, path.find('/', 1));
    const bool last = path.empty();
    if (segment == "/.." || segment == "..") {
      const std::size_t slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
      out += last ? "/" : "";
    } else if (segment == "/." || segment == ".") {
      out += last ? "/" : "";
    } else {
      out += segment;
    }
  }
  return out;
}

std::string merge_paths(const Parts& base, std::string_view path) {
  if (!base.authority.empty() && base.path.empty()) {
    return "/" + std::string(path);
  }
  const std::size_t slash = base.path.rfind('/');
  const std::size_t kept = slash == std::string_view::npos ? 0 : slash + 1;
  return std::string(base.path.substr(0, kept)).append(path);
}

}  // namespace

std::string resolve_uri(std::string_view base, std::string_view reference) {
  const Parts to = split(reference);
  if (!to.scheme.empty() || base.empty()) {
    return std::string(reference);
  }
  const Parts from = split(base);
  std::string out(from.scheme);
  if (!to.authority.empty()) {
    return out.append(reference);
  }
  out += from.authority;
  if (to.path.empty()) {
    out.append(from.path).append(to.query.empty() ? from.query : to.query);
  } else if (to.path.starts_with('/')) {
    out.append(remove_dot_segments(to.path)).append(to.query);
  } else {
    out.append(remove_dot_segments(merge_paths(from, to.path))).append(to.query);
  }
  return out.append(to.fragment);
}

std::pair<std::string, std::string> split_fragment(std::string_view uri) {
  const std::size_t hash = uri.find('#');
  if (hash == std::string_view::npos) {
    return {std::string(uri), ""};
  }
  std::string fragment;
  for (std::size_t i = hash + 1; i < uri.size(); ++i) {
    const auto byte = uri[i] == '%' ? hex_decode(uri.substr(i + 1, 2)) : std::nullopt;
    if (byte && byte->size() == 1) {
      fragment += static_cast<char>(byte->front());
      i += 2;
    } else {
      fragment += uri[i];
    }
  }
  return {std::string(uri.substr(0, hash)), fragment};
}

}  // namespace mcpgate::json
