#include "auth/directory_key_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <system_error>
#include <vector>

#include "auth/api_key.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"

namespace mcpgate::auth {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".json";
constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

/// A name for logs: what could forge a line becomes `?`.
std::string printable(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    c = has_control_character({&c, 1}) || static_cast<unsigned char>(c) >= 0x80 ? '?' : c;
  }
  return text;
}

/// What changes whenever the file does; a rename gives another inode.
std::string stamp_of(const struct stat& info) {
  return fmt::format("{}.{}.{}.{}.{}.{}.{}", info.st_dev, info.st_ino, info.st_size,
                     info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec,
                     info.st_ctim.tv_nsec);
}

/// Reads a record and checks it belongs into a file of this name. Does not wait, whatever the file
/// is (a FIFO would), and takes only what nobody but its owner and group can have written.
Expected<KeyRecord> read_record(const fs::path& path, std::string_view id) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    const bool is_missing = errno == ENOENT;
    return is_missing ? fail(ErrorCode::kNotFound, "no key {}", id) : fail_errno("open");
  }
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) {
    return fail_errno("fstat");
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(ErrorCode::kInvalidArgument, "not a file");
  }
  if ((info.st_mode & S_IWOTH) != 0) {
    return fail(ErrorCode::kInvalidArgument, "everybody may write to it; chmod 600");
  }
  std::string bytes(kKeyRecordBytesMax + 1, '\0');
  std::size_t length = 0;
  while (length < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + length, bytes.size() - length);
    if (got < 0 && errno != EINTR) {
      return fail_errno("read");
    }
    if (got == 0) {
      break;
    }
    length += got < 0 ? 0 : static_cast<std::size_t>(got);
  }
  KeyRecord key = TRY(parse_key_record(std::string_view(bytes).substr(0, length)));
  if (key.id != id) {
    return fail(ErrorCode::kInvalidArgument, "id: not the one of its file name");
  }
  return key;
}

/// The names of all `*.json` in a directory, which nobody but its owner and group may write to: who
/// puts a file there makes a key.
Expected<std::set<std::string, std::less<>>> list_files(const fs::path& directory) {
  struct stat info{};
  if (::stat(directory.c_str(), &info) == 0 && (info.st_mode & S_IWOTH) != 0) {
    return fail(ErrorCode::kFailedPrecondition, "{}: everybody may make keys there; chmod 700",
                directory.string());
  }
  std::set<std::string, std::less<>> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with('.') && name.ends_with(kSuffix)) {
      names.insert(std::move(name));
    }
    if (names.size() > kKeysMax) {
      return fail(ErrorCode::kResourceExhausted, "{}: more than {} keys", directory.string(),
                  kKeysMax);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_errno("list " + directory.string(), error.value());
  }
  return names;
}

}  // namespace

DirectoryKeyStore::DirectoryKeyStore(fs::path directory) : directory_(std::move(directory)) {}

fs::path DirectoryKeyStore::file_of(std::string_view id) const {
  return directory_ / fmt::format("{}{}", id, kSuffix);
}

Expected<UniqueFd> DirectoryKeyStore::lock() const {
  TRY_VOID(make_directories(directory_, kDirectoryMode));
  const fs::path path = directory_ / ".lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!fd) {
    return fail_errno("open " + path.string());
  }
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) {
      return fail_errno("lock " + path.string());
    }
  }
  return fd;
}

Expected<void> DirectoryKeyStore::create(const KeyRecord& key) {
  TRY_VOID(check_key_record(key));
  const UniqueFd held = TRY(lock());
  std::error_code error;
  if (fs::exists(fs::symlink_status(file_of(key.id), error))) {
    return fail(ErrorCode::kAlreadyExists, "key {} exists", key.id);
  }
  return write_file_atomically(file_of(key.id), to_json(key), kFileMode);
}

Expected<KeyRecord> DirectoryKeyStore::find(std::string_view id) {
  if (!is_key_id(id)) {
    return fail(ErrorCode::kNotFound, "that is not the id of a key: {} characters of a-z2-7",
                kKeyIdLength);
  }
  Expected<KeyRecord> key = read_record(file_of(id), id);
  if (!key && key.error().code != ErrorCode::kNotFound) {
    return fail(key.error().code, "{}: {}", file_of(id).string(), key.error().message);
  }
  return key;
}

Expected<KeyRecord> DirectoryKeyStore::update(
    std::string_view id, const std::function<Expected<void>(KeyRecord&)>& change) {
  const UniqueFd held = TRY(lock());
  KeyRecord key = TRY(find(id));
  TRY_VOID(change(key));
  TRY_VOID(check_key_record(key));
  TRY_VOID(write_file_atomically(file_of(id), to_json(key), kFileMode));
  return key;
}

Expected<std::shared_ptr<const KeyTable>> DirectoryKeyStore::read_all() {
  const auto names = TRY(list_files(directory_));
  std::map<std::string, Cached, std::less<>> fresh;
  std::vector<KeyRecord> keys;
  std::size_t unreadable = 0;
  for (const std::string& name : names) {
    struct stat info{};
    if (::stat((directory_ / name).c_str(), &info) != 0 && errno == ENOENT) {
      continue;  // removed meanwhile
    }
    const std::string stamp = stamp_of(info);
    auto cached = cache_.find(name);
    if (cached == cache_.end() || cached->second.stamp != stamp) {
      const std::string id = name.substr(0, name.size() - kSuffix.size());
      Expected<KeyRecord> key =
          is_key_id(id) ? read_record(directory_ / name, id)
                        : fail(ErrorCode::kInvalidArgument, "the file name is not the id of a key");
      if (!key) {
        log_warn("key file {} is skipped: {}", printable((directory_ / name).string()),
                 key.error().message);
      }
      cached =
          cache_
              .insert_or_assign(
                  name, Cached{.stamp = stamp, .record = key ? std::optional(*key) : std::nullopt})
              .first;
    }
    if (const std::optional<KeyRecord>& record = cached->second.record) {
      keys.push_back(*record);
    } else {
      ++unreadable;
    }
    fresh.insert(cache_.extract(cached));
  }
  cache_ = std::move(fresh);
  return std::make_shared<const KeyTable>(std::move(keys), unreadable);
}

Expected<std::unique_ptr<KeyDirectoryWatch>> KeyDirectoryWatch::start(
    const asio::any_io_executor& executor, const fs::path& directory, OnTable on_table) {
  std::unique_ptr<KeyDirectoryWatch> keys(new KeyDirectoryWatch(directory, std::move(on_table)));
  // Watched before it is read: a change in between is then seen as one more event.
  keys->watch_ =
      TRY(FileWatch::start(executor, {directory}, [watch = keys.get()] { watch->reload(); }));
  keys->on_table_(TRY(keys->store_.read_all()));
  return keys;
}

void KeyDirectoryWatch::reload() {
  Expected<std::shared_ptr<const KeyTable>> table = store_.read_all();
  if (!table) {
    log_error("the keys in force stay: {}", table.error().message);
    return;
  }
  on_table_(*std::move(table));
}

}  // namespace mcpgate::auth
