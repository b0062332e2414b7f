// What is known of a key's use goes on where its table is replaced, and ends with the key.

#include "auth/key_uses.h"

#include <gtest/gtest.h>

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};

KeyTable table_of(const std::vector<std::string>& ids) {
  std::vector<KeyRecord> records;
  for (const std::string& id : ids) {
    records.emplace_back().id = id;
  }
  return KeyTable(std::move(records));
}

TEST(KeyUses, AreKnownToTheSecondAndNeverGoBack) {
  KeyUses::LastUse last = 0;
  KeyUses::note(last, kNow + 999ms);
  EXPECT_EQ(last, 1'800'000'000);
  KeyUses::note(last, kNow + 5s);
  EXPECT_EQ(last, 1'800'000'005);
  KeyUses::note(last, kNow);
  EXPECT_EQ(last, 1'800'000'005);
}

TEST(KeyUses, OutliveTheTable) {
  KeyUses uses;
  const auto first = uses.places_of(table_of({"a", "b"}));
  ASSERT_EQ(first->size(), 2U);
  KeyUses::note(*first->at(1), kNow);
  const auto second = uses.places_of(table_of({"b", "c"}));
  ASSERT_EQ(second->size(), 2U);
  EXPECT_EQ(*second->at(0), 1'800'000'000);
  EXPECT_EQ(*second->at(1), 0);
  // A loop may use the earlier table for a while.
  KeyUses::note(*first->at(1), kNow + 7s);
  EXPECT_EQ(*second->at(0), 1'800'000'007);
}

TEST(KeyUses, EndWithTheKey) {
  KeyUses uses;
  KeyUses::note(*uses.places_of(table_of({"a"}))->at(0), kNow);
  EXPECT_TRUE(uses.places_of(table_of({}))->empty());
  EXPECT_EQ(*uses.places_of(table_of({"a"}))->at(0), 0);
}

TEST(KeyUses, OutliveAStoreThatCannotBeReliedOn) {
  KeyUses uses;
  KeyUses::note(*uses.places_of(table_of({"a"}))->at(0), kNow);
  EXPECT_TRUE(uses.places_of(*KeyTable::unavailable())->empty());
  EXPECT_EQ(*uses.places_of(table_of({"a"}))->at(0), 1'800'000'000);
}

}  // namespace
}  // namespace mcpgate::auth
