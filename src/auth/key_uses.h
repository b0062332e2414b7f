#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/key_table.h"
#include "base/clock.h"

namespace mcpgate::auth {

/// When each API key was last let in, by this process and since its start; the audit log knows of
/// all processes. Tables of keys come and go, this stays. Of one thread, but for note() and what
/// reads the places.
class KeyUses {
 public:
  /// Seconds since 1970; 0 for never.
  using LastUse = std::atomic<std::int64_t>;
  /// One for each of KeyTable::records(), in their order.
  using Places = std::vector<std::shared_ptr<LastUse>>;

  /// The places of a table's keys, those that are known from an earlier one included; of keys that
  /// it does not have nothing is kept, unless it is one that stands for a store that cannot be
  /// relied on.
  [[nodiscard]] std::shared_ptr<const Places> places_of(const KeyTable& keys);

  /// Any thread; never back in time.
  static void note(LastUse& last_use, WallTime now);

 private:
  std::unordered_map<std::string, std::shared_ptr<LastUse>> known_;
};

/// One key's last use.
struct KeyUse {
  /// Borrowed from the table.
  std::string_view key_id;
  /// Seconds since 1970.
  std::int64_t last = 0;
};

}  // namespace mcpgate::auth
