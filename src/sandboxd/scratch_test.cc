#include "sandboxd/scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

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

}  // namespace
}  // namespace mcpgate::sandboxd
