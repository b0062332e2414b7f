// Files of calls in a real folder: what is kept, for how long, and what a daemon finds that starts
// after another one died.

#include "sandboxd/detached_calls.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/file.h"
#include "sandboxd/task_testing.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kProgress = "{\"event\":\"progress\",\"params\":{\"progress\":1}}\n";
constexpr const char* kResult = "{\"event\":\"result\",\"result\":{\"content\":[]}}\n";

class DetachedCallsTest : public testing::Test {
 protected:
  DetachedCallsTest() {
    std::string name = (fs::path(testing::TempDir()) / "calls-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    open();
  }
  ~DetachedCallsTest() override {
    calls_.reset();
    fs::remove_all(root_);
  }

  template <class T>
  T wait_for(Task<T> task) {
    return sandboxd::wait_for(loop_, std::move(task));
  }
  static Task<bool> done(Task<> task) {
    co_await std::move(task);
    co_return true;
  }

  /// As a daemon that starts; what the one before had in memory is gone.
  void open() {
    calls_.reset();
    auto opened = wait_for(DetachedCalls::open(loop_, directory(), clock_));
    ASSERT_TRUE(opened) << opened.error().message;
    calls_ = *std::move(opened);
  }
  [[nodiscard]] fs::path directory() const { return root_ / "calls"; }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory()), fs::directory_iterator()));
  }

  Expected<std::shared_ptr<CallLog>> accept(const std::string& id,
                                            std::chrono::milliseconds ttl = 1min,
                                            std::uint64_t reserved = 100,
                                            const std::string& owner = "ann") {
    return wait_for(calls_->accept(
        {.id = id, .ttl = ttl, .owner = owner, .profile = "pod", .reserved_bytes = reserved},
        limits_));
  }
  void end(const std::string& id) { wait_for(done(calls_->end(id, kResult))); }
  std::string lines(const std::string& id) {
    const auto log = wait_for(calls_->read(id));
    return log ? (*log)->lines() : log.error().message;
  }

  asio::io_context loop_{1};
  ManualClock clock_;
  fs::path root_;
  sandbox::DetachedLimits limits_;
  std::unique_ptr<DetachedCalls> calls_;
};

