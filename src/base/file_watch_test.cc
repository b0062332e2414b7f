// A change must be told of; a callback too many is allowed, so the tests wait for a condition with
// a deadline, and use a change that matters to prove that an earlier one did not.

#include "base/file_watch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include <boost/asio/io_context.hpp>

#include "base/file.h"
#include "base/random.h"

namespace mcpgate {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FileWatchTest : public ::testing::Test {
 protected:
  FileWatchTest() : folder_(fs::temp_directory_path() / ("watch-" + SystemRandom().hex(8))) {
    fs::create_directories(folder_);
  }
  ~FileWatchTest() override {
    watch_.reset();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void start(std::vector<fs::path> paths) {
    auto watch = FileWatch::start(loop_.get_executor(), std::move(paths), [this] { ++calls_; });
    ASSERT_TRUE(watch) << watch.error().message;
    watch_ = std::move(*watch);
  }

  /// Whether a callback comes, counted from the last call of this.
  bool changed() {
    const int before = seen_;
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (calls_ == before && std::chrono::steady_clock::now() < deadline) {
      loop_.run_for(10ms);
    }
    seen_ = calls_;
    return calls_ > before;
  }

  /// Runs until whatever has happened is told, and says whether a callback came. Each round reads
  /// what there is to read and lets a debounce pass, however late a busy machine comes to it.
  bool changed_soon() {
    const int before = seen_;
    for (int round = 0; round < 6; ++round) {
      loop_.run_for(FileWatch::kDebounce);
      loop_.poll();
    }
    seen_ = calls_;
    return calls_ > before;
  }

  static void write(const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::trunc) << text;
  }

  asio::io_context loop_;
  fs::path folder_;
  std::unique_ptr<FileWatch> watch_;
  int calls_ = 0;
  int seen_ = 0;
};

TEST_F(FileWatchTest, AFileWrittenInPlaceIsTold) {
  write(folder_ / "a", "1");
  start({folder_ / "a"});
  write(folder_ / "a", "2");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatchTest, AFileReplacedByRenameIsToldEachTime) {
  write(folder_ / "a", "1");
  start({folder_ / "a"});
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(write_file_atomically(folder_ / "a", "2", 0600));
    EXPECT_TRUE(changed());
  }
  fs::remove(folder_ / "a");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatchTest, NeighboursOfAFileAreNotTold) {
  write(folder_ / "a", "1");
  start({folder_ / "a"});
  write(folder_ / "b", "1");
  EXPECT_FALSE(changed_soon());
}

TEST_F(FileWatchTest, EntriesOfADirectoryAreTold) {
  start({folder_});
  write(folder_ / "a", "1");
  EXPECT_TRUE(changed());
  fs::rename(folder_ / "a", folder_ / "b");
  EXPECT_TRUE(changed());
  fs::remove(folder_ / "b");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatchTest, APathThatDoesNotExistIsPickedUpWhenItAppears) {
  start({folder_ / "x" / "y" / "keys"});
  fs::create_directories(folder_ / "x" / "y" / "keys");
  EXPECT_TRUE(changed());
  (void)changed_soon();
  write(folder_ / "x" / "y" / "keys" / "a", "1");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatchTest, ADirectoryThatIsReplacedIsFollowed) {
  fs::create_directories(folder_ / "keys");
  start({folder_ / "keys"});
  fs::rename(folder_ / "keys", folder_ / "old");
  fs::create_directories(folder_ / "keys");
  EXPECT_TRUE(changed());
  (void)changed_soon();
  write(folder_ / "old" / "a", "1");
  EXPECT_FALSE(changed_soon());
  write(folder_ / "keys" / "a", "1");
  EXPECT_TRUE(changed());
}

// How the kubelet updates a mounted ConfigMap: a new folder, a new link beside the old, one rename.
TEST_F(FileWatchTest, TheLinkSwapOfAKubernetesMountIsToldEachTime) {
  const auto publish = [this](const std::string& version) {
    fs::create_directories(folder_ / version);
    write(folder_ / version / "mcpgate.yaml", version);
    fs::create_directory_symlink(version, folder_ / "..data_tmp");
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
  };
  publish("..2026_1");
  fs::create_symlink("..data/mcpgate.yaml", folder_ / "mcpgate.yaml");
  start({folder_ / "mcpgate.yaml"});
  for (const std::string version : {"..2026_2", "..2026_3"}) {
    publish(version);
    EXPECT_TRUE(changed());
    (void)changed_soon();
    EXPECT_EQ(read_file(folder_ / "mcpgate.yaml"), version);
  }
}

TEST_F(FileWatchTest, ABurstIsToldInFewCallbacks) {
  start({folder_});
  for (int i = 0; i < 500; ++i) {
    write(folder_ / std::to_string(i), "1");
  }
  EXPECT_TRUE(changed());
  (void)changed_soon();
  EXPECT_LT(calls_, 20);
}

TEST_F(FileWatchTest, LostEventsAreToldAsAChange) {
  write(folder_ / "a", "1");
  start({folder_});
  // The queue holds fs.inotify.max_queued_events (16,384 by default); then one overflow event.
  std::string limit = read_file("/proc/sys/fs/inotify/max_queued_events").value_or("16384");
  const int events = std::stoi(limit) / 2 + 100;
  for (int i = 0; i < events; ++i) {
    ASSERT_EQ(::symlink("x", (folder_ / "l").c_str()), 0);
    ASSERT_EQ(::unlink((folder_ / "l").c_str()), 0);
  }
  write(folder_ / "a", "2");
  EXPECT_TRUE(changed());
  (void)changed_soon();
  write(folder_ / "a", "3");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatchTest, ALoopOfLinksIsGivenUp) {
  fs::create_symlink("b", folder_ / "a");
  fs::create_symlink("a", folder_ / "b");
  start({folder_ / "a"});
  fs::remove(folder_ / "b");
  write(folder_ / "b", "1");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatchTest, OtherPathsReplaceTheFormerOnes) {
  start({folder_ / "a"});
  watch_->set_paths({folder_ / "b"});
  write(folder_ / "a", "1");
  EXPECT_FALSE(changed_soon());
  write(folder_ / "b", "1");
  EXPECT_TRUE(changed());
}

TEST_F(FileWatchTest, NoCallbackStartsAfterTheDestructor) {
  start({folder_});
  write(folder_ / "a", "1");
  loop_.run_for(1ms);
  watch_.reset();
  EXPECT_FALSE(changed_soon());
}

TEST_F(FileWatchTest, TheCallbackMayDestroyTheWatch) {
  auto watch = FileWatch::start(loop_.get_executor(), {folder_}, [this] {
    ++calls_;
    watch_.reset();
  });
  ASSERT_TRUE(watch);
  watch_ = std::move(*watch);
  write(folder_ / "a", "1");
  EXPECT_TRUE(changed());
  EXPECT_EQ(watch_, nullptr);
}

}  // namespace
}  // namespace mcpgate
