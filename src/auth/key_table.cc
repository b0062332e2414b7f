#include "auth/key_table.h"

#include <algorithm>
#include <utility>

namespace mcpgate::auth {

KeyTable::KeyTable(std::vector<KeyRecord> keys, std::size_t unreadable)
    : records_(std::move(keys)), unreadable_(unreadable) {
  const auto by_id = [](const KeyRecord& a, const KeyRecord& b) { return a.id < b.id; };
  std::ranges::sort(records_, by_id);
  entries_.reserve(records_.size());
  for (const KeyRecord& key : records_) {
    Principal principal{.user = key.user,
                        .issuer = std::string(kApiKeyIssuer),
                        .subject = key.user,
                        .auth_type = AuthType::kApiKey,
                        .key_id = key.id,
                        .roles = key.roles};
    entries_.emplace(key.id,
                     Entry{.sha256 = key.sha256,
                           .not_before = key.not_before.value_or(WallTime::min()),
                           .expires = key.expires.value_or(WallTime::max()),
                           .revoked = key.revoked.has_value(),
                           .owner = key.keycloak_user,
                           .principal = std::make_shared<const Principal>(std::move(principal)),
                           .index = static_cast<std::size_t>(&key - records_.data())});
  }
}

std::shared_ptr<const KeyTable> KeyTable::unavailable() {
  auto table = std::make_shared<KeyTable>();
  table->available_ = false;
  return table;
}

const KeyTable::Entry* KeyTable::find(std::string_view id) const {
  const auto entry = entries_.find(id);
  return entry == entries_.end() ? nullptr : &entry->second;
}

}  // namespace mcpgate::auth
