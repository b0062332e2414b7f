#pragma once

#include <cstddef>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/digest.h"

namespace mcpgate::auth {

/// A digest is as good a hash as there is.
struct DigestHash {
  std::size_t operator()(const Sha256Digest& digest) const {
    std::size_t hash = 0;
    std::memcpy(&hash, digest.data(), sizeof hash);
    return hash;
  }
};

/// What is known of tokens, by their SHA-256. Bounded: of two halves the older one goes when the
/// younger is full, and what is still used moves over.
template <class T>
class TokenMap {
 public:
  /// Holds `entries_max` at most; 0 remembers nothing.
  explicit TokenMap(std::size_t entries_max) : half_(entries_max / 2) {}

  /// Valid until the next call.
  [[nodiscard]] const T* find(const Sha256Digest& token) {
    if (const auto entry = young_.find(token); entry != young_.end()) {
      return &entry->second;
    }
    const auto entry = old_.find(token);
    if (entry == old_.end()) {
      return nullptr;
    }
    T used = std::move(entry->second);
    old_.erase(entry);
    insert(token, std::move(used));
    return &young_.find(token)->second;
  }

  void insert(const Sha256Digest& token, T entry) {
    if (half_ == 0) {
      return;
    }
    if (young_.size() >= half_) {
      old_ = std::exchange(young_, {});
    }
    young_.insert_or_assign(token, std::move(entry));
  }

  void clear() {
    young_.clear();
    old_.clear();
  }
  [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }

 private:
  using Half = std::unordered_map<Sha256Digest, T, DigestHash>;

  std::size_t half_;
  Half young_;
  Half old_;
};

}  // namespace mcpgate::auth
