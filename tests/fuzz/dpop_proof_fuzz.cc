// Whatever comes as a DPoP proof: no crash, and it does not hold without the private key that the
// token is bound to. The first line of an input is the proof's header, the rest its claims, both as
// JSON: encoded, so that mutations reach the code behind base64url; then the input as the proof
// itself, and as a URL, of which the one spelling is its own.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/dpop_proof.h"
#include "base/encoding.h"
#include "base/error.h"
#include "http/web_url.h"

namespace {

using namespace mcpgate;

/// Of the key in the corpus, whose private half nobody kept.
constexpr std::string_view kThumbprint = "0086y7A9pG5JP2UZnzzDILIk8gMXuI1TiDdZm1g6QkQ";
constexpr std::chrono::minutes kWindow{5};
constexpr std::size_t kBytesMax = std::size_t{64} << 10;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static json::Parser parser(kBytesMax);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view header = text.substr(0, text.find('\n'));
  const std::string_view claims = text.substr(std::min(text.size(), header.size() + 1));
  const std::string proof = base64url_encode(as_bytes(header)) + "." +
                            base64url_encode(as_bytes(claims)) + "." + std::string(86, 'A');
  for (const std::string_view sent : {std::string_view(proof), text}) {
    const std::vector<http::Header> headers{{"DPoP", sent}};
    const auth::Possession possession{.stage = auth::Possession::Stage::kWhole,
                                      .method = "POST",
                                      .url_base = "https://mcp.example/",
                                      .url_rest = "mcp",
                                      .headers = headers,
                                      .body = "{}"};
    const auto held = auth::check_dpop_proof(parser, possession,
                                             {.token = sha256("token"),
                                              .thumbprint = kThumbprint,
                                              .now = WallTime(std::chrono::seconds(1'800'000'000)),
                                              .window = kWindow,
                                              .bytes_max = kBytesMax});
    MCPGATE_ASSERT(!held);
    MCPGATE_ASSERT(held.error().is_other_key == held.error().what.empty());
    MCPGATE_ASSERT(!held.error().what.contains('"'));  // It goes into a quoted string.
  }
  if (const auto normal = http::normalize_web_url(text)) {
    MCPGATE_ASSERT(http::normalize_web_url(*normal) == normal);
  }
  return 0;
}
