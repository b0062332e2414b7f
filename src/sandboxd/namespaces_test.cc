// The layers of profile strict, each against its probe: stopped when all are there, successful when
// that one is left out. A process in between stands for the zygote.

#include "sandboxd/namespaces.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/fd.h"
#include "sandboxd/call_filter.h"
#include "sandboxd/lockdown.h"
#include "sandboxd/namespaces_test_support.h"
#include "sandboxd/probes.h"
#include "sandboxd/profile.h"
#include "sandboxd/verdict.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;

/// Exit statuses of the process in between, beside those of an attack and of lock_down().
constexpr int kNotEntered = 80;
constexpr int kKilled = 81;

int exit_status(pid_t pid) {
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kKilled;
}

class NamespacesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!namespaces_are_allowed()) {
      GTEST_SKIP() << "no namespaces may be made here";
    }
    std::string name = (fs::path(testing::TempDir()) / "namespaces-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    for (const char* folder : {"workbench", "tmp", "data"}) {
      fs::create_directories(root_ / folder);
    }
    std::ofstream(root_ / "data" / "file") << "data";
    std::ofstream(root_ / "secret") << "secret";
    auto filter = build_call_filter(FilterKind::kCall);
    ASSERT_TRUE(filter) << filter.error().message;
    filter_ = std::move(*filter);
  }
  void TearDown() override {
    if (!root_.empty()) {
      fs::remove_all(root_);
    }
  }

  /// The exit status of `attack` in a child of profile strict. `missing`: layers that its zygote
  /// could not have; `without`: left out of the child besides.
  template <class Attack>
  int answer(Attack attack, LayerBits missing = 0, LayerBits without = 0) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::_exit(stand_in(attack, missing, without));
    }
    return exit_status(pid);
  }

  template <class Attack>
  int stand_in(Attack attack, LayerBits missing, LayerBits without) {
    std::array<int, 2> sockets{};
    const bool tree = !has(missing, Layer::kMountNamespace);
    const std::vector<std::string> read_only{(root_ / "data").string(), "/no/such"};
    const std::string tmp = tree ? kPrivateTmpPath : (root_ / "tmp").string();
    const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    const UniqueFd output(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0 ||
        !enter_namespaces(missing).error.empty() ||
        (tree &&
         !enter_private_tree({.read_only = read_only, .workbench = (root_ / "workbench").string()})
              .error.empty())) {
      return kNotEntered;
    }
    const pid_t pid = fork_apart(missing);
    if (pid == 0) {
      lock_down({.call_socket = sockets[1],
                 .output = output.get(),
                 .parent = self.get(),
                 .address_space_bytes = std::uint64_t{16} << 40,
                 .file_bytes = 1 << 20,
                 .cpu_s = 5,
                 .open_files = 64,
                 .read_only = read_only,
                 .tmp = tmp.c_str(),
                 .tmp_bytes = 1 << 20,
                 .tmp_entries = 16,
                 .filter = filter_,
                 .without = missing | without});
      ::_exit(attack());
    }
    return pid > 0 ? exit_status(pid) : kNotEntered;
  }

  fs::path root_;
  std::vector<sock_filter> filter_;
};

int errno_of(long result) {
  return result >= 0 ? 0 : errno;
}

TEST_F(NamespacesTest, EveryProbeOfTheSelfTestIsStopped) {
  const SharedMemoryWitness memory;
  const Witness witness{.process = ::getpid(), .shared_memory = memory.id()};
  for (const Probe& probe : probes()) {
    if (has(demanded_layers(Profile::kStrict), probe.layer) && probe.stopped != nullptr) {
      EXPECT_EQ(answer([&] { return probe.stopped(witness) ? 0 : 1; }, 0, probe.without), 0)
          << probe.attempt;
    }
  }
}

TEST_F(NamespacesTest, EveryProbeSucceedsWithoutItsLayer) {
  const SharedMemoryWitness memory;
  const Witness witness{.process = ::getpid(), .shared_memory = memory.id()};
  for (const Probe& probe : probes()) {
    if (has(demanded_layers(Profile::kPod), probe.layer) || probe.layer == Layer::kMountNamespace) {
      continue;  // lockdown_test.cc; below
    }
    LayerBits missing = layer_bit(probe.layer);
    if (probe.layer == Layer::kPrivateTmp) {
      missing |= layer_bit(Layer::kMountNamespace);  // there is no other folder to write in
    } else if (probe.layer == Layer::kUserNamespace && ::geteuid() != 0) {
      continue;  // takes nothing from who has nothing
    }
    EXPECT_EQ(answer([&] { return probe.stopped(witness) ? 0 : 1; }, missing, probe.without), 1)
        << probe.attempt;
  }
}

