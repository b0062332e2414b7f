// Facts behind the order: user_namespaces(7) (maps and setgroups), pivot_root(2) (`.` over `.`),
// open_tree(2), mount_setattr(2). Linux 5.12 or later.

#include "sandboxd/namespaces.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/fd.h"

// <sys/mount.h> cannot stand beside <linux/mount.h> in Debian 12's glibc.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;
extern "C" int umount2(const char*, int) noexcept;

namespace mcpgate::sandboxd {
namespace {

constexpr unsigned long kNoSuid = 2;           // MS_NOSUID
constexpr unsigned long kNoDev = 4;            // MS_NODEV
constexpr unsigned long kNoExec = 8;           // MS_NOEXEC
constexpr unsigned long kRecursive = 16384;    // MS_REC
constexpr unsigned long kPrivate = 1UL << 18;  // MS_PRIVATE
constexpr int kDetach = 2;                     // MNT_DETACH

bool write_file(const char* path, const std::string& text) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// Its own uid and gid keep their numbers, so that files stay readable to their owner; no other
/// number exists inside.
bool enter_user_namespace() {
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  return ::unshare(CLONE_NEWUSER) == 0 && write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/uid_map", uid + ' ' + uid + " 1") &&
         write_file("/proc/self/gid_map", gid + ' ' + gid + " 1");
}

/// Not even a loopback device that is up.
bool enter_net_namespace() {
  return ::unshare(CLONE_NEWNET) == 0;
}

bool enter_ipc_namespace() {
  return ::unshare(CLONE_NEWIPC) == 0;
}

bool enter_uts_namespace() {
  return ::unshare(CLONE_NEWUTS) == 0 && ::sethostname(kHostName, std::strlen(kHostName)) == 0 &&
         ::setdomainname("", 0) == 0;
}

/// What is mounted from now on is nobody else's.
bool enter_mount_namespace() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, kRecursive | kPrivate, nullptr) == 0;
}

struct Step {
  Layer layer;
  bool (*enter)();
};

constexpr auto kSteps = std::to_array<Step>({
    {Layer::kUserNamespace, enter_user_namespace},
    {Layer::kNetNamespace, enter_net_namespace},
    {Layer::kIpcNamespace, enter_ipc_namespace},
    {Layer::kUtsNamespace, enter_uts_namespace},
    {Layer::kMountNamespace, enter_mount_namespace},
});

// ---- The private tree

bool make_folders(const std::string& path) {
  for (std::size_t slash = 1; slash != std::string::npos;) {
    slash = path.find('/', slash + 1);
    if (::mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) {
      return false;
    }
  }
  return true;
}

bool make_file(const std::string& path) {
  return make_folders(path.substr(0, path.rfind('/'))) &&
         UniqueFd(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0444));
}

/// Something of the machine's tree, with what is mounted below it, that is not mounted yet.
struct Piece {
  std::string path;
  UniqueFd mounts;
  bool is_folder = false;
};

constexpr std::uint64_t kReadOnly = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr std::uint64_t kData = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t kDevice = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;

/// False where it cannot be had; without it where it does not exist or may not be reached.
bool take_piece(const std::string& path, std::uint64_t attributes, std::vector<Piece>& pieces) {
  UniqueFd mounts(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(),
                                             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!mounts) {
    return errno == ENOENT || errno == EACCES;
  }
  mount_attr wanted{};
  wanted.attr_set = attributes;
  struct stat status{};
  if (::syscall(SYS_mount_setattr, mounts.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted,
                sizeof wanted) != 0 ||
      ::fstat(mounts.get(), &status) != 0) {
    return false;
  }
  pieces.push_back(
      {.path = path, .mounts = std::move(mounts), .is_folder = S_ISDIR(status.st_mode)});
  return true;
}

