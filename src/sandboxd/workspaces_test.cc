#include "sandboxd/workspaces.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <fstream>
#include <optional>
#include <set>

#include <boost/asio/co_spawn.hpp>

#include "base/file.h"
#include "sandboxd/task_testing.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class WorkspacesTest : public testing::Test {
 protected:
  WorkspacesTest() {
    std::string name = (fs::path(testing::TempDir()) / "workspaces-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  ~WorkspacesTest() override { fs::remove_all(root_); }

  template <class T>
  T wait_for(Task<T> task) {
    return sandboxd::wait_for(loop_, std::move(task));
  }
  std::shared_ptr<Workspaces> open(std::string_view set = "demo") {
    auto opened = Workspaces::open(loop_, root_ / "all", set, limits_);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened.value_or(nullptr);
  }
  std::shared_ptr<Workspace> enter(const Workspaces& workspaces, const std::string& subject,
                                   const std::string& issuer = "mcpgate:keys") {
    auto entered = wait_for(workspaces.enter(issuer, subject));
    EXPECT_TRUE(entered) << entered.error().message;
    return entered.value_or(nullptr);
  }
  static void write(const Workspace& workspace, const std::string& name, std::size_t bytes) {
    std::ofstream(workspace.path() / name) << std::string(bytes, 'x');
  }

  asio::io_context loop_{1};
  fs::path root_;
  sandbox::WorkspaceLimits limits_{.bytes = 64 << 10, .files = 5, .expires = 1h, .users = 20};
};

TEST_F(WorkspacesTest, IsTheUsersOwnAndStays) {
  const auto workspaces = open();
  {
    const auto ada = enter(*workspaces, "ada");
    write(*ada, "note", 1);
    EXPECT_EQ(ada->path().parent_path(), root_ / "all/demo");
    EXPECT_EQ(fs::status(ada->path()).permissions(), fs::perms::owner_all);
    EXPECT_EQ(ada->name().size(), 64U);
  }
  EXPECT_TRUE(fs::exists(enter(*workspaces, "ada")->path() / "note"));
  EXPECT_TRUE(fs::exists(enter(*open(), "ada")->path() / "note")) << "and after a restart";
  EXPECT_TRUE(fs::is_empty(enter(*workspaces, "bob")->path()));
  EXPECT_TRUE(fs::is_empty(enter(*open("other"), "ada")->path()));
}

TEST_F(WorkspacesTest, NoTwoUsersShareOne) {
  const auto workspaces = open();
  const std::vector<std::pair<std::string, std::string>> identities = {
      {"mcpgate:keys", "ada"},
      {"mcpgate:keys", "Ada"},
      {"mcpgate:keys", "ada "},
      {"mcpgate:keysa", "da"},
      {"mcpgate:demo", "ada"},
      {"", "mcpgate:keysada"},
      {"mcpgate:keysada", ""},
      {"mcpgate:keys", std::string("ada\0", 4)},
      {"mcpgate:keys", "../ada"},
      {"mcpgate:keys",
       "a\xCC\x88"
       "da"},
      {"mcpgate:keys",
       "\xC3\xA4"
       "da"},
      {"12:mcpgate:keys", "ada"}};
  std::set<std::string> names;
  for (const auto& [issuer, subject] : identities) {
    names.insert(enter(*workspaces, subject, issuer)->name());
  }
  EXPECT_EQ(names.size(), identities.size());
}

// The names of one installation tell nothing about those of another.
TEST_F(WorkspacesTest, NamesAreMadeWithAKeyOfTheFolder) {
  const std::string name = enter(*open(), "ada")->name();
  EXPECT_EQ(enter(*open(), "ada")->name(), name);
  EXPECT_EQ(fs::status(root_ / "all/demo/.key").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  fs::remove(root_ / "all/demo/.key");
  EXPECT_NE(enter(*open(), "ada")->name(), name);
}

TEST_F(WorkspacesTest, AFolderThatOthersReachIsRefused) {
  fs::create_directories(root_ / "all/demo");
  EXPECT_EQ(Workspaces::open(loop_, root_ / "all", "demo", limits_).error().code,
            ErrorCode::kPermissionDenied);
  fs::permissions(root_ / "all/demo", fs::perms::owner_all);
  EXPECT_TRUE(Workspaces::open(loop_, root_ / "all", "demo", limits_));
  std::ofstream(root_ / "all/demo/.key") << "short";
  EXPECT_EQ(Workspaces::open(loop_, root_ / "all", "demo", limits_).error().code,
            ErrorCode::kInvalidArgument);
  fs::create_directories(root_ / "elsewhere");
  fs::permissions(root_ / "elsewhere", fs::perms::owner_all);
  fs::create_directory_symlink(root_ / "elsewhere", root_ / "all/linked");
  EXPECT_FALSE(Workspaces::open(loop_, root_ / "all", "linked", limits_));
}

TEST_F(WorkspacesTest, ALinkInAWorkspacesPlaceIsNotFollowed) {
  const auto workspaces = open();
  const std::string name = enter(*workspaces, "ada")->name();
  fs::remove(root_ / "all/demo" / name);
  fs::create_directories(root_ / "elsewhere");
  fs::create_directory_symlink(root_ / "elsewhere", root_ / "all/demo" / name);
  EXPECT_FALSE(wait_for(workspaces->enter("mcpgate:keys", "ada")));
}

TEST_F(WorkspacesTest, SaysWhatIsAboveItsLimits) {
  const auto workspaces = open();
  const auto ada = enter(*workspaces, "ada");
  EXPECT_FALSE(ada->was_full());
  write(*ada, "a", 60 << 10);
  EXPECT_EQ(wait_for(ada->excess()), "");
  write(*ada, "b", 8 << 10);
  EXPECT_EQ(wait_for(ada->excess()), "more than 64Ki");
  EXPECT_TRUE(enter(*workspaces, "ada")->was_full());
  fs::remove(ada->path() / "a");
  EXPECT_EQ(wait_for(ada->excess()), "");
  for (const char* name : {"1", "2", "3", "4", "5"}) {
    write(*ada, name, 0);
  }
  EXPECT_EQ(wait_for(ada->excess()), "more than 5 files and folders");
}

TEST_F(WorkspacesTest, AsManyUsersAsMayBe) {
  limits_.users = 2;
  const auto workspaces = open();
  (void)enter(*workspaces, "ada");
  (void)enter(*workspaces, "bob");
  const auto refused = wait_for(workspaces->enter("mcpgate:keys", "eve"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  (void)enter(*workspaces, "ada");
  EXPECT_EQ(workspaces->remove_expired(std::chrono::system_clock::now() + 2h), 2U);
  (void)enter(*workspaces, "eve");
}

TEST_F(WorkspacesTest, ExpiresWhenItWasNotUsed) {
  const auto workspaces = open();
  const auto now = std::chrono::system_clock::now();
  const fs::path path = enter(*workspaces, "ada")->path();
  fs::create_directories(path / "locked/inner");
  std::ofstream(path / "locked/inner/file") << "x";
  fs::permissions(path / "locked", fs::perms::none);
  EXPECT_EQ(workspaces->remove_expired(now + 59min), 0U);
  EXPECT_EQ(workspaces->remove_expired(now + 61min), 1U);
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(root_ / "all/demo/.key"));
  EXPECT_TRUE(fs::is_empty(enter(*workspaces, "ada")->path()));
}

TEST_F(WorkspacesTest, IsNotRemovedWhileItIsUsed) {
  const auto workspaces = open();
  const auto later = std::chrono::system_clock::now() + 48h;
  auto ada = enter(*workspaces, "ada");
  EXPECT_EQ(workspaces->remove_expired(later), 0U);
  EXPECT_EQ(open()->remove_expired(later), 0U) << "nor by another daemon";
  auto again = enter(*workspaces, "ada");
  ada.reset();
  EXPECT_EQ(workspaces->remove_expired(later), 0U);
  again.reset();
  EXPECT_EQ(workspaces->remove_expired(later), 1U);
}

// Its last use is when the last call ends, however long that took.
TEST_F(WorkspacesTest, TheEndOfACallIsAUse) {
  const auto workspaces = open();
  auto ada = enter(*workspaces, "ada");
  const fs::path path = ada->path();
  const timespec long_ago[2] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), long_ago, 0), 0);
  ada.reset();
  EXPECT_EQ(workspaces->remove_expired(std::chrono::system_clock::now() + 59min), 0U);
}

// A daemon was killed while it removed.
TEST_F(WorkspacesTest, WhatIsHalfRemovedGoes) {
  const auto workspaces = open();
  fs::create_directories(root_ / "all/demo/.removed-00/inner");
  fs::create_directories(root_ / "all/demo/unrelated");
  EXPECT_EQ(workspaces->remove_expired(std::chrono::system_clock::now()), 1U);
  EXPECT_FALSE(fs::exists(root_ / "all/demo/.removed-00"));
  EXPECT_TRUE(fs::exists(root_ / "all/demo/unrelated"));
}

TEST_F(WorkspacesTest, RemovesByItself) {
  const auto workspaces = open();
  const fs::path path = enter(*workspaces, "ada")->path();
  const timespec long_ago[2] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), long_ago, 0), 0);
  workspaces->keep_removing_expired();
  loop_.restart();
  for (int i = 0; i < 1000 && fs::exists(path); ++i) {
    loop_.run_one_for(10ms);
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace mcpgate::sandboxd