TEST_F(NamespacesTest, NothingOfTheMachineCanBeNamed) {
  const std::string secret = (root_ / "secret").string();
  for (const std::string& path :
       {std::string("/etc/passwd"), std::string("/proc/self"), std::string("/sys"),
        std::string("/usr/bin"), std::string("/dev/zero"), secret}) {
    const auto find = [&] {
      struct stat status{};
      return errno_of(::stat(path.c_str(), &status));
    };
    EXPECT_EQ(answer(find), ENOENT) << path;
    EXPECT_EQ(answer(find, layer_bit(Layer::kMountNamespace)), 0) << path;
  }
}

TEST_F(NamespacesTest, WhatIsLentIsReadAtItsOwnPathAndNeverWritten) {
  const std::string file = (root_ / "data" / "file").string();
  EXPECT_EQ(answer([&] { return errno_of(::open(file.c_str(), O_RDONLY | O_CLOEXEC)); }), 0);
  // Landlock would answer first.
  const LayerBits open = layer_bit(Layer::kLandlock);
  const auto write = [&] { return errno_of(::open(file.c_str(), O_WRONLY | O_CLOEXEC)); };
  EXPECT_EQ(answer(write, 0, open), EROFS);
  EXPECT_EQ(answer(write, layer_bit(Layer::kMountNamespace), open), 0);
  EXPECT_EQ(answer([&] { return errno_of(::mkdir("/new", 0700)); }, 0, open), EROFS);
  EXPECT_EQ(answer([&] { return errno_of(::rename(file.c_str(), (file + "x").c_str())); }, 0, open),
            EROFS);
}

TEST_F(NamespacesTest, TheTemporaryFolderIsPrivateBoundedAndGone) {
  const auto fill = [] {
    std::array<char, 65536> block{};
    for (int file = 0; file < 2; ++file) {
      const UniqueFd fd(::open(file == 0 ? "a" : "b", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
      for (int i = 0; i < 12; ++i) {
        if (::write(fd.get(), block.data(), block.size()) < 0) {
          return errno;
        }
      }
    }
    return 0;
  };
  EXPECT_EQ(answer(fill), ENOSPC);
  const auto many = [] {
    for (int i = 0; i < 32; ++i) {
      const UniqueFd fd(::open(std::to_string(i).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
      if (!fd) {
        return errno;
      }
    }
    return 0;
  };
  EXPECT_EQ(answer(many), ENOSPC);
  EXPECT_EQ(answer([] { return errno_of(::open("a", O_RDONLY | O_CLOEXEC)); }), ENOENT);
  EXPECT_TRUE(fs::is_empty(root_ / "workbench")) << "what was mounted there stayed in the child";
}

TEST_F(NamespacesTest, TheChildIsTheFirstProcessAndKnowsItsThread) {
  EXPECT_EQ(answer([] { return ::getpid() == 1 && ::getppid() == 0 ? 0 : 1; }), 0);
  // A recursive mutex compares thread ids: it hangs or refuses where libc has the parent's.
  EXPECT_EQ(answer([] {
              pthread_mutexattr_t attributes;
              ::pthread_mutexattr_init(&attributes);
              ::pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
              pthread_mutex_t mutex;
              ::pthread_mutex_init(&mutex, &attributes);
              ::pthread_mutex_lock(&mutex);
              const auto owner = static_cast<pid_t>(mutex.__data.__owner);
              return owner == static_cast<pid_t>(::syscall(SYS_gettid)) ? 0 : 1;
            }),
            0);
}

TEST_F(NamespacesTest, ALayerThatCannotBeHadIsNamed) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    // No more namespaces than there are.
    const NamespaceFailure first = enter_namespaces(layer_bit(Layer::kMountNamespace));
    std::ofstream("/proc/sys/user/max_mnt_namespaces") << "0";
    const NamespaceFailure second =
        enter_namespaces(kAllLayers & ~layer_bit(Layer::kMountNamespace));
    const bool named = first.error.empty() && second.layer == Layer::kMountNamespace &&
                       second.error == "No space left on device";
    ::_exit(named ? 0 : 1);
  }
  EXPECT_EQ(exit_status(pid), 0);
  EXPECT_EQ(enter_private_tree({.workbench = "/no/such/folder"}).layer, Layer::kMountNamespace);
}

}  // namespace
}  // namespace mcpgate::sandboxd