/// It appears in the tree at `root`, at its own path.
bool place(const Piece& piece, const std::string& root) {
  const std::string target = root + piece.path;
  return (piece.is_folder ? make_folders(target) : make_file(target)) &&
         ::syscall(SYS_move_mount, piece.mounts.get(), "", AT_FDCWD, target.c_str(),
                   MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

/// Without those that come with another, and folders before what lies in them.
std::vector<std::string> outermost(std::span<const std::string> paths) {
  std::vector<std::string> sorted(paths.begin(), paths.end());
  std::ranges::sort(sorted);
  std::vector<std::string> result;
  for (std::string& path : sorted) {
    const bool covered = std::ranges::any_of(
        result, [&](const std::string& folder) { return is_below(path, folder); });
    if (!path.empty() && path.front() == '/' && !covered) {
      result.push_back(std::move(path));
    }
  }
  return result;
}

/// Behind a folder that capabilities alone open, which children give up.
bool place_workspaces(Piece piece, const std::string& root) {
  const std::string hidden =
      root + std::filesystem::path(kHiddenWorkspacesPath).parent_path().string();
  piece.path = kHiddenWorkspacesPath;
  return place(piece, root) && make_folders(root + kPrivateWorkspacePath) &&
         ::chmod(hidden.c_str(), 0) == 0;
}

bool build_tree(const PrivateTree& tree) {
  const std::string& root = tree.workbench;
  // All are taken before anything is mounted, so that none has the new tree in it.
  std::vector<Piece> pieces;
  if (!take_piece("/dev/null", kDevice, pieces)) {
    return false;
  }
  for (const std::string& path : outermost(tree.read_only)) {
    if (!take_piece(path, kReadOnly, pieces)) {
      return false;
    }
  }
  std::vector<Piece> workspaces;
  if (!tree.workspaces.empty() &&
      (!take_piece(tree.workspaces, kData, workspaces) || workspaces.empty())) {
    return false;
  }
  return ::mount("tmpfs", root.c_str(), "tmpfs", kNoSuid | kNoDev | kNoExec,
                 "mode=0755,size=1m,nr_inodes=1k") == 0 &&
         make_folders(root + kPrivateTmpPath) &&
         std::ranges::all_of(pieces, [&](const Piece& piece) { return place(piece, root); }) &&
         (workspaces.empty() || place_workspaces(std::move(workspaces.front()), root));
}

/// The mount at `/` alone.
bool make_root_read_only() {
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_RDONLY;
  return ::syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &wanted, sizeof wanted) == 0;
}

}  // namespace

NamespaceFailure enter_namespaces(LayerBits without) {
  for (const Step& step : kSteps) {
    if (!has(without, step.layer) && !step.enter()) {
      return {.layer = step.layer, .error = std::strerror(errno)};
    }
  }
  return {};
}

NamespaceFailure enter_private_tree(const PrivateTree& tree) {
  // pivot_root of `.` to `.` puts the old root on top of the new one, whence it is taken away.
  const bool entered = build_tree(tree) && ::chdir(tree.workbench.c_str()) == 0 &&
                       ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", kDetach) == 0 &&
                       ::chdir("/") == 0 && make_root_read_only();
  return {.layer = Layer::kMountNamespace, .error = entered ? "" : std::strerror(errno)};
}

pid_t fork_apart(LayerBits without) {
  const unsigned long apart = (has(without, Layer::kPidNamespace) ? 0 : CLONE_NEWPID) |
                              (has(without, Layer::kPrivateTmp) ? 0 : CLONE_NEWNS);
  if (apart == 0) {
    return ::fork();
  }
  // libc keeps the thread's id in memory, where its own fork() has the kernel write the new one.
  int* thread_id = nullptr;
  if (::prctl(PR_GET_TID_ADDRESS, &thread_id, 0, 0, 0) != 0 || thread_id == nullptr) {
    errno = ENOSYS;
    return -1;
  }
  const unsigned long flags = apart | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
#if defined(__x86_64__)
  return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, thread_id, nullptr));
#else
  return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, thread_id));
#endif
}

}  // namespace mcpgate::sandboxd
