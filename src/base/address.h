#pragma once

#include <string_view>

namespace mcpgate {

/// Whether an IP address, without port or brackets, is this machine's own: 127.0.0.0/8 (RFC 1122,
/// 3.2.1.3), ::1, or the former mapped into IPv6. Whole addresses only, in their usual form.
[[nodiscard]] bool is_loopback_address(std::string_view address);

/// Whether a host is this machine itself: `localhost`, or a loopback address. No other name is:
/// `127.0.0.1.example.com` and `127.example.com` are somebody else's.
[[nodiscard]] bool is_loopback_host(std::string_view host);

}  // namespace mcpgate
