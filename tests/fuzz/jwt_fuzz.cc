// Whatever comes as an access token: no crash, and nobody without the issuer's private key is let
// in. The first line of an input is the token's header, the rest its claims, both as JSON: encoded,
// so that mutations reach the code behind base64url; and then the input as the token itself.

#include <cstdint>
#include <string>
#include <string_view>

#include "auth/access_token.h"
#include "base/encoding.h"
#include "base/error.h"

namespace {

using namespace mcpgate;

/// One public key of each type, whose private halves nobody kept.
constexpr std::string_view kJwks =
    R"({"keys":[{"kid":"ec","kty":"EC","crv":"P-256",)"
    R"("x":"KBR5d4PUDJkdQxo36A8pTHsNZ3SmIa2L1cqasnrn_Go","y":"dD7CWSap3jYYxlRJe5_NPa9XidQ9Cs6jV6bNuy8-2q0"},)"
    R"({"kid":"ed","kty":"OKP","crv":"Ed25519","x":"yX06Rb753YqM2cV89cqtyIbMDKvDEKZmgO8Aa-YMg8Q"}]})";

std::shared_ptr<const auth::IssuerTable> issuers() {
  auto table = std::make_shared<auth::IssuerTable>();
  auto keys = auth::JwkSet::parse(kJwks);
  MCPGATE_ASSERT(keys && keys->size() == 2);
  table->issuers.push_back(
      {.rules = {.issuer = "https://as", .audiences = {"a"}},
       .keys = std::make_shared<const auth::JwkSet>(*std::move(keys)),
       .introspection =
           std::make_shared<const auth::IntrospectionEndpoint>(auth::IntrospectionEndpoint{
               .url = "https://as/introspect", .client = {}, .tls = nullptr})});
  return table;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kIssuers = issuers();
  static auth::AccessTokenVerifier verifier;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view header = text.substr(0, text.find('\n'));
  const std::string_view claims = text.substr(std::min(text.size(), header.size() + 1));
  const std::string token = base64url_encode(as_bytes(header)) + "." +
                            base64url_encode(as_bytes(claims)) + "." + std::string(86, 'A');
  MCPGATE_ASSERT(!verifier.verify(kIssuers, token, WallTime{}));
  MCPGATE_ASSERT(!verifier.verify(kIssuers, text, WallTime{}));
  MCPGATE_ASSERT(verifier.remembered() == 0);
  // The same bytes as what the issuer answers about a token.
  const auth::Issuer& issuer = kIssuers->issuers.front();
  verifier.learn(kIssuers, issuer, "opaque", std::string(text), WallTime{});
  const auto said = verifier.verify(kIssuers, "opaque", WallTime{});
  MCPGATE_ASSERT(!said || (*said)->issuer == issuer.rules.issuer);
  return 0;
}
