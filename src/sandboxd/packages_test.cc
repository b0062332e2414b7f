// Where packages are looked for. That they are installed and used: tests/e2e/test_packages.py.

#include "sandboxd/packages.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;

ToolSetFolder folder_with(const std::string& requirements_digest) {
  ToolSetFolder folder;
  folder.settings.name = "demo";
  folder.digests.emplace("t.py", "00");
  if (!requirements_digest.empty()) {
    folder.digests.emplace(kRequirementsFileName, requirements_digest);
  }
  return folder;
}

TEST(Packages, ASetWithoutRequirementsNeedsNone) {
  EXPECT_EQ(packages_key(folder_with("")), "");
  const auto found = find_packages("/no/such", folder_with(""));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, "");
}

TEST(Packages, AnotherFileIsAnotherKey) {
  EXPECT_EQ(packages_key(folder_with("aa")).size(), 64U);
  EXPECT_EQ(packages_key(folder_with("aa")), packages_key(folder_with("aa")));
  EXPECT_NE(packages_key(folder_with("aa")), packages_key(folder_with("ab")));
}

TEST(Packages, WhatIsNotInstalledNamesTheCommand) {
  std::string name = (fs::path(testing::TempDir()) / "packages-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const fs::path root = name;
  const auto missing = find_packages(root, folder_with("aa"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(missing.error().message.find("mcpgate-sandbox prepare --tools"), std::string::npos);
  fs::create_directory(root / packages_key(folder_with("aa")));
  EXPECT_EQ(find_packages(root, folder_with("aa")), root / packages_key(folder_with("aa")));
  fs::remove_all(root);
}

}  // namespace
}  // namespace mcpgate::sandboxd
