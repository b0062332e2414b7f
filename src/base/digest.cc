// OpenSSL's one-shot calls fetch the algorithm each time, which takes shared locks and four times
// as long as hashing 40 bytes; so one fetched EVP_MD and one context per thread.

#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/encoding.h"
#include "base/error.h"

namespace mcpgate {

namespace {

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  MCPGATE_ASSERT(kAlgorithm != nullptr);
  return kAlgorithm;
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { MCPGATE_ASSERT(EVP_DigestInit_ex2(context, sha256_algorithm(), nullptr) == 1); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  // Naming the algorithm again would look for an engine that offers it.
  void restart() const { MCPGATE_ASSERT(EVP_DigestInit_ex2(context, nullptr, nullptr) == 1); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  MCPGATE_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  MCPGATE_ASSERT(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  state_->restart();
  return digest;
}

Sha256Digest sha256(std::string_view bytes) {
  thread_local Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string sha256_hex(std::string_view bytes) {
  return hex_encode(sha256(bytes));
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view message) {
  // RFC 2104 over the fetched SHA-256: EVP_MAC re-keyed costs more than these two passes.
  constexpr std::size_t kBlockBytes = 64;
  std::array<char, kBlockBytes> inner{};
  std::array<char, kBlockBytes> outer{};
  const Sha256Digest short_key = key.size() > kBlockBytes ? sha256(key) : Sha256Digest{};
  const auto key_bytes =
      key.size() > kBlockBytes ? std::span<const std::uint8_t>(short_key) : as_bytes(key);
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    const std::uint8_t byte = i < key_bytes.size() ? key_bytes[i] : 0;
    inner[i] = static_cast<char>(byte ^ 0x36);
    outer[i] = static_cast<char>(byte ^ 0x5c);
  }
  thread_local Sha256 hash;
  hash.update({inner.data(), inner.size()});
  hash.update(message);
  const Sha256Digest digest = hash.finish();
  hash.update({outer.data(), outer.size()});
  hash.update({reinterpret_cast<const char*>(digest.data()), digest.size()});
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
  return hash.finish();
}

bool equal_in_constant_time(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mcpgate
