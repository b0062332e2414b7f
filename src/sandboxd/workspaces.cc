#include "sandboxd/workspaces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/units.h"

namespace mcpgate::sandboxd {
namespace {

constexpr const char* kKeyName = ".key";
constexpr std::size_t kKeyBytes = 32;
/// HMAC-SHA256 in hex.
constexpr std::size_t kNameLength = 64;
/// What is being removed has lost its name already, so that its user gets a new one.
constexpr std::string_view kRemovedPrefix = ".removed-";
constexpr std::size_t kRemovedBytes = 16;
/// How often it is looked for those that have expired, at most and at least.
constexpr std::chrono::milliseconds kRemovalPauseMax = std::chrono::hours{1};
constexpr std::chrono::milliseconds kRemovalPauseMin = std::chrono::seconds{10};
/// A folder that is locked for its removal loses its name within microseconds.
constexpr int kTakeAttempts = 100;
constexpr std::chrono::milliseconds kTakePause{1};

constexpr int kFolder = O_RDONLY | O_DIRECTORY;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool is_workspace_name(std::string_view name) {
  return name.size() == kNameLength && is_hex(name);
}

bool is_same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::chrono::system_clock::time_point last_use(const struct stat& status) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::seconds(status.st_mtim.tv_sec) +
          std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
}

/// The set's folder: nobody else's, and closed to everyone else.
Expected<UniqueFd> open_set_folder(const std::filesystem::path& root, std::string_view tool_set) {
  TRY_VOID(make_directories(root, S_IRWXU));
  const UniqueFd parent(::open(root.c_str(), kFolder | O_CLOEXEC));
  const std::string name(tool_set);
  const std::string shown = (root / name).string();
  if (!parent || (::mkdirat(parent.get(), name.c_str(), S_IRWXU) != 0 && errno != EEXIST)) {
    return fail_errno("make the folder of workspaces " + shown);
  }
  UniqueFd folder = open_beneath(parent.get(), name, kFolder, Links::kRefused);
  struct stat status{};
  if (!folder || ::fstat(folder.get(), &status) != 0) {
    return fail_errno("open the folder of workspaces " + shown);
  }
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::kPermissionDenied,
                "the folder of workspaces {} must be this user's and closed to others (mode 0700)",
                shown);
  }
  return folder;
}

/// What names are made with: made once, whole or not at all, also where two daemons start at once.
Expected<std::string> read_or_make_key(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kKeyName;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    SystemRandom random;
    const std::filesystem::path made = path.string() + "-" + random.hex(kRemovedBytes);
    TRY_VOID(write_file_atomically(made, random.hex(kKeyBytes), S_IRUSR | S_IWUSR));
    const bool linked = ::link(made.c_str(), path.c_str()) == 0 || errno == EEXIST;
    const int code = errno;
    ::unlink(made.c_str());
    if (!linked) {
      return fail_errno("make " + path.string(), code);
    }
  }
  std::string key = TRY(read_file(path));
  if (key.size() != 2 * kKeyBytes || !is_hex(key)) {
    return fail(ErrorCode::kInvalidArgument, "{}: not a key of workspaces", path.string());
  }
  return key;
}

}  // namespace

// ---- One workspace

