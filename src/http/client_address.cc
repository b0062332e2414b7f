// Everything is read from the right: the left end of either field may be a client's invention, and
// must have no say in how the rest is taken apart.

#include "http/client_address.h"

#include <algorithm>
#include <ranges>

namespace mcpgate::http {

namespace {

/// What one of the fields says.
struct Chain {
  std::string client;
  /// Addresses read.
  std::size_t length = 0;
  /// It was read to its begin, so that its client is a trusted proxy itself.
  bool whole = true;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t begin = std::min(text.find_first_not_of(kBlank), text.size());
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

/// Takes what stands behind the last separator outside of quotes off the list.
std::string_view take_last(std::string_view& list, char separator) {
  bool quoted = false;
  std::size_t begin = list.size();
  while (begin > 0 && (quoted || list[begin - 1] != separator)) {
    --begin;
    quoted ^= list[begin] == '"';
  }
  const std::string_view last = list.substr(begin);
  list = list.substr(0, begin == 0 ? 0 : begin - 1);
  return trimmed(last);
}

/// The node of one element of Forwarded: `for="[2001:db8::1]:4711";proto=https`. Nothing where it
/// is malformed, or uses the escapes of quoted text: no address needs one.
std::optional<std::string_view> forwarded_node(std::string_view element) {
  if (element.contains('\\')) {
    return std::nullopt;
  }
  std::optional<std::string_view> node;
  while (!element.empty()) {
    const std::string_view pair = take_last(element, ';');
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      return std::nullopt;
    }
    if (!iequals(pair.substr(0, equals), "for")) {
      continue;
    }
    if (node) {
      return std::nullopt;
    }
    node = pair.substr(equals + 1);
    if (node->size() > 1 && node->front() == '"' && node->back() == '"') {
      node = node->substr(1, node->size() - 2);
    }
  }
  return node.value_or(kUnknownAddress);
}

/// Those of X-Forwarded-For are the elements themselves.
std::optional<std::string_view> plain_node(std::string_view element) {
  return element;
}

/// `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]`, `[2001:db8::1]:4711`, `2001:db8::1`.
std::optional<IpAddress> address_of(std::string_view node) {
  std::string_view port;
  if (node.starts_with('[')) {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    port = node.substr(end + 1);
    node = node.substr(1, end - 1);
  } else if (std::ranges::count(node, ':') == 1) {
    port = node.substr(node.find(':'));
    node = node.substr(0, node.find(':'));
  }
  if (!port.empty() &&
      (port.front() != ':' || port.find_first_not_of("0123456789", 1) != std::string_view::npos)) {
    return std::nullopt;
  }
  return IpAddress::parse(node);
}

bool is_trusted(std::span<const Network> trusted, const IpAddress& address) {
  return std::ranges::any_of(trusted,
                             [&](const Network& network) { return network.contains(address); });
}

std::optional<Chain> read_chain(const Request& request, std::span<const Network> trusted,
                                std::string_view field,
                                std::optional<std::string_view> (*node_of)(std::string_view)) {
  Chain chain{.client = std::string(request.peer)};
  for (const Header& header : request.headers | std::views::reverse) {
    std::string_view list = iequals(header.name, field) ? header.value : std::string_view{};
    while (!list.empty()) {
      const std::string_view element = take_last(list, ',');
      if (element.empty()) {
        continue;  // RFC 9110, 5.6.1: counts for nothing.
      }
      const auto node = node_of(element);
      if (!node || ++chain.length > kProxiesMax) {
        return std::nullopt;
      }
      if (iequals(*node, kUnknownAddress) || node->starts_with('_')) {
        return Chain{.client = std::string(kUnknownAddress), .whole = false};
      }
      const auto address = address_of(*node);
      if (!address) {
        return std::nullopt;
      }
      chain.client = address->to_string();
      if (!is_trusted(trusted, *address)) {
        chain.whole = false;
        return chain;
      }
    }
  }
  return chain;
}

}  // namespace

std::optional<std::string> client_address(const Request& request,
                                          std::span<const Network> trusted) {
  const auto peer = trusted.empty() ? std::nullopt : IpAddress::parse(request.peer);
  if (!peer || !is_trusted(trusted, *peer)) {
    return std::string(request.peer);
  }
  const auto listed = read_chain(request, trusted, "x-forwarded-for", plain_node);
  const auto forwarded = read_chain(request, trusted, "forwarded", forwarded_node);
  if (!listed || !forwarded) {
    return std::nullopt;
  }
  if (listed->whole && (!forwarded->whole || listed->length <= forwarded->length)) {
    return forwarded->client;
  }
  if (forwarded->whole || forwarded->client == listed->client) {
    return listed->client;
  }
  return std::nullopt;
}

}  // namespace mcpgate::http
