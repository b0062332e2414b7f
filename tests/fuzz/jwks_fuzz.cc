// Whatever an issuer publishes: no crash, and what is taken for a key verifies no made-up
// signature.

#include <array>
#include <cstdint>
#include <string_view>

#include "auth/jwk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate;
  const auto set = auth::JwkSet::parse({reinterpret_cast<const char*>(data), size});
  if (!set) {
    return 0;
  }
  static constexpr std::array<std::uint8_t, 64> kSignature{};
  for (const auto algorithm : {auth::JwsAlgorithm::kRs256, auth::JwsAlgorithm::kPs256,
                               auth::JwsAlgorithm::kEs256, auth::JwsAlgorithm::kEdDsa}) {
    const auth::VerificationKey* key = set->find(std::nullopt, algorithm);
    // An Ed25519 key may be a point of small order, of whose messages anybody signs some: it is the
    // issuer's own harm.
    if (key != nullptr && algorithm != auth::JwsAlgorithm::kEdDsa) {
      MCPGATE_ASSERT(!key->verify(algorithm, "message", kSignature));
    }
  }
  return 0;
}
