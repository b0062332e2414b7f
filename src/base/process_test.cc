#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

namespace mcpgate {
namespace {

using namespace std::chrono_literals;

/// Runs `sh -c script` with its stdout on a pipe; what it wrote.
std::string output_of(const std::string& script, ProcessOptions options = {}) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  options.program = "/bin/sh";
  options.arguments = {"-c", script};
  options.descriptors.emplace_back(write_end.get(), 1);
  auto process = Process::start(options);
  EXPECT_TRUE(process) << process.error().message;
  write_end.reset();
  std::string output;
  std::array<char, 512> buffer{};
  for (ssize_t got = 0; (got = ::read(read_end.get(), buffer.data(), buffer.size())) > 0;) {
    output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  EXPECT_TRUE(process->wait_for(60s));
  return output;
}

TEST(Process, ReportsItsExitStatus) {
  auto process = Process::start({.program = "/bin/sh", .arguments = {"-c", "exit 3"}});
  ASSERT_TRUE(process);
  ASSERT_TRUE(process->wait_for(60s));
  EXPECT_EQ(describe_wait_status(process->wait_status()), "exited with 3");
  EXPECT_EQ(process->pid(), -1);
}

TEST(Process, SaysWhyAProgramCannotStart) {
  const auto process = Process::start({.program = "/no/such/program"});
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().message, "start /no/such/program: No such file or directory");
}

TEST(Process, InheritsNeitherEnvironmentNorDescriptors) {
  ASSERT_EQ(::setenv("MCPGATE_LEAK", "1", 1), 0);
  // NOLINTNEXTLINE(android-cloexec-open): as some libraries do, which is the point.
  const UniqueFd leak(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(output_of("/usr/bin/env | /bin/grep -v -E '^(PWD|_|SHLVL|OLDPWD)='",
                      {.environment = {"ONLY=this"}}),
            "ONLY=this\n");
  // `ls` has one more open: the directory it reads.
  EXPECT_EQ(output_of("/bin/ls /proc/self/fd | /usr/bin/tr '\\n' ' '"), "0 1 2 3 ");
}

TEST(Process, HandsOverDescriptorsEvenWhereTheirNumbersCross) {
  std::array<int, 2> first{};
  std::array<int, 2> second{};
  ASSERT_EQ(::pipe2(first.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(second.data(), O_CLOEXEC), 0);
  auto process = Process::start({.program = "/bin/sh",
                                 .arguments = {"-c", "echo a >&3; echo b >&4"},
                                 .descriptors = {{first[1], 3}, {second[1], 4}}});
  ASSERT_TRUE(process);
  ASSERT_TRUE(process->wait_for(60s));
  std::array<char, 2> byte{};
  EXPECT_EQ(::read(first[0], byte.data(), 2), 2);
  EXPECT_EQ(byte[0], 'a');
  EXPECT_EQ(::read(second[0], byte.data(), 2), 2);
  EXPECT_EQ(byte[0], 'b');
  for (const int fd : {first[0], first[1], second[0], second[1]}) {
    ::close(fd);
  }
}

TEST(Process, IsKilledAndReapedByItsOwnersEnd) {
  pid_t pid = -1;
  {
    auto process = Process::start({.program = "/bin/sleep", .arguments = {"1000"}});
    ASSERT_TRUE(process);
    pid = process->pid();
    EXPECT_FALSE(process->try_wait());
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Process, TakesASignal) {
  auto process = Process::start({.program = "/bin/sleep", .arguments = {"1000"}});
  ASSERT_TRUE(process);
  process->signal(SIGTERM);
  ASSERT_TRUE(process->wait_for(60s));
  EXPECT_EQ(describe_wait_status(process->wait_status()), "killed by signal 15 (Terminated)");
}

}  // namespace
}  // namespace mcpgate
