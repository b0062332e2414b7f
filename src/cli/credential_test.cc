#include "cli/credential.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/file.h"

namespace mcpgate::cli {
namespace {

namespace fs = std::filesystem;

class CredentialTest : public testing::Test {
 protected:
  CredentialTest() : folder_(fs::temp_directory_path() / ("credential-" + random_.hex(8))) {
    fs::create_directories(folder_);
    environment_.working_directory = folder_;
    ::unsetenv("MCPGATE_TOKEN_FILE");
  }
  ~CredentialTest() override {
    ::unsetenv("MCPGATE_TOKEN_FILE");
    fs::remove_all(folder_);
  }

  std::string write(std::string_view text, mode_t mode = 0600) {
    const fs::path file = folder_ / "token";
    EXPECT_TRUE(write_file_atomically(file, text, mode));
    fs::permissions(file, static_cast<fs::perms>(mode));
    return file.string();
  }
  Expected<Target> target(std::string url, std::string token_file = "") {
    Arguments arguments;
    if (!url.empty()) {
      arguments.set("url", {std::move(url)});
    }
    if (!token_file.empty()) {
      arguments.set("token-file", {std::move(token_file)});
    }
    std::ostringstream out;
    const World world{
        .environment = environment_, .clock = clock_, .random = random_, .out = out, .err = out};
    return target_of(arguments, world);
  }

  SystemRandom random_;
  ManualClock clock_;
  fs::path folder_;
  Environment environment_;
};

TEST_F(CredentialTest, TheFileHoldsOneTokenAlone) {
  EXPECT_EQ(target("http://h/mcp", write("abc"))->token, "abc");
  EXPECT_EQ(target("http://h/mcp", write("abc\r\n"))->token, "abc");
  for (const char* text : {"", "\n", "opaque token\n", "opaque\ntoken\n", " opaque"}) {
    const auto none = target("http://h/mcp", write(text));
    ASSERT_FALSE(none) << text;
    EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(none.error().message.contains("opaque")) << none.error().message;
  }
  EXPECT_FALSE(target("http://h/mcp", write(std::string(17 << 10, 'x'))));
  EXPECT_EQ(target("http://h/mcp", (folder_ / "absent").string()).error().code,
            ErrorCode::kNotFound);
}

TEST_F(CredentialTest, WhatIsNoRegularFileIsRefusedWithoutReadingIt) {
  const fs::path fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0644), 0);
  for (const fs::path& file : {fifo, folder_, fs::path("/dev/null")}) {
    const auto refused = target("http://h/mcp", file.string());
    ASSERT_FALSE(refused) << file;
    EXPECT_EQ(refused.error().message, file.string() + ": not a regular file");
  }
}

TEST_F(CredentialTest, AFileThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0640U, 0604U, 0644U, 0620U}) {
    const auto refused = target("http://h/mcp", write("abc", mode));
    ASSERT_FALSE(refused) << mode;
    EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  }
}

TEST_F(CredentialTest, TheFlagWinsOverTheEnvironment) {
  const std::string file = write("flag");
  const fs::path other = folder_ / "other";
  ASSERT_TRUE(write_file_atomically(other, "environment", 0600));
  ::setenv("MCPGATE_TOKEN_FILE", other.c_str(), 1);
  EXPECT_EQ(target("http://h/mcp")->token, "environment");
  EXPECT_EQ(target("http://h/mcp", file)->token, "flag");
}

TEST_F(CredentialTest, TheDemoTokenGoesToThisMachineOnly) {
  for (const char* url : {"http://127.0.0.1:1/mcp", "http://localhost/mcp", "http://[::1]:1/mcp"}) {
    EXPECT_EQ(target(url)->token, "demo-token-12345") << url;
  }
  for (const char* url : {"http://mcp.example.com/mcp", "http://10.0.0.1/", "http://127.evil.com/",
                          "http://127.0.0.1.evil.com/"}) {
    EXPECT_FALSE(target(url)) << url;
  }
  EXPECT_EQ(target("")->url, "http://127.0.0.1:8080/mcp");  // The configuration's.
}

TEST_F(CredentialTest, AUrlIsOneOfHttp) {
  for (const char* url : {"unix:/run/x.sock", "ftp://h/", "h:80", "http://", "http://u:p@h/"}) {
    EXPECT_EQ(target(url, write("abc")).error().code, ErrorCode::kInvalidArgument) << url;
  }
}

}  // namespace
}  // namespace mcpgate::cli
