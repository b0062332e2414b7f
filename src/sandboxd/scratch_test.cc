#include "sandboxd/scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <thread>

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;

TEST(ScratchDirectory, IsPrivateAndGoneAfterwards) {
  SystemRandom random;
  fs::path path;
  {
    auto scratch = ScratchDirectory::create(testing::TempDir(), random);
    ASSERT_TRUE(scratch);
    path = scratch->path();
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    EXPECT_EQ(path.filename().string().size(), 32U);
    std::ofstream(path / "file") << "x";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(ScratchDirectory, RemovesWhatAHostileCallLeaves) {
  SystemRandom random;
  fs::path path;
  {
    auto scratch = ScratchDirectory::create(testing::TempDir(), random);
    ASSERT_TRUE(scratch);
    path = scratch->path();
    // Deeper than any path name reaches.
    const std::string name(50, 'd');
    int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int depth = 0; depth < 200; ++depth) {
      ASSERT_EQ(::mkdirat(fd, name.c_str(), 0700), 0);
      const int inner = ::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      ::close(::openat(fd, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0));
      ::close(fd);
      fd = inner;
    }
    ::close(fd);
    fs::create_directories(path / "locked/inner");
    fs::permissions(path / "locked", fs::perms::none);
    fs::permissions(path, fs::perms::none);
  }
  EXPECT_FALSE(fs::exists(path));
}

/// Runs `body` in a process that file modes hold, unlike root; whether that returned true.
bool as_nobody(const std::function<bool()>& body) {
  constexpr uid_t kNobody = 65534;
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool dropped = ::geteuid() != 0 || ::setresuid(kNobody, kNobody, kNobody) == 0;
    ::_exit(dropped && body() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Runs `fill` on a temporary directory; whether nothing is left of that.
bool is_removed_after(const std::function<void(const fs::path&)>& fill) {
  return as_nobody([&] {
    std::string parent = "/tmp/scratch-XXXXXX";
    SystemRandom random;
    if (::mkdtemp(parent.data()) == nullptr) {
      return false;
    }
    if (auto scratch = ScratchDirectory::create(parent, random)) {
      fill(scratch->path());
    }
    const bool is_empty = fs::is_empty(parent);
    std::error_code ignored;
    fs::remove_all(parent, ignored);
    return is_empty;
  });
}

TEST(ScratchDirectory, RemovesFoldersWithoutRightsBelowOthers) {
  EXPECT_TRUE(is_removed_after([](const fs::path& path) {
    fs::create_directory(path / "a");
    ::mkdir((path / "a/x").c_str(), 0);
    fs::create_directories(path / "b/c/d");
    ::mkdir((path / "b/c/d/x").c_str(), 0);
  }));
}

TEST(ScratchDirectory, RemovesWhatTakesTheNamesOfItsRemoval) {
  EXPECT_TRUE(is_removed_after([](const fs::path& path) {
    // Some come before `.removed-0` and `.removed-1`, whatever order the file system has.
    for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
      fs::create_directories(path / name / "inner");
      std::ofstream(path / name / "inner/file") << "x";
    }
    for (int number = 0; number < 16; number += 2) {
      const std::string name = ".removed-" + std::to_string(number);
      fs::create_directory(path / name);
      std::ofstream(path / name / "file") << "x";
      std::ofstream(path / (".removed-" + std::to_string(number + 1))) << "x";
    }
  }));
}

/// A pool, and one directory out of it.
class ScratchPoolTest : public testing::Test {
 protected:
  static fs::path make_parent() {
    std::string name = (fs::path(testing::TempDir()) / "pool-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    return name;
  }
  ~ScratchPoolTest() override { fs::remove_all(parent_); }
  void SetUp() override { ASSERT_TRUE(take()); }
  bool take() {
    auto taken = pool_.take();
    if (!taken) {
      return false;
    }
    path_ = taken->path();
    directory_.emplace(*std::move(taken));
    return true;
  }
  /// Puts it back; whether the next one is the same directory.
  bool comes_back() {
    struct stat before{};
    EXPECT_EQ(::stat(path_.c_str(), &before), 0);
    const fs::path old = path_;
    (void)pool_.put(*std::exchange(directory_, std::nullopt));
    EXPECT_FALSE(fs::exists(old)) << "under the name that its call knew";
    EXPECT_TRUE(take());
    struct stat after{};
    EXPECT_EQ(::stat(path_.c_str(), &after), 0);
    // An inode's number is used again at once; the time of its birth is not.
    return before.st_ino == after.st_ino && birth(path_) == born_;
  }
  static std::pair<std::int64_t, std::uint32_t> birth(const fs::path& path) {
    struct statx status{};
    EXPECT_EQ(::statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME, &status), 0);
    return {status.stx_btime.tv_sec, status.stx_btime.tv_nsec};
  }
  void remember() { born_ = birth(path_); }

  const fs::path parent_ = make_parent();
  SystemRandom random_;
  ScratchPool pool_{parent_, random_};
  std::optional<ScratchDirectory> directory_;
  fs::path path_;
  std::pair<std::int64_t, std::uint32_t> born_;
};

TEST_F(ScratchPoolTest, AnUntouchedDirectoryServesAgainUnderAnotherName) {
  remember();
  EXPECT_TRUE(comes_back());
  EXPECT_TRUE(comes_back()) << "and again";
}

TEST_F(ScratchPoolTest, WhateverACallChangedIsGone) {
  // Longer than a tick of the clock that file systems use.
  const auto later = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  const std::vector<std::function<void()>> changes{
      [&] { std::ofstream(path_ / "left") << "x"; },
      [&] { fs::create_directory(path_ / "left"); },
      [&] { fs::create_symlink("/etc", path_ / "left"); },
      [&] {
        std::ofstream(path_ / "gone") << "x";
        fs::remove(path_ / "gone");
      },
      [&] { fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_exec); },
      [&] { fs::last_write_time(path_, fs::file_time_type::clock::now()); },
  };
  for (const auto& change : changes) {
    remember();
    later();
    change();
    EXPECT_FALSE(comes_back()) << &change - changes.data();
    EXPECT_TRUE(fs::is_empty(path_));
    EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_all);
  }
}

