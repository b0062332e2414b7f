#include "sandboxd/control_group.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <vector>

#include "base/file.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;

/// A folder that stands for /sys/fs/cgroup.
class HierarchyTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::path(testing::TempDir()) / "cgroup-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
};

TEST_F(HierarchyTest, VersionOneIsTakenWhereItHasTheController) {
  const auto found = find_hierarchy(Controller::kMemory, "8:pids:/\n4:memory:/a/b\n0::/x\n", root_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, (GroupHierarchy{.folder = root_ / "memory" / "a/b", .unified = false}));
  const auto tasks = find_hierarchy(Controller::kTasks, "8:pids:/c\n4:memory:/a/b\n", root_);
  ASSERT_TRUE(tasks) << tasks.error().message;
  EXPECT_EQ(*tasks, (GroupHierarchy{.folder = root_ / "pids" / "c", .unified = false}));
}

TEST_F(HierarchyTest, VersionTwoIsTakenWhereItsControllerIsDelegated) {
  fs::create_directories(root_ / "x/y");
  std::ofstream(root_ / "x/y/cgroup.subtree_control") << "cpu memory pids\n";
  const auto found = find_hierarchy(Controller::kMemory, "0::/x/y\n", root_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, (GroupHierarchy{.folder = root_ / "x/y", .unified = true}));
  std::ofstream(root_ / "x/y/cgroup.subtree_control") << "cpu pids\n";
  EXPECT_FALSE(find_hierarchy(Controller::kMemory, "0::/x/y\n", root_));
  EXPECT_TRUE(find_hierarchy(Controller::kTasks, "0::/x/y\n", root_));
  for (const char* text : {"", "\n", ":", "0::", "4:memory", "nonsense\n0:"}) {
    EXPECT_FALSE(find_hierarchy(Controller::kMemory, text, root_)) << text;
  }
}

TEST_F(HierarchyTest, TheFilesOfVersionTwoAreUsed) {
  SystemRandom random;
  auto group = ControlGroup::create({.folder = root_, .unified = true}, random);
  ASSERT_TRUE(group) << group.error().message;
  const fs::path folder = fs::directory_iterator(root_)->path();
  for (const char* file : {"memory.max", "pids.max", "cgroup.procs"}) {
    std::ofstream(folder / file) << "";
  }
  std::ofstream(folder / "memory.current") << "12345\n";
  std::ofstream(folder / "memory.events") << "low 0\noom 3\noom_kill 2\noom_group_kill 0\n";
  EXPECT_TRUE((*group)->set_memory_limit(1000));
  std::ofstream(folder / "pids.current") << "7\n";
  std::ofstream(folder / "pids.events") << "max 3\n";
  EXPECT_TRUE((*group)->set_task_limit(99));
  EXPECT_EQ(read_file(folder / "pids.max", 100).value_or(""), "99");
  EXPECT_EQ((*group)->tasks(), 7U);
  EXPECT_EQ((*group)->refused_tasks(), 3U);
  // Both are one group here, which is entered once.
  EXPECT_TRUE((ControlGroups{.memory = *group, .tasks = *group}.take_in(77)));
  EXPECT_EQ(read_file(folder / "memory.max", 100).value_or(""), "1000");
  EXPECT_EQ(read_file(folder / "cgroup.procs", 100).value_or(""), "77");
  EXPECT_EQ((*group)->used_bytes(), 12345U);
  EXPECT_EQ((*group)->kills(), 2U);
}

TEST_F(HierarchyTest, GroupsThatNobodyHasAnyMoreAreRemoved) {
  SystemRandom random;
  const auto ours = ControlGroup::create({.folder = root_, .unified = true}, random);
  ASSERT_TRUE(ours) << ours.error().message;
  const fs::path folder = fs::directory_iterator(root_)->path();
  const fs::path left = root_ / "mcpgate-0123456789abcdef";
  for (const fs::path& made : {left, root_ / "other-1"}) {
    fs::create_directories(made);
  }
  ASSERT_TRUE(ControlGroup::create({.folder = root_, .unified = true}, random));
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(folder));
  EXPECT_TRUE(fs::exists(root_ / "other-1"));
  EXPECT_FALSE(ControlGroup::create({.folder = root_ / "missing", .unified = true}, random));
}

TEST(ControlGroup, WhoTakesTooMuchIsKilledAndTheGroupGoes) {
  SystemRandom random;
  const auto own = read_file("/proc/self/cgroup", 1 << 16);
  const auto hierarchy = find_hierarchy(Controller::kMemory, own.value_or(""), "/sys/fs/cgroup");
  auto made = hierarchy
                  ? ControlGroup::create(*hierarchy, random)
                  : Expected<std::shared_ptr<ControlGroup>>(std::unexpected(hierarchy.error()));
  if (!made) {
    GTEST_SKIP() << made.error().message;
  }
  ControlGroup& group = **made;
  ASSERT_TRUE(group.set_memory_limit(16 << 20));
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    char byte = 0;
    const bool told = ::read(go[0], &byte, 1) == 1;
    const std::vector<char> memory(std::size_t{64} << 20, 1);
    ::_exit(told && ::write(go[1], memory.data(), 1) == 1 ? 0 : 1);
  }
  ASSERT_TRUE(group.take_in(pid));
  EXPECT_EQ(group.kills(), 0U);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(group.kills(), 1U);
  ::close(go[0]);
  ::close(go[1]);
  const fs::path folder = group.folder();
  EXPECT_TRUE(fs::exists(folder));
  made->reset();
  EXPECT_FALSE(fs::exists(folder));
}

TEST(ControlGroup, NoTaskIsStartedAboveItsLimit) {
  SystemRandom random;
  const auto own = read_file("/proc/self/cgroup", 1 << 16);
  const auto hierarchy = find_hierarchy(Controller::kTasks, own.value_or(""), "/sys/fs/cgroup");
  auto made = hierarchy
                  ? ControlGroup::create(*hierarchy, random)
                  : Expected<std::shared_ptr<ControlGroup>>(std::unexpected(hierarchy.error()));
  if (!made) {
    GTEST_SKIP() << made.error().message;
  }
  ControlGroup& group = **made;
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    char byte = 0;
    const bool told = ::read(go[0], &byte, 1) == 1;
    const pid_t inner = ::fork();
    if (inner == 0) {
      ::_exit(0);
    }
    ::_exit(told && inner < 0 && errno == EAGAIN ? 0 : 1);
  }
  ASSERT_TRUE(group.take_in(pid));
  ASSERT_TRUE(group.set_task_limit(1));
  EXPECT_EQ(group.tasks(), 1U);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(group.refused_tasks(), 1U);
  ::close(go[0]);
  ::close(go[1]);
}

}  // namespace
}  // namespace mcpgate::sandboxd
