#include "sandboxd/resource_updates.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sandboxd/questions_testing.h"

namespace mcpgate::sandboxd {
namespace {

using sandbox::update_bucket;

TEST(ResourceUpdates, ManyAreToldAtOnceAndTheNextOnesAfterTheInterval) {
  asio::io_context loop;
  int published = 0;
  ResourceUpdates updates(loop, [&] { ++published; }, std::chrono::hours{1});
  for (int i = 0; i < 1'000; ++i) {
    updates.count("demo://a");
  }
  EXPECT_EQ(updates.published(), sandbox::UpdateCounts{});
  loop.run();
  EXPECT_EQ(published, 1);
  EXPECT_EQ(updates.published(), (sandbox::UpdateCounts{{update_bucket("demo://a"), 1'000}}));
  updates.count("demo://b");
  loop.restart();
  loop.poll();
  EXPECT_EQ(published, 1);
}

TEST(ResourceUpdates, NoneIsForgotten) {
  asio::io_context loop;
  int published = 0;
  ResourceUpdates updates(loop, [&] { ++published; }, std::chrono::milliseconds{1});
  for (int i = 1; i <= 3; ++i) {
    updates.count("demo://a");
    updates.count("demo://b");
    loop.restart();
    loop.run();
    EXPECT_EQ(published, i);
    EXPECT_EQ(sandbox::sum_of(updates.published()), 2U * static_cast<unsigned>(i));
  }
}

TEST(ResourceUpdates, AreFewWhateverToolsSay) {
  asio::io_context loop;
  ResourceUpdates updates(loop, [] {});
  for (int i = 0; i < 10'000; ++i) {
    updates.count(fmt::format("demo://{}", i));
  }
  loop.run();
  EXPECT_EQ(updates.published().size(), sandbox::kUpdateBuckets);
  EXPECT_EQ(sandbox::sum_of(updates.published()), 10'000U);
}

TEST(ResourceUpdates, EndWithTheirLoop) {
  asio::io_context loop;
  auto updates = std::make_unique<ResourceUpdates>(loop, [] { ADD_FAILURE(); });
  updates->count("demo://a");
  updates.reset();
  loop.run();
}

class UpdateQuestionsTest : public ::testing::Test {
 protected:
  std::optional<std::string> ask(std::string_view params, bool runs_code = false) {
    UpdateQuestions questions({.manifest = manifest_, .updates = updates_, .runs_code = runs_code},
                              next_);
    return questions.on_question(
        7, fmt::format(R"({{"method":"resources/updated","params":{}}})", params));
  }
  static std::string refused(std::string_view why) {
    return fmt::format(R"({{"id":7,"error":{{"message":"{}"}}}})", why);
  }

  asio::io_context loop_;
  ResourceUpdates updates_{loop_, [] {}};
  RecordedQuestions next_;
  sandbox::Manifest manifest_{
      .resources = {{.name = "a", .uri = "demo://a"},
                    {.name = "day", .uri = "demo://days/{day}", .is_template = true}}};
};

TEST_F(UpdateQuestionsTest, CountsWhatTheSetHas) {
  EXPECT_EQ(ask(R"({"uri":"demo://a"})"), R"({"id":7,"result":{}})");
  EXPECT_EQ(ask(R"({"uri":"demo://days/monday"})"), R"({"id":7,"result":{}})");
  loop_.run();
  EXPECT_EQ(sandbox::sum_of(updates_.published()), 2U);
  EXPECT_TRUE(next_.seen.empty());
}

TEST_F(UpdateQuestionsTest, OthersAreHandedOn) {
  UpdateQuestions questions({.manifest = manifest_, .updates = updates_}, next_);
  for (const char* other :
       {R"({"method":"tools/call","params":{"name":"resources/updated"}})", "resources/updated",
        R"(["resources/updated"])", R"({"method":1,"params":"resources/updated"})"}) {
    EXPECT_EQ(questions.on_question(1, other), "theirs") << other;
  }
  EXPECT_EQ(next_.seen.size(), 4U);
}

TEST_F(UpdateQuestionsTest, WhatTheSetDoesNotHaveIsRefused) {
  const std::string uris = std::string(sandbox::kUriBytesMax, 'x');
  for (const std::string& params :
       {std::string("1"), std::string("{}"), std::string(R"({"uri":1})"),
        std::string(R"({"uri":""})"), std::string(R"({"uri":"demo://b"})"),
        std::string(R"({"uri":"demo://days/a/b"})"), R"({"uri":"demo://days/)" + uris + "\"}"}) {
    EXPECT_EQ(ask(params), refused("no resource of this tool set has that URI")) << params;
  }
}

TEST_F(UpdateQuestionsTest, CodeThatAModelWroteSaysNothing) {
  EXPECT_EQ(ask(R"({"uri":"demo://a"})", true),
            refused("only the tools of a set say that a resource has changed, not code that a "
                    "model wrote"));
  EXPECT_EQ(loop_.run(), 0U);
}

}  // namespace
}  // namespace mcpgate::sandboxd
