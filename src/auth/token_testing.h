#pragma once

// An issuer of the tests' own: real keys, made in the test, and tokens signed by them.

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/jwk.h"
#include "base/digest.h"
#include "base/encoding.h"

namespace mcpgate::auth {

/// A key pair that signs as `algorithm` says.
class TestKey {
 public:
  TestKey(std::string id, JwsAlgorithm algorithm, unsigned rsa_bits = 2048)
      : id_(std::move(id)), algorithm_(algorithm) {
    switch (algorithm) {
      case JwsAlgorithm::kEs256:
        key_.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
        break;
      case JwsAlgorithm::kEdDsa:
        key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
        break;
      default:
        key_.reset(EVP_RSA_gen(rsa_bits), EVP_PKEY_free);
    }
  }

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] std::string algorithm_name() const {
    for (const char* name : {"RS256", "PS256", "ES256", "EdDSA"}) {
      if (parse_jws_algorithm(name) == algorithm_) {
        return name;
      }
    }
    return {};
  }

  /// The public key as a JWK; `more` are members to add, such as `,"use":"sig"`.
  [[nodiscard]] std::string jwk(std::string_view more = "") const {
    std::string out = R"({"kid":")" + id_ + '"';
    if (algorithm_ == JwsAlgorithm::kEs256) {
      out += R"(,"kty":"EC","crv":"P-256","x":")" + number(OSSL_PKEY_PARAM_EC_PUB_X, 32) +
             R"(","y":")" + number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + '"';
    } else if (algorithm_ == JwsAlgorithm::kEdDsa) {
      std::vector<std::uint8_t> raw(32);
      std::size_t size = raw.size();
      EXPECT_EQ(EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size), 1);
      out += R"(,"kty":"OKP","crv":"Ed25519","x":")" + base64url_encode(raw) + '"';
    } else {
      out += R"(,"kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
             number(OSSL_PKEY_PARAM_RSA_E, 0) + '"';
    }
    return out.append(more).append("}");
  }

  /// The signature as a JWS carries it.
  [[nodiscard]] std::string sign(std::string_view message) const {
    const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* parameters = nullptr;
    const char* digest = algorithm_ == JwsAlgorithm::kEdDsa ? nullptr : "SHA256";
    EXPECT_EQ(EVP_DigestSignInit_ex(context.get(), &parameters, digest, nullptr, nullptr,
                                    key_.get(), nullptr),
              1);
    if (algorithm_ == JwsAlgorithm::kPs256) {
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    const auto bytes = as_bytes(message);
    std::size_t size = 0;
    EVP_DigestSign(context.get(), nullptr, &size, bytes.data(), bytes.size());
    std::vector<std::uint8_t> signature(size);
    EXPECT_EQ(EVP_DigestSign(context.get(), signature.data(), &size, bytes.data(), bytes.size()),
              1);
    signature.resize(size);
    return base64url_encode(algorithm_ == JwsAlgorithm::kEs256 ? raw_pair(signature) : signature);
  }

  /// A whole token; header and claims are JSON.
  [[nodiscard]] std::string token(std::string_view claims, std::string_view header) const {
    const std::string signed_part =
        base64url_encode(as_bytes(header)) + "." + base64url_encode(as_bytes(claims));
    return signed_part + "." + sign(signed_part);
  }
  [[nodiscard]] std::string token(std::string_view claims) const {
    return token(claims,
                 R"({"alg":")" + algorithm_name() + R"(","typ":"JWT","kid":")" + id_ + R"("})");
  }

  /// A DPoP proof; `members` are what its header has beside its `alg`, in place of the usual.
  [[nodiscard]] std::string proof(std::string_view claims, std::string_view members) const {
    return token(claims, R"({"alg":")" + algorithm_name() + R"(",)" + std::string(members) + "}");
  }
  [[nodiscard]] std::string proof(std::string_view claims) const {
    return proof(claims, R"("typ":"dpop+jwt","jwk":)" + jwk());
  }
  [[nodiscard]] std::string thumbprint() const {
    json::Parser parser(std::size_t{64} << 10);
    return jwk_thumbprint(*json::as_object(*parser.parse(jwk())));
  }

 private:
  [[nodiscard]] std::string number(const char* name, std::size_t bytes) const {
    BIGNUM* value = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(key_.get(), name, &value), 1);
    const std::shared_ptr<BIGNUM> owned(value, BN_free);
    std::vector<std::uint8_t> out(bytes == 0 ? static_cast<std::size_t>(BN_num_bytes(value))
                                             : bytes);
    BN_bn2binpad(value, out.data(), static_cast<int>(out.size()));
    return base64url_encode(out);
  }
  static std::vector<std::uint8_t> raw_pair(const std::vector<std::uint8_t>& der) {
    const std::uint8_t* at = der.data();
    const std::shared_ptr<ECDSA_SIG> pair(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
    std::vector<std::uint8_t> out(64);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out.data(), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out.data() + 32, 32);
    return out;
  }

  std::string id_;
  JwsAlgorithm algorithm_;
  std::shared_ptr<EVP_PKEY> key_;
};

/// A JWK Set of these keys' public halves.
inline std::string jwks_of(const std::vector<const TestKey*>& keys) {
  std::string out = R"({"keys":[)";
  for (const TestKey* key : keys) {
    out += (out.ends_with('[') ? "" : ",") + key->jwk();
  }
  return out + "]}";
}

/// Claims as JSON; what a test says of one replaces it, and an empty text leaves it out.
inline std::string claims_of(std::map<std::string, std::string> claims) {
  std::string out = "{";
  for (const auto& [name, json] : claims) {
    if (!json.empty()) {
      out += (out.size() == 1 ? "\"" : ",\"") + name + "\":" + json;
    }
  }
  return out + "}";
}

}  // namespace mcpgate::auth
