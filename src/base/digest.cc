// EVP, OpenSSL's newer interface, makes and clears a context for each hash, which takes longer than
// hashing 100 bytes; a request has eight hashes, most of them short. So this file asks for the
// functions of 1.1.1, whose context is a plain value.
#define OPENSSL_API_COMPAT 10101

#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/encoding.h"
#include "base/error.h"

namespace mcpgate {

namespace {

class Sha256 {
 public:
  Sha256() { MCPGATE_ASSERT(SHA256_Init(&context_) == 1); }
  ~Sha256() { OPENSSL_cleanse(&context_, sizeof context_); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& add(std::span<const std::uint8_t> bytes) {
    MCPGATE_ASSERT(SHA256_Update(&context_, bytes.data(), bytes.size()) == 1);
    return *this;
  }
  Sha256Digest finish() {
    Sha256Digest digest;
    MCPGATE_ASSERT(SHA256_Final(digest.data(), &context_) == 1);
    return digest;
  }

 private:
  SHA256_CTX context_{};
};

}  // namespace

Sha256Digest sha256(std::string_view bytes) {
  return Sha256().add(as_bytes(bytes)).finish();
}

std::string sha256_hex(std::string_view bytes) {
  return hex_encode(sha256(bytes));
}

HexDigest::HexDigest(const Sha256Digest& digest) {
  hex_encode(digest, digits_);
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view message) {
  constexpr std::size_t kBlockBytes = 64;
  std::array<std::uint8_t, kBlockBytes> inner{};
  std::array<std::uint8_t, kBlockBytes> outer{};
  const Sha256Digest short_key = key.size() > kBlockBytes ? sha256(key) : Sha256Digest{};
  const auto key_bytes =
      key.size() > kBlockBytes ? std::span<const std::uint8_t>(short_key) : as_bytes(key);
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    const std::uint8_t byte = i < key_bytes.size() ? key_bytes[i] : 0;
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  const Sha256Digest digest = Sha256().add(inner).add(as_bytes(message)).finish();
  const Sha256Digest mac = Sha256().add(outer).add(digest).finish();
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
  return mac;
}

bool equal_in_constant_time(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mcpgate
