#include "gateway/prepared_lists.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace mcpgate::gateway {
namespace {

class PreparedListsTest : public testing::Test {
 protected:
  PreparedListsTest() { lists_.use(catalogue_, std::size_t{1} << 20); }

  std::string get(std::vector<std::string_view> definitions,
                  mcp::List::Kind kind = mcp::List::Kind::kTools,
                  mcp::Era era = mcp::Era::kModern) {
    return lists_.get(*catalogue_,
                      {.kind = kind, .era = era, .definitions = std::move(definitions)},
                      [this](const PreparedLists::Key& key) {
                        std::string text = std::to_string(++written_);
                        for (const std::string_view definition : key.definitions) {
                          text.append(" ").append(definition);
                        }
                        return text;
                      });
  }

  const std::string one_ = "one";
  const std::string two_ = "two";
  const std::string another_one_ = "one";
  std::shared_ptr<const Catalogue> catalogue_ = std::make_shared<Catalogue>();
  PreparedLists lists_;
  int written_ = 0;
};

TEST_F(PreparedListsTest, WhoSeesTheSameGetsTheSameBytes) {
  EXPECT_EQ(get({one_, two_}), "1 one two");
  EXPECT_EQ(get({one_, two_}), "1 one two");
}

TEST_F(PreparedListsTest, WhoSeesAnythingElseGetsAnother) {
  EXPECT_EQ(get({one_, two_}), "1 one two");
  EXPECT_EQ(get({one_}), "2 one");
  EXPECT_EQ(get({two_, one_}), "3 two one");
  EXPECT_EQ(get({}), "4");
  EXPECT_EQ(get({another_one_, two_}), "5 one two");
  EXPECT_EQ(get({one_, two_}, mcp::List::Kind::kPrompts), "6 one two");
  EXPECT_EQ(get({one_, two_}, mcp::List::Kind::kTools, mcp::Era::kLegacy), "7 one two");
  EXPECT_EQ(get({one_, two_}), "1 one two");
}

TEST_F(PreparedListsTest, AnotherCatalogueForgetsAll) {
  EXPECT_EQ(get({one_}), "1 one");
  const auto old = std::exchange(catalogue_, std::make_shared<Catalogue>());
  lists_.use(catalogue_, std::size_t{1} << 20);
  EXPECT_EQ(lists_.bytes(), 0U);
  EXPECT_EQ(get({one_}), "2 one");
  // A request that still sees the old one is served, and leaves nothing behind.
  const PreparedLists::Key key{
      .kind = mcp::List::Kind::kTools, .era = mcp::Era::kModern, .definitions = {two_}};
  const auto write = [](const PreparedLists::Key&) { return std::string("old"); };
  EXPECT_EQ(lists_.get(*old, key, write), "old");
  EXPECT_EQ(get({two_}), "3 two");
}

TEST_F(PreparedListsTest, TheSameCatalogueAgainForgetsNothing) {
  EXPECT_EQ(get({one_}), "1 one");
  lists_.use(catalogue_, std::size_t{1} << 20);
  EXPECT_EQ(get({one_}), "1 one");
}

TEST_F(PreparedListsTest, NoMoreIsKeptThanThereIsRoomFor) {
  constexpr std::size_t kRoom = 300;
  lists_.use(catalogue_, kRoom);
  const std::string large(kRoom, 'x');
  EXPECT_EQ(get({large}), "1 " + large);
  EXPECT_EQ(get({large}), "2 " + large);
  EXPECT_EQ(lists_.bytes(), 0U);
  const std::string half(kRoom / 2, 'y');
  EXPECT_EQ(get({half}), "3 " + half);
  EXPECT_EQ(get({half}), "3 " + half);
  const std::string other(kRoom / 2, 'z');
  EXPECT_EQ(get({other}), "4 " + other);
  EXPECT_LE(lists_.bytes(), kRoom);
  EXPECT_EQ(get({half}), "5 " + half);
}

TEST_F(PreparedListsTest, WithoutRoomNothingIsKept) {
  lists_.use(catalogue_, 0);
  EXPECT_EQ(get({}), "1");
  EXPECT_EQ(get({}), "2");
}

}  // namespace
}  // namespace mcpgate::gateway
