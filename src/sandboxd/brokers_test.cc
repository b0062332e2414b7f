// With real brokers and a real database: tests/e2e/test_database.py. Here are programs that are no
// brokers, and questions that are none.

#include "sandboxd/brokers.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

#include "sandboxd/connection_questions.h"
#include "sandboxd/questions_testing.h"

namespace mcpgate::sandboxd {
namespace {

/// A broker is started with the connection's name and file as its arguments.
std::shared_ptr<Brokers> brokers_of(asio::io_context& loop, const char* program,
                                    const std::string& name, const char* file) {
  const sandbox::ConnectionLimits limits{.time = std::chrono::milliseconds{10}, .processes = 1};
  return std::make_shared<Brokers>(loop, BrokerOptions{.program = program,
                                                       .tool_set = "set",
                                                       .connections = {{name, limits}},
                                                       .files = {{name, file}}});
}

/// What the query of a connection ends in.
std::string error_of(const char* program, const std::string& name, const char* file) {
  asio::io_context loop;
  const auto brokers = brokers_of(loop, program, name, file);
  std::optional<Expected<std::string>> told;
  const auto query = brokers->start({.connection = name, .sql = "SELECT 1", .params = "[]"},
                                    [&](Expected<std::string> answer) {
                                      told = std::move(answer);
                                      loop.stop();
                                    });
  EXPECT_TRUE(query && !told) << "not before start() is back";
  loop.run();
  return !told || *told ? "no error" : told->error().message;
}

TEST(Brokers, OneThatEndsIsTold) {
  EXPECT_EQ(error_of("/bin/true", "a", "b"), "connection a: its broker ended during the query");
}

TEST(Brokers, OneThatDoesNotStartIsTold) {
  EXPECT_EQ(error_of("/nonexistent", "a", "b"), "connection a: its broker cannot be started");
}

TEST(Brokers, OneThatDoesNotAnswerIsEnded) {
  EXPECT_EQ(error_of("/bin/sleep", "600", "1"),
            "connection 600: the query took longer than 10ms (connections.600.time)");
}

TEST(Brokers, AQueryThatIsGivenUpTellsNothing) {
  asio::io_context loop;
  const auto brokers = brokers_of(loop, "/bin/sleep", "600", "1");
  bool told = false;
  auto query = brokers->start({.connection = "600", .sql = "SELECT 1", .params = "[]"},
                              [&](const Expected<std::string>& /*answer*/) { told = true; });
  ASSERT_TRUE(query);
  loop.poll();
  query->reset();
  loop.run();
  EXPECT_FALSE(told);
}

TEST(Brokers, ItsPlaceIsWaitedForUntilTheTimeIsUp) {
  asio::io_context loop;
  const auto brokers = brokers_of(loop, "/bin/sleep", "600", "1");
  std::vector<std::string> errors;
  const auto done = [&](const Expected<std::string>& answer) {
    errors.push_back(answer ? "no error" : answer.error().message);
    loop.stop();
  };
  const Brokers::Order order{.connection = "600", .sql = "SELECT 1", .params = "[]"};
  const auto first = brokers->start(order, done);
  const auto second = brokers->start(order, done);
  loop.run();
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0],
            "connection 600: no broker became free within 10ms (connections.600.processes is 1)");
}

TEST(ConnectionQuestions, OthersAreHandedOn) {
  RecordedQuestions next;
  ConnectionQuestions questions({}, next);
  for (const char* other :
       {R"({"method":"tools/call","params":{"name":"connection/query"}})", "connection/query",
        R"(["connection/query"])", R"({"method":1,"params":"connection/query"})"}) {
    EXPECT_EQ(questions.on_question(1, other), "theirs") << other;
  }
  EXPECT_EQ(next.seen.size(), 4U);
}

TEST(ConnectionQuestions, WhatIsNoQueryIsRefused) {
  asio::io_context loop;
  RecordedQuestions next;
  ConnectionQuestions questions({.brokers = brokers_of(loop, "/bin/true", "a", "b")}, next);
  for (const char* params :
       {"1", "{}", R"({"connection":"a","sql":"x"})", R"({"connection":"a","sql":1,"params":[]})",
        R"({"connection":"a","sql":"x","params":{}})", R"({"sql":"x","params":[]})"}) {
    const auto reply = questions.on_question(
        7, fmt::format(R"({{"method":"connection/query","params":{}}})", params));
    EXPECT_EQ(reply,
              R"({"id":7,"error":{"message":"connection/query wants the texts connection and )"
              R"(sql, and the list params"}})")
        << params;
  }
  EXPECT_EQ(questions.on_question(8, R"({"method":"connection/query","params":)"
                                     R"({"connection":"b","sql":"x","params":[]}})"),
            R"({"id":8,"error":{"message":"the tool set's toolset.yaml has no connection of that )"
            R"(name; it has a"}})");
  EXPECT_TRUE(next.seen.empty());
}

}  // namespace
}  // namespace mcpgate::sandboxd
