#include "auth/directory_key_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "auth/api_key.h"
#include "base/file.h"

namespace mcpgate::auth {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};

class DirectoryKeyStoreTest : public ::testing::Test {
 protected:
  DirectoryKeyStoreTest()
      : folder_(fs::temp_directory_path() / ("keys-" + SystemRandom().hex(8))), store_(folder_) {}
  ~DirectoryKeyStoreTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string create(const std::string& user) {
    KeyRecord key;
    const NewApiKey secret = generate_api_key(random_);
    key.id = secret.id;
    key.sha256 = secret.sha256;
    key.user = user;
    key.created = kNow;
    EXPECT_TRUE(store_.create(key));
    return key.id;
  }
  void put(const std::string& name, std::string_view bytes) {
    std::ofstream(folder_ / name) << bytes;
  }

  SystemRandom random_;
  fs::path folder_;
  DirectoryKeyStore store_;
};

TEST_F(DirectoryKeyStoreTest, FilesAreTheOwnersAlone) {
  const std::string id = create("alice");
  struct stat info{};
  ASSERT_EQ(::stat((folder_ / (id + ".json")).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

// One bad Secret locked out all keys behind it (weakness 6 of the earlier implementation). Names
// are chosen to sort before and behind the good key.
TEST_F(DirectoryKeyStoreTest, BadFilesAreSkippedAndCountedAndHideNobody) {
  const std::string good = create("alice");
  put("aaaaaaaaaaaa.json", "");
  put("aaaaaaaaaaab.json", "{\"id\":");
  put("aaaaaaaaaaac.json", "\xff\xfe\x00binary");
  put("aaaaaaaaaaad.json", std::string(kKeyRecordBytesMax + 1, ' '));
  put("aaaaaaaaaaae.json", "{\"user\":\"x\"}");
  put("zzzzzzzzzzzz.json", *read_file(folder_ / (good + ".json")));  // another key's id
  put("a\nb.json", "{}");
  put("notes.json", "{}");
  fs::create_directory(folder_ / "zzzzzzzzzzzy.json");
  ASSERT_EQ(::mkfifo((folder_ / "zzzzzzzzzzzx.json").c_str(), 0600), 0);
  fs::create_symlink("nowhere", folder_ / "zzzzzzzzzzzw.json");
  put("README", "not ours");
  put("aaaaaaaaaaaa.json.0123.tmp", "half");

  testing::internal::CaptureStderr();
  const auto table = store_.read_all();
  const std::string log = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ((*table)->records().size(), 1U);
  EXPECT_NE((*table)->find(good), nullptr);
  EXPECT_EQ((*table)->unreadable(), 10U);
  EXPECT_NE(log.find("aaaaaaaaaaae.json is skipped"), std::string::npos) << log;
  EXPECT_EQ(log.find("binary"), std::string::npos);
  EXPECT_NE(log.find("a?b.json"), std::string::npos);

  testing::internal::CaptureStderr();
  EXPECT_EQ((*store_.read_all())->unreadable(), 10U);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "said once for each change";
}

TEST_F(DirectoryKeyStoreTest, AFileThatEverybodyMayWriteIsRefused) {
  const std::string id = create("alice");
  fs::permissions(folder_ / (id + ".json"), fs::perms(0666));
  EXPECT_EQ((*store_.read_all())->find(id), nullptr);
  fs::permissions(folder_ / (id + ".json"), fs::perms(0600));
  EXPECT_NE((*store_.read_all())->find(id), nullptr);
}

// Whoever may put a file there makes a key for any role.
TEST_F(DirectoryKeyStoreTest, ADirectoryThatEverybodyMayWriteIsRefused) {
  create("alice");
  fs::permissions(folder_, fs::perms(0777));
  const auto keys = store_.read_all();
  ASSERT_FALSE(keys);
  EXPECT_TRUE(keys.error().message.contains("chmod 700")) << keys.error().message;
  fs::permissions(folder_, fs::perms(0700));
  EXPECT_TRUE(store_.read_all());
}

TEST_F(DirectoryKeyStoreTest, ABadFileIsAnErrorWhereItIsMeant) {
  fs::create_directories(folder_);
  put("aaaaaaaaaaaa.json", "{}");
  const auto key = store_.find("aaaaaaaaaaaa");
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(key.error().message.find("aaaaaaaaaaaa.json"), std::string::npos);
}

TEST_F(DirectoryKeyStoreTest, WritersAtTheSameTimeLoseNothing) {
  const std::string id = create("alice");
  const auto append = [this, &id](char c) {
    DirectoryKeyStore store(folder_);
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(store.update(id, [c](KeyRecord& key) -> Expected<void> {
        key.note += c;
        return {};
      }));
    }
  };
  std::thread other(append, 'a');
  append('b');
  other.join();
  EXPECT_EQ(store_.find(id)->note.size(), 100U);
}

TEST_F(DirectoryKeyStoreTest, TheWatchHandsOnEachChange) {
  asio::io_context loop;
  std::shared_ptr<const KeyTable> table;
  const auto watch = KeyDirectoryWatch::start(loop.get_executor(), folder_,
                                              [&table](auto next) { table = std::move(next); });
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_NE(table, nullptr) << "read at once";
  const auto becomes = [&loop](const auto& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      loop.run_for(5ms);
    }
    return condition();
  };
  const std::string id = create("alice");
  EXPECT_TRUE(becomes([&] { return table->find(id) != nullptr; }));
  ASSERT_TRUE(store_.update(id, [](KeyRecord& key) -> Expected<void> {
    key.revoked = kNow;
    return {};
  }));
  EXPECT_TRUE(becomes([&] { return table->find(id)->revoked; }));
  fs::remove(folder_ / (id + ".json"));
  EXPECT_TRUE(becomes([&] { return table->find(id) == nullptr; }));
}

}  // namespace
}  // namespace mcpgate::auth
