#include "audit/log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/random.h"

namespace mcpgate::audit {
namespace {

namespace fs = std::filesystem;

class AuditLog : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(directory_); }

  std::unique_ptr<Log> open(std::uint64_t file_bytes_max = 1 << 20) {
    auto log = Log::open({.directory = directory_, .writer = "w", .file_bytes_max = file_bytes_max},
                         clock_);
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }

  Record request(std::string tool) {
    return {.timestamp = clock_.wall_now(),
            .method = "tools/call",
            .tool = std::move(tool),
            .status = Status::kSuccess,
            .duration = std::chrono::microseconds(1234)};
  }

  std::vector<std::string> lines() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      files.push_back(entry.path());
    }
    std::ranges::sort(files);
    std::vector<std::string> all;
    for (const auto& file : files) {
      std::ifstream in(file);
      for (std::string line; std::getline(in, line);) {
        all.push_back(line);
      }
    }
    return all;
  }

  /// Recomputes the chain with nothing but the lines.
  void expect_whole_chain() {
    std::string prev(64, '0');
    std::uint64_t seq = 0;
    for (const std::string& line : lines()) {
      EXPECT_TRUE(line.contains(fmt::format("\"seq\":{},\"prev\":\"{}\"", seq++, prev))) << line;
      EXPECT_TRUE(line.ends_with('}')) << line;
      prev = sha256_hex(line);
    }
  }

  ManualClock clock_;
  fs::path directory_ = fs::temp_directory_path() / ("audit-" + SystemRandom().hex(8));
};

TEST_F(AuditLog, EveryLineFollowsFromTheOneBefore) {
  {
    auto log = open();
    ASSERT_TRUE(log->append_now(request("one")));
    ASSERT_TRUE(log->append_now(request("two")));
  }
  ASSERT_EQ(lines().size(), 4U);
  EXPECT_TRUE(lines().front().contains("chain_start"));
  EXPECT_TRUE(lines().back().contains("chain_end"));
  expect_whole_chain();
}

TEST_F(AuditLog, TheChainGoesOnInTheNextFile) {
  {
    auto log = open(/*file_bytes_max=*/1);
    ASSERT_TRUE(log->append_now(request("one")));
  }
  EXPECT_TRUE(fs::exists(directory_ / "w-000001.jsonl"));
  EXPECT_TRUE(fs::exists(directory_ / "w-000003.jsonl"));
  expect_whole_chain();
}

TEST_F(AuditLog, ARecordHasTheKeysOfTheFormat) {
  auto log = open();
  Record record = request("log_store");
  record.request_id = "r1";
  record.client_ip = "127.0.0.1";
  record.principal = std::make_shared<Principal>(
      Principal{.user = "alice", .issuer = "mcpgate:keys", .subject = "alice", .key_id = "k1"});
  record.decision = "allow";
  ASSERT_TRUE(log->append_now(record));
  EXPECT_TRUE(lines().back().contains(
      R"("user":"alice","method":"tools/call","tool":"log_store","client_ip":"127.0.0.1",)"
      R"("status":"success","duration_ms":1.234,"request_id":"r1","iss":"mcpgate:keys",)"
      R"("sub":"alice","auth_type":"api_key","key_id":"k1","decision":"allow"})"))
      << lines().back();
}

// Otherwise a whole chain could pass for another replica's by renaming its files.
TEST_F(AuditLog, AChainNamesItsWriter) {
  const auto log = open();
  EXPECT_TRUE(lines().front().contains(R"("type":"chain_start")")) << lines().front();
  EXPECT_TRUE(lines().front().contains(R"("writer":"w")")) << lines().front();
}

