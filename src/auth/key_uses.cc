#include "auth/key_uses.h"

#include <chrono>
#include <utility>

namespace mcpgate::auth {

std::shared_ptr<const KeyUses::Places> KeyUses::places_of(const KeyTable& keys) {
  auto places = std::make_shared<Places>();
  if (!keys.available()) {
    return places;
  }
  auto before = std::exchange(known_, {});
  places->reserve(keys.records().size());
  for (const KeyRecord& key : keys.records()) {
    const auto known = before.find(key.id);
    auto& place = known_[key.id];
    if (place == nullptr) {  // Of equal ids the first one counts.
      place = known == before.end() ? std::make_shared<LastUse>(0) : known->second;
    }
    places->push_back(place);
  }
  return places;
}

void KeyUses::note(LastUse& last_use, WallTime now) {
  const std::int64_t second =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  // Two threads may race for a second, which is as exact as it gets; most requests only read.
  if (last_use.load(std::memory_order_relaxed) < second) {
    last_use.store(second, std::memory_order_relaxed);
  }
}

}  // namespace mcpgate::auth
