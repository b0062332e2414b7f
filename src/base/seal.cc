#include "base/seal.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"

namespace mcpgate {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyIdBytes = 4;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter>;

const EVP_CIPHER* algorithm() {
  static const EVP_CIPHER* const kAlgorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  MCPGATE_ASSERT(kAlgorithm != nullptr);
  return kAlgorithm;
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

std::uint8_t* bytes_of(std::string& text) {
  return reinterpret_cast<std::uint8_t*>(text.data());
}

/// The first bytes of the secret's digest: tells which key, says nothing of it.
std::string key_id(std::string_view secret) {
  const Sha256Digest digest = sha256(secret);
  return {reinterpret_cast<const char*>(digest.data()), kKeyIdBytes};
}

enum class Direction : int { kOpen = 0, kSeal = 1 };

Context start(Direction direction, std::string_view secret, std::string_view nonce,
              std::string_view purpose) {
  Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  MCPGATE_ASSERT(EVP_CipherInit_ex2(context.get(), algorithm(), bytes_of(secret), bytes_of(nonce),
                                    static_cast<int>(direction), nullptr) == 1);
  MCPGATE_ASSERT(EVP_CipherUpdate(context.get(), nullptr, &length, bytes_of(purpose),
                                  static_cast<int>(purpose.size())) == 1);
  return context;
}

}  // namespace

Sealer::Sealer(std::vector<std::string> keys) {
  MCPGATE_ASSERT(!keys.empty());
  for (std::string& secret : keys) {
    MCPGATE_ASSERT(secret.size() == kKeyBytes);
    std::string id = key_id(secret);
    keys_.push_back({.id = std::move(id), .secret = std::move(secret)});
  }
}

Expected<Sealer> Sealer::load(std::span<const std::filesystem::path> files) {
  std::vector<std::string> keys;
  for (const auto& file : files) {
    std::string text = TRY(read_file(file));
    if (text.ends_with('\n')) {
      text.pop_back();
    }
    const auto secret = base64url_decode(text);
    if (!secret || secret->size() != kKeyBytes) {
      return fail(ErrorCode::kInvalidArgument,
                  "{}: not a sealing key; it must be 32 bytes in base64url", file.string());
    }
    keys.emplace_back(secret->begin(), secret->end());
  }
  if (keys.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no sealing key is given");
  }
  return Sealer(std::move(keys));
}

std::string Sealer::create_text(Random& random) {
  std::array<std::uint8_t, kKeyBytes> secret{};
  random.fill(secret);
  return base64url_encode(secret) + "\n";
}

std::string Sealer::seal(std::string_view purpose, std::string_view plaintext,
                         Random& random) const {
  const Key& key = keys_.front();
  std::array<std::uint8_t, kNonceBytes> nonce{};
  random.fill(nonce);
  std::string token = key.id;
  token.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  const std::size_t body = token.size();
  token.resize(body + plaintext.size() + kTagBytes);

  const Context context = start(Direction::kSeal, key.secret,
                                std::string_view(token).substr(kKeyIdBytes, kNonceBytes), purpose);
  int length = 0;
  std::uint8_t* out = bytes_of(token) + body;
  MCPGATE_ASSERT(EVP_CipherUpdate(context.get(), out, &length, bytes_of(plaintext),
                                  static_cast<int>(plaintext.size())) == 1);
  MCPGATE_ASSERT(EVP_CipherFinal_ex(context.get(), out + length, &length) == 1);
  MCPGATE_ASSERT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                                     out + plaintext.size()) == 1);
  return base64url_encode(as_bytes(token));
}

std::optional<std::string> Sealer::open(std::string_view purpose, std::string_view token) const {
  const auto raw = base64url_decode(token);
  if (!raw || raw->size() < kKeyIdBytes + kNonceBytes + kTagBytes) {
    return std::nullopt;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(raw->data()), raw->size());
  for (const Key& key : keys_) {
    if (!bytes.starts_with(key.id)) {
      continue;
    }
    const Context context =
        start(Direction::kOpen, key.secret, bytes.substr(kKeyIdBytes, kNonceBytes), purpose);
    std::string_view body = bytes.substr(kKeyIdBytes + kNonceBytes);
    std::string tag(body.substr(body.size() - kTagBytes));
    body.remove_suffix(kTagBytes);
    std::string plaintext(body.size(), '\0');
    int length = 0;
    const bool good =
        EVP_CipherUpdate(context.get(), bytes_of(plaintext), &length, bytes_of(body),
                         static_cast<int>(body.size())) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
        EVP_CipherFinal_ex(context.get(), bytes_of(plaintext) + length, &length) == 1;
    return good ? std::optional(std::move(plaintext)) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace mcpgate