Workspace::Workspace(std::shared_ptr<const Workspaces> owner, std::string name, UniqueFd folder,
                     bool was_full)
    : owner_(std::move(owner)),
      name_(std::move(name)),
      folder_(std::move(folder)),
      was_full_(was_full) {
  struct stat status{};
  if (::fstat(folder_.get(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
}

Workspace::~Workspace() {
  ::futimens(folder_.get(), nullptr);
}

std::filesystem::path Workspace::path() const {
  return owner_->path() / name_;
}

const sandbox::WorkspaceLimits& Workspace::limits() const {
  return owner_->limits();
}

namespace {

std::string excess_of(int folder, const sandbox::WorkspaceLimits& limits) {
  const FolderContent content =
      measure_folder(folder, limits.bytes, static_cast<unsigned>(limits.files));
  return content.bytes > limits.bytes ? fmt::format("more than {}", format_size(limits.bytes))
         : content.entries > limits.files
             ? fmt::format("more than {} files and folders", limits.files)
             : "";
}

/// On a worker's thread.
Task<std::string> count_excess(int folder, sandbox::WorkspaceLimits limits) {
  co_return excess_of(folder, limits);
}

}  // namespace

Task<std::string> Workspace::excess() const {
  auto [failure, text] = co_await asio::co_spawn(
      owner_->workers_, count_excess(folder_.get(), owner_->limits()), kAwait);
  co_return failure ? "more than can be counted" : std::move(text);
}

// ---- All of a set

Workspaces::Workspaces(asio::io_context& loop, std::filesystem::path path, UniqueFd folder,
                       std::string key, const sandbox::WorkspaceLimits& limits)
    : loop_(loop),
      path_(std::move(path)),
      folder_(std::move(folder)),
      key_(std::move(key)),
      limits_(limits),
      timer_(std::make_shared<asio::steady_timer>(loop)) {}

Workspaces::~Workspaces() {
  timer_->cancel();
}

Expected<std::shared_ptr<Workspaces>> Workspaces::open(asio::io_context& loop,
                                                       const std::filesystem::path& root,
                                                       std::string_view tool_set,
                                                       const sandbox::WorkspaceLimits& limits) {
  UniqueFd folder = TRY(open_set_folder(root, tool_set));
  std::filesystem::path path = root / tool_set;
  std::string key = TRY(read_or_make_key(path));
  return std::shared_ptr<Workspaces>(
      new Workspaces(loop, std::move(path), std::move(folder), std::move(key), limits));
}

/// The length stands before, so that no two pairs make one text.
std::string Workspaces::name_of(std::string_view issuer, std::string_view subject) const {
  return hex_encode(hmac_sha256(key_, fmt::format("{}:{}{}", issuer.size(), issuer, subject)));
}

/// Opened, locked and just used; kNotFound where there is none.
Expected<UniqueFd> Workspaces::take(const std::string& name) const {
  for (int attempt = 0; attempt < kTakeAttempts; ++attempt) {
    UniqueFd folder = open_beneath(folder_.get(), name, kFolder, Links::kRefused);
    struct stat opened{};
    if (!folder || ::fstat(folder.get(), &opened) != 0) {
      return fail_errno("open a workspace");
    }
    struct stat named{};
    if (::flock(folder.get(), LOCK_SH | LOCK_NB) == 0 &&
        ::fstatat(folder_.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        is_same_file(opened, named)) {
      ::futimens(folder.get(), nullptr);
      return folder;
    }
    std::this_thread::sleep_for(kTakePause);  // it is being removed
  }
  return fail(ErrorCode::kUnavailable, "a workspace is being removed");
}

Expected<void> Workspaces::make(const std::string& name) const {
  const std::lock_guard guard(making_);
  const auto names = names_in_folder(folder_.get());
  const auto taken = std::ranges::count_if(names, is_workspace_name);
  if (static_cast<std::size_t>(taken) >= limits_.users) {
    return fail(ErrorCode::kResourceExhausted,
                "all {} workspaces of the tool set are taken; one becomes free when it expires",
                limits_.users);
  }
  if (::mkdirat(folder_.get(), name.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return fail_errno("make a workspace");
  }
  return {};
}

Expected<std::shared_ptr<Workspace>> Workspaces::enter_now(std::string_view issuer,
                                                           std::string_view subject) const {
  const std::string name = name_of(issuer, subject);
  auto folder = take(name);
  if (!folder && folder.error().code == ErrorCode::kNotFound) {
    TRY_VOID(make(name));
    folder = take(name);
  }
  if (!folder) {
    return std::unexpected(std::move(folder.error()));
  }
  const bool full = !excess_of(folder->get(), limits_).empty();
  return std::make_shared<Workspace>(shared_from_this(), name, *std::move(folder), full);
}

Task<Expected<std::shared_ptr<Workspace>>> Workspaces::enter_on_worker(const Workspaces& self,
                                                                       std::string issuer,
                                                                       std::string subject) {
  co_return self.enter_now(issuer, subject);
}

Task<Expected<std::shared_ptr<Workspace>>> Workspaces::enter(std::string issuer,
                                                             std::string subject) const {
  auto [failure, entered] = co_await asio::co_spawn(
      workers_, enter_on_worker(*this, std::move(issuer), std::move(subject)), kAwait);
  if (failure) {
    co_return fail(ErrorCode::kInternal, "enter a workspace");
  }
  co_return std::move(entered);
}

// ---- Expiry

bool Workspaces::remove_if_expired(const std::string& name,
                                   std::chrono::system_clock::time_point before) const {
  const bool lost_its_name = name.starts_with(kRemovedPrefix);
  if (!lost_its_name && !is_workspace_name(name)) {
    return false;
  }
  const UniqueFd folder = open_beneath(folder_.get(), name, kFolder, Links::kRefused);
  // Locked first: whoever used it has noted the time by then.
  struct stat status{};
  if (!folder || ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0 ||
      ::fstat(folder.get(), &status) != 0 || (!lost_its_name && last_use(status) >= before)) {
    return false;
  }
  SystemRandom random;
  const std::string doomed =
      lost_its_name ? name : std::string(kRemovedPrefix) + random.hex(kRemovedBytes);
  if (!lost_its_name &&
      ::renameat(folder_.get(), name.c_str(), folder_.get(), doomed.c_str()) != 0) {
    return false;
  }
  empty_folder(folder.get());
  return ::unlinkat(folder_.get(), doomed.c_str(), AT_REMOVEDIR) == 0;
}

std::size_t Workspaces::remove_expired(std::chrono::system_clock::time_point now) const {
  std::size_t removed = 0;
  for (const std::string& name : names_in_folder(folder_.get())) {
    removed += remove_if_expired(name, now - limits_.expires) ? 1 : 0;
  }
  return removed;
}

Task<> Workspaces::remove_on_worker(const Workspaces& self) {
  if (const std::size_t removed = self.remove_expired(std::chrono::system_clock::now())) {
    log_info("{} expired workspaces removed", removed);
  }
  co_return;
}

Task<> Workspaces::remove_from_time_to_time(std::weak_ptr<Workspaces> weak,
                                            std::shared_ptr<asio::steady_timer> timer) {
  for (;;) {
    {
      const auto self = weak.lock();
      if (!self) {
        co_return;
      }
      (void)co_await asio::co_spawn(self->workers_, remove_on_worker(*self), kAwait);
      timer->expires_after(
          std::clamp(self->limits_.expires / 4, kRemovalPauseMin, kRemovalPauseMax));
    }
    (void)co_await timer->async_wait(kAwait);
  }
}

void Workspaces::keep_removing_expired() {
  asio::co_spawn(loop_, remove_from_time_to_time(weak_from_this(), timer_), asio::detached);
}

}  // namespace mcpgate::sandboxd
