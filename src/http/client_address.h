#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/address.h"
#include "http/message.h"

namespace mcpgate::http {

/// Proxies that one request may have come through; more is not read.
inline constexpr std::size_t kProxiesMax = 32;

/// What a proxy names that does not know its client, or hides it; it is in no network.
inline constexpr std::string_view kUnknownAddress = "unknown";

/// The IP address of a request's client, without port: the peer's, unless the peer is in `trusted`.
///
/// Then it is what that proxy and the trusted ones before it say, in X-Forwarded-For and in
/// Forwarded (RFC 7239): each has put the address of its own peer on the right, so they are read
/// from there up to the first that is not trusted itself. What stands further left is whatever a
/// client sent. One field may know more of the way than the other, but not otherwise: a proxy that
/// writes only one of them passes on what a client sent in the other.
///
/// Nothing where an address that would have to be believed is none, where the fields contradict
/// each other, and above kProxiesMax.
[[nodiscard]] std::optional<std::string> client_address(const Request& request,
                                                        std::span<const Network> trusted);

}  // namespace mcpgate::http