// What a client sends must neither split a line nor grow it without bound.
TEST_F(AuditLog, HostileNamesStayOneBoundedLine) {
  auto log = open();
  ASSERT_TRUE(log->append_now(request("a\n{\"type\":\"forged\"}" + std::string(100'000, 'x'))));
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_LT(lines().back().size(), 1000U);
  EXPECT_TRUE(lines().back().contains(R"(a\n{\"type\":\"forged\"})"));
}

TEST_F(AuditLog, ACutNameIsStillUtf8) {
  auto log = open();
  std::string name = std::string(kNameBytesMax - 1, 'x') + "€";
  ASSERT_TRUE(log->append_now(request(name)));
  EXPECT_TRUE(lines().back().contains(std::string(kNameBytesMax - 1, 'x') + "\""))
      << lines().back();
}

// A full disk, as RLIMIT_FSIZE plays it: the write stops in the middle of a line.
TEST_F(AuditLog, HalfARecordIsCutOffAndTheChainGoesOnLater) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  {
    auto log = open();
    ASSERT_TRUE(log->append_now(request("one")));
    const auto size = fs::file_size(directory_ / "w-000001.jsonl");
    const rlimit full{.rlim_cur = size + 20, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
    EXPECT_FALSE(log->append_now(request("lost")));
    EXPECT_FALSE(log->writable());
    EXPECT_EQ(fs::file_size(directory_ / "w-000001.jsonl"), size);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(log->append_now(request("two")));
    EXPECT_TRUE(log->writable());
  }
  EXPECT_EQ(lines().size(), 4U);
  expect_whole_chain();
}

/// Appends one record for each tool, all within one round of a loop; which of them succeeded.
std::vector<bool> append_in_one_round(Log& log, const std::vector<Record>& records) {
  asio::io_context loop;
  std::vector<bool> written(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    asio::co_spawn(
        loop,
        [](Log& to, const Record& record, std::vector<bool>& done, std::size_t at) -> Task<void> {
          done[at] = (co_await to.append(record)).has_value();
        }(log, records[i], written, i),
        asio::detached);
  }
  loop.run();
  return written;
}

TEST_F(AuditLog, RecordsOfOneRoundFollowEachOther) {
  {
    auto log = open();
    const std::vector<Record> records{request("one"), request("two"), request("three")};
    EXPECT_EQ(append_in_one_round(*log, records), std::vector<bool>({true, true, true}));
    EXPECT_EQ(lines().size(), 4U);
    EXPECT_TRUE(lines().back().contains("three"));
  }
  expect_whole_chain();
}

// One that cannot wait takes with it those that do: the chain has no gap.
TEST_F(AuditLog, ARecordAtOnceComesAfterThoseThatWait) {
  {
    auto log = open();
    asio::io_context loop;
    bool waited = false;
    asio::co_spawn(
        loop,
        [](Log& to, Record record, bool& done) -> Task<void> {
          done = (co_await to.append(record)).has_value();
        }(*log, request("waits"), waited),
        asio::detached);
    loop.run_one();  // Up to where it waits.
    ASSERT_TRUE(log->append_now(request("now")));
    EXPECT_EQ(lines().size(), 3U);
    loop.run();
    EXPECT_TRUE(waited);
    EXPECT_TRUE(lines().back().contains("now"));
  }
  expect_whole_chain();
}

// The first line would have fitted; but its chain goes on in the second, so none of them is there.
TEST_F(AuditLog, ARoundThatDoesNotFitIsRefusedWhole) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  {
    auto log = open();
    ASSERT_TRUE(log->append_now(request("one")));
    const auto size = fs::file_size(directory_ / "w-000001.jsonl");
    const auto line_bytes = lines().back().size() + 1;
    const rlimit full{.rlim_cur = size + line_bytes + 20, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
    const std::vector<Record> records{request("two"), request("six")};
    EXPECT_EQ(append_in_one_round(*log, records), std::vector<bool>({false, false}));
    EXPECT_FALSE(log->writable());
    EXPECT_EQ(fs::file_size(directory_ / "w-000001.jsonl"), size);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(append_in_one_round(*log, records), std::vector<bool>({true, true}));
  }
  EXPECT_EQ(lines().size(), 5U);
  expect_whole_chain();
}

// A clean-up job, or somebody who wants no witness: what follows is on disk all the same.
TEST_F(AuditLog, ARemovedFileIsReplaced) {
  auto log = open();
  ASSERT_TRUE(log->append_now(request("lost")));
  fs::remove(directory_ / "w-000001.jsonl");
  ASSERT_TRUE(log->append_now(request("kept")));
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_TRUE(lines().front().contains(R"("seq":2,)")) << "the gap is seen";
  fs::remove_all(directory_);
  EXPECT_FALSE(log->append_now(request("refused")));
  fs::create_directories(directory_);
  EXPECT_TRUE(log->append_now(request("again")));
}

TEST_F(AuditLog, TwoWritersOfOneNameAreRefused) {
  auto log = open();
  EXPECT_FALSE(Log::open({.directory = directory_, .writer = "w"}, clock_));
}

}  // namespace
}  // namespace mcpgate::audit