TEST_F(ScratchPoolTest, OneThatSomebodyRemovedIsNotHandedOut) {
  (void)pool_.put(*std::exchange(directory_, std::nullopt));
  for (const auto& entry : fs::directory_iterator(parent_)) {
    fs::remove(entry.path());
  }
  ASSERT_TRUE(take());
  EXPECT_TRUE(fs::exists(path_));
}

TEST(ScratchDirectory, MeasuresBytesAndEntriesUpToItsBounds) {
  SystemRandom random;
  auto scratch = ScratchDirectory::create(testing::TempDir(), random);
  ASSERT_TRUE(scratch);
  fs::create_directories(scratch->path() / "a/b");
  std::ofstream(scratch->path() / "a/b/file") << std::string(100'000, 'x');
  const auto content = scratch->measure(1 << 30, 1000);
  EXPECT_EQ(content.entries, 3U);
  EXPECT_GE(content.bytes, 100'000U);
  EXPECT_GT(scratch->measure(1 << 30, 1).entries, 1U);
}

class ScratchRootTest : public testing::Test {
 protected:
  ScratchRootTest() {
    std::string name = (fs::path(testing::TempDir()) / "roots-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    parent_ = name;
  }
  ~ScratchRootTest() override { fs::remove_all(parent_); }

  ScratchRoot create() {
    auto root = ScratchRoot::create(parent_, random_);
    EXPECT_TRUE(root) << (root ? "" : root.error().message);
    return *std::move(root);
  }
  /// Makes a root in a process that is then killed.
  fs::path abandon() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const auto root = ScratchRoot::create(parent_, random_);
      fs::create_directories(root->path() / "call/inner");
      std::ofstream(root->path() / "call/file") << "x";
      const std::string path = root->path();
      [[maybe_unused]] const auto written = ::write(ends[1], path.data(), path.size());
      ::raise(SIGKILL);
    }
    std::string path(1000, '\0');
    const ssize_t size = ::read(ends[0], path.data(), path.size());
    ::close(ends[0]);
    ::close(ends[1]);
    ::waitpid(pid, nullptr, 0);
    path.resize(static_cast<std::size_t>(size));
    EXPECT_TRUE(fs::exists(fs::path(path) / "call/file"));
    return path;
  }

  SystemRandom random_;
  fs::path parent_;
};

TEST_F(ScratchRootTest, IsPrivateAndGoneAfterwardsWithItsContent) {
  fs::path path;
  {
    const ScratchRoot root = create();
    path = root.path();
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    fs::create_directories(path / "call/inner");
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(ScratchRootTest, WhatAKilledProcessLeftIsRemovedByTheNext) {
  const fs::path left = abandon();
  const ScratchRoot root = create();
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(ScratchRootTest, WhatIsInUseStays) {
  const ScratchRoot first = create();
  std::ofstream(first.path() / "file") << "x";
  const ScratchRoot second = create();
  EXPECT_TRUE(fs::exists(first.path() / "file"));
  EXPECT_NE(first.path(), second.path());
}

TEST_F(ScratchRootTest, NothingElseIsTouched) {
  const std::string id(32, 'a');
  fs::create_directories(parent_ / "mcpgate-sandbox-" / "kept");
  fs::create_directories(parent_ / ("mcpgate-sandbox-" + id + "b") / "kept");
  fs::create_directories(parent_ / ("other-sandbox-x-" + id) / "kept");
  fs::create_directories(parent_ / ("mcpgate-sandbox-" + id) / "kept");  // mode 0755: not ours
  fs::create_directories(parent_ / "target" / "kept");
  fs::permissions(parent_ / "target", fs::perms::owner_all);
  fs::create_directory_symlink(parent_ / "target",
                               parent_ / ("mcpgate-sandbox-" + std::string(32, 'c')));
  // A link inside of what is removed is removed; what it points to stays.
  const fs::path left = abandon();
  fs::create_directory_symlink(parent_ / "target", left / "link");
  const ScratchRoot root = create();
  EXPECT_FALSE(fs::exists(left));
  EXPECT_EQ(std::ranges::count_if(
                fs::recursive_directory_iterator(parent_),
                [](const fs::directory_entry& entry) { return entry.path().filename() == "kept"; }),
            5);
  EXPECT_TRUE(fs::is_symlink(parent_ / ("mcpgate-sandbox-" + std::string(32, 'c'))));
}

TEST_F(ScratchRootTest, WithoutAPlaceThereIsAnError) {
  const auto root = ScratchRoot::create(parent_ / "missing", random_);
  ASSERT_FALSE(root);
  EXPECT_TRUE(root.error().message.contains("missing")) << root.error().message;
}

TEST_F(ScratchRootTest, ManyAtOnceTakeNoneOfEachOther) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this] {
      SystemRandom random;
      for (int round = 0; round < 50; ++round) {
        const auto root = ScratchRoot::create(parent_, random);
        ASSERT_TRUE(root) << root.error().message;
        EXPECT_TRUE(fs::create_directory(root->path() / "call"));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(fs::is_empty(parent_));
}

}  // namespace
}  // namespace mcpgate::sandboxd
