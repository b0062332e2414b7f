#include "base/address.h"

#include <arpa/inet.h>

#include <string>

namespace mcpgate {

bool is_loopback_address(std::string_view address) {
  constexpr std::string_view kMappedPrefix = "::ffff:";
  if (address.starts_with(kMappedPrefix)) {
    address.remove_prefix(kMappedPrefix.size());
  }
  in_addr v4{};
  if (::inet_pton(AF_INET, std::string(address).c_str(), &v4) == 1) {
    constexpr unsigned kNetworkShift = 24;
    return ntohl(v4.s_addr) >> kNetworkShift == IN_LOOPBACKNET;
  }
  return address == "::1";
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || is_loopback_address(host);
}

}  // namespace mcpgate
