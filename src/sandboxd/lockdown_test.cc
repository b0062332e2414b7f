// The steps of the lock-down, each in a forked child of its own: what they stop, and that it works
// when the step is left out. Most attacks are Python, in tests/attacks/.

#include "sandboxd/lockdown.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/fd.h"
#include "sandboxd/call_filter.h"
#include "sandboxd/frame.h"
#include "sandboxd/probes.h"
#include "sandboxd/profile.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;

/// How a locked child ended, and the frame it may have left on its socket.
struct Ended {
  int wait_status = 0;
  std::string said;
};

class LockdownTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::path(testing::TempDir()) / "lockdown-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    tmp_ = root_ / "tmp";
    fs::create_directories(tmp_);
    std::ofstream(root_ / "secret") << "secret";
    auto filter = build_call_filter(FilterKind::kCall);
    ASSERT_TRUE(filter) << filter.error().message;
    filter_ = std::move(*filter);
  }
  void TearDown() override { fs::remove_all(root_); }

  /// Forks, locks, runs `attack` and exits with its answer.
  template <class Attack>
  Ended locked(Attack attack, LayerBits without = 0, std::vector<std::string> read_only = {}) {
    std::array<int, 2> sockets{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
    const UniqueFd ours(sockets[0]);
    UniqueFd theirs(sockets[1]);
    const UniqueFd output(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    const std::string tmp = tmp_.string();
    const UniqueFd parent(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    const pid_t pid = ::fork();
    if (pid == 0) {
      lock_down({.call_socket = theirs.get(),
                 .output = output.get(),
                 .parent = parent_ >= 0 ? parent_ : parent.get(),
                 .address_space_bytes = std::uint64_t{16} << 40,
                 .file_bytes = 1 << 20,
                 .cpu_s = 5,
                 .open_files = 64,
                 .read_only = read_only,
                 .tmp = tmp.c_str(),
                 .filter = filter_,
                 .without = without | layer_bit(Layer::kPrivateTmp),
                 .landlock_abi_max = landlock_abi_max_});
      ::_exit(attack());
    }
    theirs.reset();
    Ended ended;
    std::array<char, 512> buffer{};
    for (ssize_t got = 0; (got = ::read(ours.get(), buffer.data(), buffer.size())) > 0;) {
      ended.said.append(buffer.data(), static_cast<std::size_t>(got));
    }
    EXPECT_EQ(::waitpid(pid, &ended.wait_status, 0), pid);
    return ended;
  }
  /// The attack's exit status; -1 where it was killed.
  template <class Attack>
  int answer(Attack attack, LayerBits without = 0) {
    const Ended ended = locked(attack, without);
    return WIFEXITED(ended.wait_status) ? WEXITSTATUS(ended.wait_status) : -1;
  }

  fs::path root_;
  fs::path tmp_;
  std::vector<sock_filter> filter_;
  int landlock_abi_max_ = kLandlockAbiAny;
  /// Instead of this process, as a pidfd.
  int parent_ = -1;
};

/// 0 for success, else errno: an attack's exit status.
int errno_of(long result) {
  return result >= 0 ? 0 : errno;
}

/// What else would stop a probe when the layer it is about is left out.
constexpr LayerBits kBesideTheProbe =
    layer_bit(Layer::kNotDumpable) | layer_bit(Layer::kLandlockScope);

TEST_F(LockdownTest, EveryProbeOfTheSelfTestIsStoppedAndSucceedsWithoutItsLayer) {
  ASSERT_EQ(::setenv("MCPGATE_PROBE", "1", 1), 0);
  const UniqueFd inherited(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Witness witness{.process = ::getpid()};
  for (const Probe& probe : probes()) {
    if (!has(demanded_layers(Profile::kPod), probe.layer) || probe.stopped == nullptr) {
      continue;  // namespaces_test.cc, zygote_test.cc
    }
    const auto stopped = [&] { return probe.stopped(witness) ? 0 : 1; };
    EXPECT_EQ(answer(stopped, probe.without), 0) << probe.attempt;
    if (probe.layer == Layer::kCapabilities && ::geteuid() != 0) {
      continue;  // nothing to lose
    }
    const LayerBits open = layer_bit(probe.layer) | kBesideTheProbe;
    EXPECT_EQ(answer(stopped, probe.without | open), 1) << probe.attempt;
  }
}

TEST_F(LockdownTest, AnOlderLandlockStopsWhatItKnows) {
  if (landlock_abi() < 6) {
    GTEST_SKIP() << "this kernel is old itself";
  }
  const Witness witness{.process = ::getpid()};
  for (const int abi : {1, 2, 3, 4, 5, 6}) {
    landlock_abi_max_ = abi;
    for (const Probe& probe : probes()) {
      const int since = probe.layer == Layer::kLandlock        ? 1
                        : probe.layer == Layer::kLandlockNet   ? 4
                        : probe.layer == Layer::kLandlockScope ? 6
                                                               : 0;
      if (since != 0) {
        EXPECT_EQ(answer([&] { return probe.stopped(witness) ? 0 : 1; }, probe.without),
                  abi >= since ? 0 : 1)
            << "ABI " << abi << ": " << probe.attempt;
      }
    }
  }
}

TEST_F(LockdownTest, WithoutLandlockTheChildEnds) {
  landlock_abi_max_ = 0;
  const Ended ended = locked([] { return 0; });
  EXPECT_EQ(WEXITSTATUS(ended.wait_status), kLockdownFailed + static_cast<int>(Layer::kLandlock));
  EXPECT_NE(ended.said.find("landlock: Function not implemented"), std::string::npos);
}

TEST_F(LockdownTest, AChildOfAZygoteThatHasEndedDoesNotStart) {
  const pid_t gone = ::fork();
  if (gone == 0) {
    ::_exit(0);
  }
  const UniqueFd zygote(static_cast<int>(::syscall(SYS_pidfd_open, gone, 0)));
  ASSERT_EQ(::waitpid(gone, nullptr, 0), gone);
  parent_ = zygote.get();
  const Ended ended = locked([] { return 0; });
  EXPECT_EQ(WEXITSTATUS(ended.wait_status),
            kLockdownFailed + static_cast<int>(Layer::kParentDeath));
}

TEST_F(LockdownTest, FilesOutsideAreNeitherReadNorMade) {
  const std::string secret = (root_ / "secret").string();
  const std::string inside = (tmp_ / "file").string();
  const auto read = [&] { return errno_of(::open(secret.c_str(), O_RDONLY | O_CLOEXEC)); };
  EXPECT_EQ(answer(read), EACCES);
  EXPECT_EQ(answer(read, layer_bit(Layer::kLandlock)), 0);
  const std::string beside = (root_ / "new").string();
  EXPECT_EQ(answer([&] {
              return errno_of(::open(beside.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
            }),
            EACCES);
  EXPECT_EQ(
      answer([&] { return errno_of(::open(inside.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)); }),
      0);
  EXPECT_EQ(answer([&] { return errno_of(::rename(inside.c_str(), beside.c_str())); }), EACCES);
  EXPECT_EQ(answer([&] { return errno_of(::symlink(secret.c_str(), (inside + "l").c_str())); }),
            EPERM);
  EXPECT_EQ(answer([&] { return errno_of(::link(inside.c_str(), (inside + "h").c_str())); }),
            EPERM);
  EXPECT_EQ(answer([&] { return errno_of(::mknod((inside + "p").c_str(), S_IFIFO | 0600, 0)); }),
            EPERM);
}

TEST_F(LockdownTest, ReadOnlyPathsAreReadAndNotWritten) {
  const std::string file = (root_ / "secret").string();
  const Ended read = locked([&] { return errno_of(::open(file.c_str(), O_RDONLY | O_CLOEXEC)); }, 0,
                            {file, "/no/such"});
  EXPECT_EQ(WEXITSTATUS(read.wait_status), 0);
  const Ended write = locked([&] { return errno_of(::open(file.c_str(), O_WRONLY | O_CLOEXEC)); },
                             0, {root_.string()});
  EXPECT_EQ(WEXITSTATUS(write.wait_status), EACCES);
  const Ended cut =
      locked([&] { return errno_of(::truncate(file.c_str(), 0)); }, 0, {root_.string()});
  EXPECT_EQ(WEXITSTATUS(cut.wait_status), EPERM);
}

TEST_F(LockdownTest, WhatToolsNeedIsAllowed) {
  EXPECT_EQ(answer([] {
              std::thread([] {}).join();
              return 0;
            }),
            0);
  EXPECT_EQ(answer([] { return errno_of(::kill(::getpid(), 0)); }), 0);
  EXPECT_EQ(answer([] {
              std::array<int, 2> pair{};
              return errno_of(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()));
            }),
            0)
      << "asyncio needs pairs";
}

TEST_F(LockdownTest, OneFileStaysBelowItsLimit) {
  EXPECT_EQ(answer([] {
              const int fd = ::open("big", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
              return errno_of(::ftruncate(fd, 2 << 20));
            }),
            EFBIG);
}

TEST_F(LockdownTest, AStepThatFailsSaysWhichAndEndsTheChild) {
  fs::remove_all(tmp_);
  const Ended ended = locked([] { return 0; });
  ASSERT_TRUE(WIFEXITED(ended.wait_status));
  EXPECT_EQ(WEXITSTATUS(ended.wait_status),
            kLockdownFailed + static_cast<int>(Layer::kEnvironment));
  EXPECT_EQ(ended.said,
            encode_frame(FrameType::kError,
                         "killed\nthe sandbox could not be locked: environment: No such "
                         "file or directory"));
}

TEST_F(LockdownTest, AFilterWithoutThePlaceholderIsRefused) {
  filter_.assign(3, sock_filter{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0x7FFF0000});
  const Ended ended = locked([] { return 0; });
  EXPECT_EQ(WEXITSTATUS(ended.wait_status), kLockdownFailed + static_cast<int>(Layer::kSeccomp));
}

TEST_F(LockdownTest, RootKeepsNoCapability) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root to have something to lose";
  }
  // seccomp and Landlock would answer first, so they are out.
  const LayerBits open = layer_bit(Layer::kSeccomp) | layer_bit(Layer::kLandlock);
  const auto become_other = [] { return errno_of(::setuid(12345)); };
  EXPECT_EQ(answer(become_other, open), EPERM);
  EXPECT_EQ(answer(become_other, open | layer_bit(Layer::kCapabilities)), 0);
}

}  // namespace
}  // namespace mcpgate::sandboxd