TEST_F(DetachedCallsTest, ACallIsKeptWithItsEventsAndItsResult) {
  const auto log = accept("a");
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(files(), 1U) << "it is on the volume before anything runs";
  (*log)->add(kProgress);
  EXPECT_EQ(calls_->find("a"),
            (sandbox::DetachedState{.ttl = 1min, .events = 1, .has_ended = false}));
  end("a");
  EXPECT_TRUE((*log)->has_ended());
  EXPECT_EQ(calls_->find("a"),
            (sandbox::DetachedState{.ttl = 1min, .events = 1, .has_ended = true}));
  EXPECT_EQ(lines("a"), std::string(kProgress) + kResult);
  struct stat status{};
  ASSERT_EQ(::stat((directory() / "a.ndjson").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(DetachedCallsTest, AnEndedCallSurvivesARestartUntilItsTimeIsOver) {
  (*accept("a"))->add(kProgress);
  end("a");
  open();
  EXPECT_EQ(lines("a"), std::string(kProgress) + kResult);
  clock_.advance(59s);
  EXPECT_EQ(calls_->find("a"),
            (sandbox::DetachedState{.ttl = 1s, .idle = 59s, .events = 1, .has_ended = true}));
  clock_.advance(1s);
  EXPECT_FALSE(calls_->find("a"));
  open();
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(calls_->size(), 0U);
}

TEST_F(DetachedCallsTest, ACallThatRanWhenTheDaemonDiedSaysSo) {
  (*accept("a"))->add(kProgress);
  open();
  EXPECT_EQ(calls_->find("a"),
            (sandbox::DetachedState{.ttl = 1min, .events = 0, .has_ended = true}));
  json::Parser parser(1 << 20);
  std::string line = lines("a");
  EXPECT_EQ(line.back(), '\n');
  line.pop_back();
  const auto event = sandbox::parse_event(line, parser);
  ASSERT_TRUE(event) << event.error().message;
  const auto& result = std::get<sandbox::Result>(*event);
  EXPECT_TRUE(result.is_error);
  EXPECT_EQ(result.reason, sandbox::Reason::kKilled);
  EXPECT_EQ(result.profile, "pod");
  open();  // And the next daemon knows as well.
  EXPECT_EQ(lines("a"), line + "\n");
}

TEST_F(DetachedCallsTest, WhatIsOverIsRemovedWhileTheDaemonRuns) {
  ASSERT_TRUE(accept("a", 1s));
  end("a");
  const auto running = accept("b", 1s);
  ASSERT_TRUE(running);
  clock_.advance(2s);
  ASSERT_TRUE(accept("c"));  // Looks after the others.
  EXPECT_EQ(files(), 1U);
  end("b");
  EXPECT_EQ(files(), 1U) << "its result came too late for anybody";
  EXPECT_TRUE((*running)->has_ended() || calls_->find("b") == std::nullopt);
}

TEST_F(DetachedCallsTest, NumberAndBytesAreBounded) {
  limits_ = {.calls = 2, .bytes = 1000};
  ASSERT_TRUE(accept("a", 1min, 600));
  EXPECT_EQ(accept("b", 1min, 401).error().code, ErrorCode::kResourceExhausted);
  ASSERT_TRUE(accept("b", 1min, 400));
  EXPECT_EQ(accept("c", 1min, 0).error().code, ErrorCode::kResourceExhausted);
  end("a");  // It turned out small.
  EXPECT_LT(calls_->bytes(), 600U);
  limits_.calls = 3;
  EXPECT_TRUE(accept("c", 1min, 400));
}

TEST_F(DetachedCallsTest, NobodyTakesTheRoomOfOthersAlsoAfterARestart) {
  limits_.calls_per_user = 2;
  ASSERT_TRUE(accept("a"));
  ASSERT_TRUE(accept("b"));
  EXPECT_EQ(accept("c").error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(accept("d", 1min, 100, "bob"));
  end("a");
  open();
  EXPECT_EQ(accept("c").error().code, ErrorCode::kResourceExhausted) << "an ended one is kept";
  clock_.advance(2min);
  EXPECT_TRUE(accept("c"));
}

TEST_F(DetachedCallsTest, WhatHappenedLastIsDated) {
  ASSERT_TRUE(accept("a"));
  clock_.advance(5s);
  EXPECT_EQ(calls_->find("a")->idle, 5s);
  calls_->touch("a");
  clock_.advance(3s);
  EXPECT_EQ(calls_->find("a")->idle, 3s);
  end("a");
  clock_.advance(1s);
  open();
  EXPECT_EQ(calls_->find("a")->idle, 1s);
}

TEST_F(DetachedCallsTest, ACancelledCallIsToldFromOneThatDied) {
  ASSERT_TRUE(accept("a"));
  ASSERT_TRUE(accept("b"));
  calls_->set_cancelled("a");
  end("a");
  end("b");
  calls_->set_cancelled("b");  // Too late.
  calls_->set_cancelled("none");
  for (int daemon = 0; daemon < 2; ++daemon) {
    EXPECT_TRUE(calls_->find("a")->is_cancelled);
    EXPECT_FALSE(calls_->find("b")->is_cancelled);
    open();
  }
}

TEST_F(DetachedCallsTest, AnIdIsTakenOnce) {
  ASSERT_TRUE(accept("a"));
  EXPECT_EQ(accept("a").error().code, ErrorCode::kAlreadyExists);
  end("a");
  EXPECT_EQ(accept("a").error().code, ErrorCode::kAlreadyExists);
}

TEST_F(DetachedCallsTest, AVolumeThatCannotBeWrittenTakesNoCall) {
  fs::remove_all(directory());
  EXPECT_EQ(accept("a").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(calls_->size(), 0U);
}

TEST_F(DetachedCallsTest, AResultThatCannotBeWrittenIsStillTold) {
  const auto log = accept("a");
  ASSERT_TRUE(log);
  fs::remove_all(directory());
  end("a");
  EXPECT_EQ(lines("a"), kResult);
}

TEST_F(DetachedCallsTest, WhatIsNoFileOfACallIsLeftAlone) {
  calls_.reset();
  std::ofstream(directory() / "x.ndjson") << "no head\n";
  std::ofstream(directory() / "y.ndjson") << "";
  std::ofstream(directory() / "z.ndjson")
      << R"({"expires_ms":9223372036854775807,"profile":"pod","events":0,"ended":true})"
      << "\n"
      << kResult;
  std::ofstream(directory() / "notes") << "of somebody";
  std::ofstream(directory() / "a.ndjson.0123456789abcdef.tmp") << "half";
  open();
  EXPECT_EQ(calls_->size(), 1U);
  EXPECT_LE(calls_->find("z").value_or(sandbox::DetachedState{}).ttl, sandbox::kTtlMax);
  EXPECT_EQ(files(), 4U) << "but what a crash left half written is removed";
}

TEST_F(DetachedCallsTest, WithoutAFolderNoneIsDetached) {
  auto none = wait_for(DetachedCalls::open(loop_, "", clock_));
  ASSERT_TRUE(none);
  calls_ = *std::move(none);
  EXPECT_EQ(accept("a").error().code, ErrorCode::kInvalidArgument);
}

// ---- CallLog

TEST_F(DetachedCallsTest, ALogIsReadFromAnyNumberAndTheResultComesOnce) {
  CallLog log(loop_);
  CallLog::Reader first;
  EXPECT_EQ(log.read(first), "");
  log.add("0\n");
  log.add("1\n");
  EXPECT_EQ(log.read(first), "0\n1\n");
  EXPECT_EQ(log.read(first), "");
  EXPECT_FALSE(first.is_done);
  CallLog::Reader ahead{.next = 7};
  EXPECT_EQ(log.read(ahead), "");
  EXPECT_EQ(ahead.next, 7U);
  log.end("r\n");
  EXPECT_EQ(log.events(), 2U);
  for (CallLog::Reader* reader : {&first, &ahead}) {
    EXPECT_EQ(log.read(*reader), "r\n");
    EXPECT_TRUE(reader->is_done);
    EXPECT_EQ(log.read(*reader), "");
  }
  for (const auto& [from, lines] : {std::pair{1U, "1\nr\n"}, {2U, "r\n"}, {3U, "r\n"}}) {
    CallLog::Reader reader{.next = from};
    EXPECT_EQ(CallLog(loop_, log.lines()).read(reader), lines);
  }
}

}  // namespace
}  // namespace mcpgate::sandboxd
