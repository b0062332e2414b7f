// Public keys become OpenSSL's from their numbers alone (EVP_PKEY_fromdata), which checks that a
// point is on its curve. What a key may verify is fixed when it is read, so that no token can have
// it used in another way (RFC 8725, 2.1 and 3.1).

#include "auth/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/digest.h"
#include "base/encoding.h"
#include "json/write.h"

namespace mcpgate::auth {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 4096;
constexpr std::size_t kRsaExponentBytesMax = 4;
/// The smallest public exponent of FIPS 186-5.
constexpr unsigned long kRsaExponentMin = 65537;
constexpr std::size_t kP256CoordinateBytes = 32;
constexpr std::size_t kEd25519KeyBytes = 32;
constexpr std::size_t kEs256SignatureBytes = 64;
constexpr std::uint8_t kUncompressedPoint = 4;
/// What only private keys have (RFC 7518, 6.2.2 and 6.3.2).
constexpr std::array<std::string_view, 7> kPrivateMembers{"d", "p", "q", "dp", "dq", "qi", "oth"};

/// Frees OpenSSL's objects.
struct Free {
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;
using Key = std::shared_ptr<EVP_PKEY>;
using Bytes = std::vector<std::uint8_t>;

std::optional<Bytes> bytes_at(json::Object jwk, std::string_view name) {
  const auto text = json::string_at(jwk, name);
  return text ? base64url_decode(*text) : std::nullopt;
}

Key share(EVP_PKEY* key) {
  return {key, [](EVP_PKEY* unused) { EVP_PKEY_free(unused); }};
}

/// A public key of `type` from its parameters; null where they are no key.
Key key_from(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return share(key);
}

Owned<BIGNUM> number_from(const Bytes& bytes) {
  return Owned<BIGNUM>(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

Expected<Key> rsa_key(json::Object jwk) {
  const auto modulus = bytes_at(jwk, "n");
  const auto exponent = bytes_at(jwk, "e");
  if (!modulus || !exponent || exponent->size() > kRsaExponentBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "an RSA key needs n and e");
  }
  const auto n = number_from(*modulus);
  const auto e = number_from(*exponent);
  const int bits = BN_num_bits(n.get());
  if (bits < kRsaBitsMin || bits > kRsaBitsMax) {
    return fail(ErrorCode::kInvalidArgument, "an RSA key of {} bits; {} to {} are accepted", bits,
                kRsaBitsMin, kRsaBitsMax);
  }
  if (BN_get_word(e.get()) < kRsaExponentMin || BN_is_odd(e.get()) == 0) {
    return fail(ErrorCode::kInvalidArgument, "an RSA exponent below {} or even", kRsaExponentMin);
  }
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  if (Key key = key_from("RSA", builder.get())) {
    return key;
  }
  return fail(ErrorCode::kInvalidArgument, "an RSA key that is none");
}

Expected<Key> p256_key(json::Object jwk) {
  if (json::string_at(jwk, "crv") != "P-256") {
    return fail(ErrorCode::kInvalidArgument, "an EC key of another curve than P-256");
  }
  const auto x = bytes_at(jwk, "x");
  const auto y = bytes_at(jwk, "y");
  if (!x || !y || x->size() != kP256CoordinateBytes || y->size() != kP256CoordinateBytes) {
    return fail(ErrorCode::kInvalidArgument, "a P-256 key needs x and y of 32 bytes");
  }
  Bytes point{kUncompressedPoint};
  point.insert(point.end(), x->begin(), x->end());
  point.insert(point.end(), y->begin(), y->end());
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  if (Key key = key_from("EC", builder.get())) {
    return key;
  }
  return fail(ErrorCode::kInvalidArgument, "a P-256 key that is no point of the curve");
}

Expected<Key> ed25519_key(json::Object jwk) {
  if (json::string_at(jwk, "crv") != "Ed25519") {
    return fail(ErrorCode::kInvalidArgument, "an OKP key of another curve than Ed25519");
  }
  const auto x = bytes_at(jwk, "x");
  if (!x || x->size() != kEd25519KeyBytes) {
    return fail(ErrorCode::kInvalidArgument, "an Ed25519 key needs x of 32 bytes");
  }
  EVP_PKEY* const key =
      EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, x->data(), x->size());
  MCPGATE_ASSERT(key != nullptr);
  return share(key);
}

/// Whether the issuer means this key for verifying signatures.
bool is_for_signatures(json::Object jwk) {
  if (json::find(jwk, "use") && json::string_at(jwk, "use") != "sig") {
    return false;
  }
  if (!json::find(jwk, "key_ops")) {
    return true;
  }
  const auto operations = json::array_at(jwk, "key_ops");
  return operations && std::ranges::any_of(*operations, [](json::Element operation) {
           return json::as_string(operation) == "verify";
         });
}

/// JWS has r and s one after the other (RFC 7518, 3.4), OpenSSL wants them in DER.
Bytes der_signature(std::span<const std::uint8_t> signature) {
  const auto half = static_cast<int>(signature.size() / 2);
  const Owned<ECDSA_SIG> pair(ECDSA_SIG_new());
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(signature.data(), half, nullptr),
                 BN_bin2bn(signature.data() + half, half, nullptr));
  Bytes der(static_cast<std::size_t>(std::max(i2d_ECDSA_SIG(pair.get(), nullptr), 0)));
  std::uint8_t* end = der.data();
  i2d_ECDSA_SIG(pair.get(), &end);
  return der;
}

}  // namespace

