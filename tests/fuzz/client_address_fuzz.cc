// Any forwarding headers: the client is an address that a trusted proxy's header spells, or nobody;
// and nothing that a client puts to the left of it changes that. The input is X-Forwarded-For, a
// NUL byte, and Forwarded.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/client_address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate;  // NOLINT: one function
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const std::string_view list = input.substr(0, end);
  const std::string_view forwarded = input.substr(std::min(end + 1, input.size()));
  const auto network = Network::parse("10.0.0.0/8");
  MCPGATE_ASSERT(network);
  const std::array trusted{*network};
  const auto client = [&trusted](std::string_view xff, std::string_view rfc7239) {
    const std::array headers{http::Header{"X-Forwarded-For", xff},
                             http::Header{"Forwarded", rfc7239}};
    return http::client_address({.headers = headers, .peer = "10.0.0.1"}, trusted);
  };
  const auto found = client(list, forwarded);
  MCPGATE_ASSERT(!found || *found == http::kUnknownAddress || IpAddress::parse(*found));
  const auto alone = client(list, "");
  const auto address = IpAddress::parse(alone.value_or(""));
  if (address && !network->contains(*address)) {
    MCPGATE_ASSERT(client("127.0.0.1\"," + std::string(list), "") == alone);
  }
  return 0;
}
