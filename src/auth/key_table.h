#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/key_record.h"
#include "base/identity.h"

namespace mcpgate::auth {

/// The issuer of whoever comes with an API key.
inline constexpr std::string_view kApiKeyIssuer = "mcpgate:keys";

/// All keys of a store at one moment, ready to be asked: immutable, shared between threads, swapped
/// whole.
class KeyTable {
 public:
  struct Entry {
    Sha256Digest sha256{};
    /// First and last moment, as bare comparisons: the minimum and maximum of WallTime where none.
    WallTime not_before;
    WallTime expires;
    bool revoked = false;
    /// The user's id in Keycloak, borrowed from the record; empty where the key is not linked.
    std::string_view owner;
    std::shared_ptr<const Principal> principal;
    /// Of its record in records().
    std::size_t index = 0;
  };

  KeyTable() = default;
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;
  ~KeyTable() = default;
  /// Of equal ids the first stays. `unreadable` says how many records the store had to skip.
  explicit KeyTable(std::vector<KeyRecord> keys, std::size_t unreadable = 0);

  /// What stands for the keys of a store that cannot be relied on at present: it has none, and is
  /// not available().
  [[nodiscard]] static std::shared_ptr<const KeyTable> unavailable();
  [[nodiscard]] bool available() const { return available_; }

  /// The key of that id, or null.
  [[nodiscard]] const Entry* find(std::string_view id) const;

  /// All records, in order of their ids: for metrics and lists.
  [[nodiscard]] const std::vector<KeyRecord>& records() const { return records_; }
  [[nodiscard]] std::size_t unreadable() const { return unreadable_; }

 private:
  std::vector<KeyRecord> records_;
  /// Keyed by views into records_, which never changes after construction.
  std::unordered_map<std::string_view, Entry> entries_;
  std::size_t unreadable_ = 0;
  bool available_ = true;
};

}  // namespace mcpgate::auth