std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view name) {
  const auto* const found = std::ranges::find(kJwsAlgorithmNames, name);
  return found == kJwsAlgorithmNames.end()
             ? std::nullopt
             : std::optional(static_cast<JwsAlgorithm>(found - kJwsAlgorithmNames.begin()));
}

std::string jwk_thumbprint(json::Object jwk) {
  // The members that a key of the type must have, in the order of their names (RFC 7638, 3.2). None
  // of their values needs to be escaped.
  const std::string_view type = json::string_at(jwk, "kty").value_or("");
  std::string text;
  json::Writer writer(text);
  writer.begin_object();
  for (const std::string_view name : {"crv", "e", "kty", "n", "x", "y"}) {
    const bool is_of_type = name == "kty" || (type == "RSA"  ? name == "e" || name == "n"
                                              : type == "EC" ? name != "e" && name != "n"
                                                             : name == "crv" || name == "x");
    if (is_of_type) {
      writer.field(name, json::string_at(jwk, name).value_or(""));
    }
  }
  writer.end_object();
  return base64url_encode(sha256(text));
}

Expected<VerificationKey> VerificationKey::parse(json::Object jwk) {
  const std::string_view type = json::string_at(jwk, "kty").value_or("");
  const std::string_view id = json::string_at(jwk, "kid").value_or("");
  if (id.size() > kKeyIdBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "a kid of more than {} bytes", kKeyIdBytesMax);
  }
  if (std::ranges::any_of(kPrivateMembers, [&jwk](std::string_view name) {
        return json::find(jwk, name).has_value();
      })) {
    return fail(ErrorCode::kInvalidArgument, "a private key: replace it, since it is published");
  }
  if (!is_for_signatures(jwk)) {
    return fail(ErrorCode::kInvalidArgument, "a key that is not for signatures");
  }
  Key key;
  std::vector<JwsAlgorithm> algorithms;
  if (type == "RSA") {
    key = TRY(rsa_key(jwk));
    algorithms = {JwsAlgorithm::kRs256, JwsAlgorithm::kPs256};
  } else if (type == "EC") {
    key = TRY(p256_key(jwk));
    algorithms = {JwsAlgorithm::kEs256};
  } else if (type == "OKP") {
    key = TRY(ed25519_key(jwk));
    algorithms = {JwsAlgorithm::kEdDsa};
  } else {
    return fail(ErrorCode::kInvalidArgument, "a key of another type than RSA, EC and OKP");
  }
  if (json::find(jwk, "alg")) {
    const auto only = parse_jws_algorithm(json::string_at(jwk, "alg").value_or(""));
    std::erase_if(algorithms, [only](JwsAlgorithm algorithm) { return algorithm != only; });
  }
  if (algorithms.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a key for another algorithm");
  }
  return VerificationKey(std::string(id), std::move(algorithms), std::move(key));
}

bool VerificationKey::can_verify(JwsAlgorithm algorithm) const {
  return std::ranges::find(algorithms_, algorithm) != algorithms_.end();
}

bool VerificationKey::verify(JwsAlgorithm algorithm, std::string_view message,
                             std::span<const std::uint8_t> signature) const {
  if (!can_verify(algorithm)) {
    return false;
  }
  Bytes der;
  if (algorithm == JwsAlgorithm::kEs256) {
    if (signature.size() != kEs256SignatureBytes) {
      return false;
    }
    der = der_signature(signature);
    signature = der;
  }
  const char* const digest = algorithm == JwsAlgorithm::kEdDsa ? nullptr : "SHA256";
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  if (!context || EVP_DigestVerifyInit_ex(context.get(), &parameters, digest, nullptr, nullptr,
                                          key_.get(), nullptr) != 1) {
    return false;
  }
  if (algorithm == JwsAlgorithm::kPs256 &&
      (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  const auto bytes = as_bytes(message);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes.data(),
                          bytes.size()) == 1;
}

Expected<JwkSet> JwkSet::parse(std::string_view text) {
  json::Parser parser(kJwksBytesMax);
  const json::Element root = TRY(parser.parse(text));
  if (json::find_duplicate_key(root)) {
    return fail(ErrorCode::kInvalidArgument, "a JWK Set with a key twice in one object");
  }
  const auto object = json::as_object(root);
  const auto keys = object ? json::array_at(*object, "keys") : std::nullopt;
  if (!keys) {
    return fail(ErrorCode::kInvalidArgument, "not a JWK Set: it has no list of keys");
  }
  if (keys->size() > kJwksKeysMax) {
    return fail(ErrorCode::kResourceExhausted, "a JWK Set of more than {} keys", kJwksKeysMax);
  }
  JwkSet set;
  for (const json::Element element : *keys) {
    const auto jwk = json::as_object(element);
    if (!jwk) {
      return fail(ErrorCode::kInvalidArgument, "not a JWK Set: a key is no object");
    }
    if (auto key = VerificationKey::parse(*jwk)) {
      set.keys_.push_back(*std::move(key));
    } else {
      set.unusable_.push_back(std::move(key.error().message));
    }
  }
  return set;
}

const VerificationKey* JwkSet::find(const std::optional<std::string>& id,
                                    JwsAlgorithm algorithm) const {
  const VerificationKey* found = nullptr;
  for (const VerificationKey& key : keys_) {
    if (!key.can_verify(algorithm) || (id && key.id() != *id)) {
      continue;
    }
    if (id) {
      return &key;
    }
    if (found != nullptr) {
      return nullptr;
    }
    found = &key;
  }
  return found;
}

}  // namespace mcpgate::auth
