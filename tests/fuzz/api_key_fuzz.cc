// Whatever stands in the Authorization header or the URL: no crash, and only a whole key has an id.

#include <cstdint>
#include <string_view>

#include "auth/api_key.h"
#include "auth/authenticator.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto id = auth::parse_api_key(text)) {
    MCPGATE_ASSERT(text.size() == auth::kApiKeyLength && auth::is_key_id(*id));
    MCPGATE_ASSERT(auth::has_credential_in_query(std::string("/?") + std::string(text)));
  }
  static const auth::Authenticator kAuthenticator({});
  static auth::AccessTokenVerifier tokens;
  const auto who = kAuthenticator.authenticate(
      {.authorization = text, .authorization_count = 1, .target = text}, WallTime{}, tokens);
  MCPGATE_ASSERT(!who);
  return 0;
}
