#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace mcpgate {

/// Makes and opens sealed tokens: what a client carries for us, and can neither read nor change.
///
/// AES-256-GCM with a random 96-bit nonce; `purpose` is authenticated with it, so that a token made
/// for one use opens for no other. Form: base64url of key id (4 bytes), nonce, ciphertext, tag.
/// With one key some 2^32 tokens may be sealed before nonces risk to repeat (NIST SP 800-38D, 8.3).
class Sealer {
 public:
  /// Keys of 32 bytes; the first seals, all open. At least one.
  explicit Sealer(std::vector<std::string> keys);

  /// Reads key files: each 32 bytes in base64url (43 characters) and perhaps a line feed. Errors
  /// name the file, never its bytes.
  [[nodiscard]] static Expected<Sealer> load(std::span<const std::filesystem::path> files);
  /// The text of a new key file.
  [[nodiscard]] static std::string create_text(Random& random);

  [[nodiscard]] std::string seal(std::string_view purpose, std::string_view plaintext,
                                 Random& random) const;
  /// Nothing for whatever was not sealed here for this purpose, altered by a single bit or not.
  [[nodiscard]] std::optional<std::string> open(std::string_view purpose,
                                                std::string_view token) const;

 private:
  struct Key {
    std::string id;
    std::string secret;
  };
  std::vector<Key> keys_;
};

}  // namespace mcpgate
