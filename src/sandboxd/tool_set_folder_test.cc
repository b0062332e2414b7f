#include "sandboxd/tool_set_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/digest.h"
#include "base/random.h"

namespace mcpgate::sandboxd {
namespace {

class ToolSetFolderTest : public ::testing::Test {
 protected:
  ToolSetFolderTest() { std::filesystem::create_directories(root_); }
  ~ToolSetFolderTest() override { std::filesystem::remove_all(root_.parent_path()); }

  void write(const std::string& path, std::string_view bytes) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << bytes;
  }
  [[nodiscard]] std::string problem() const {
    const auto folder = read_tool_set_folder(root_);
    return folder ? "" : folder.error().message;
  }

  std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("folder-" + SystemRandom().hex(8)) / "demo";
};

TEST_F(ToolSetFolderTest, FilesAreReadAndHashed) {
  write("toolset.yaml", "description: d\n");
  write("a.py", "A = 1\n");
  write("lib/b.py", "B = 1\n");
  write("words.txt", "x");
  write(".git/config", "x");
  write("__pycache__/a.pyc", "x");
  write("a.pyc", "x");
  const auto folder = read_tool_set_folder(root_);
  ASSERT_TRUE(folder.has_value()) << folder.error().message;
  EXPECT_EQ(folder->settings.name, "demo");
  EXPECT_EQ(folder->settings.description, "d");
  EXPECT_EQ(folder->sources,
            (std::map<std::string, std::string>{{"a.py", "A = 1\n"}, {"lib/b.py", "B = 1\n"}}));
  EXPECT_EQ(folder->digests.size(), 4U);
  EXPECT_EQ(folder->digests.at("words.txt"), sha256_hex("x"));
  EXPECT_EQ(folder->directories, (std::vector<std::filesystem::path>{root_ / "", root_ / "lib"}));
}

TEST_F(ToolSetFolderTest, LinksMayPointBeneathTheFolderOnly) {
  write("..data/a.py", "A = 1\n");
  std::filesystem::create_symlink("..data/a.py", root_ / "a.py");
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(read_tool_set_folder(root_)->sources.at("a.py"), "A = 1\n");
  std::filesystem::create_symlink("/etc/passwd", root_ / "b.py");
  EXPECT_NE(problem().find("b.py: the link leads out"), std::string::npos) << problem();
  std::filesystem::remove(root_ / "b.py");
  std::filesystem::create_symlink("../../../etc/passwd", root_ / "c.py");
  EXPECT_NE(problem().find("c.py: the link leads out"), std::string::npos) << problem();
}

TEST_F(ToolSetFolderTest, LoopsAndOddFilesAreNamed) {
  std::filesystem::create_directory_symlink(".", root_ / "self");
  EXPECT_EQ(problem(), "");
  ASSERT_EQ(::mkfifo((root_ / "pipe.py").c_str(), 0600), 0);
  EXPECT_NE(problem().find("pipe.py: neither file"), std::string::npos) << problem();
}

TEST_F(ToolSetFolderTest, BoundsAreNamed) {
  write("big.bin", std::string(kSetBytesMax + 1, 'x'));
  EXPECT_NE(problem().find("more than"), std::string::npos);
  std::filesystem::remove(root_ / "big.bin");
  std::string deep;
  for (std::size_t i = 0; i <= kSetDepthMax + 1; ++i) {
    deep += "d/";
  }
  write(deep + "a.py", "");
  EXPECT_NE(problem().find("deeper than"), std::string::npos);
}

TEST_F(ToolSetFolderTest, MissingFolderAndBadSettingsAreErrors) {
  EXPECT_EQ(read_tool_set_folder(root_ / "none").error().code, ErrorCode::kNotFound);
  write("toolset.yaml", "descripton: d\n");
  EXPECT_NE(problem().find("toolset.yaml:1:1"), std::string::npos) << problem();
}

}  // namespace
}  // namespace mcpgate::sandboxd
