#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/any_io_executor.hpp>

#include "auth/key_store.h"
#include "base/fd.h"
#include "base/file_watch.h"

namespace mcpgate::auth {

/// Keys in a directory: one file `<id>.json` a key, mode 0600, replaced atomically. Other names
/// that end in `.json` are skipped like unreadable files; all other names are none of ours.
///
/// Several processes may write at once (the lock is flock(2) on `.lock` in the directory). One bad
/// file never hides another: it is skipped, counted, and logged by its name.
class DirectoryKeyStore final : public KeyStore {
 public:
  /// The directory is made, mode 0700, with the first create().
  explicit DirectoryKeyStore(std::filesystem::path directory);

  [[nodiscard]] Expected<void> create(const KeyRecord& key) override;
  [[nodiscard]] Expected<KeyRecord> find(std::string_view id) override;
  [[nodiscard]] Expected<KeyRecord> update(
      std::string_view id, const std::function<Expected<void>(KeyRecord&)>& change) override;
  /// A directory that does not exist holds no key. Files that did not change since the last call
  /// are not read again.
  [[nodiscard]] Expected<std::shared_ptr<const KeyTable>> read_all() override;

 private:
  /// A file as it was when last read, by what stat(2) says of it.
  struct Cached {
    std::string stamp;
    /// Nothing where the file is unreadable.
    std::optional<KeyRecord> record;
  };
  [[nodiscard]] std::filesystem::path file_of(std::string_view id) const;
  [[nodiscard]] Expected<UniqueFd> lock() const;

  std::filesystem::path directory_;
  std::map<std::string, Cached, std::less<>> cache_;
};

/// The keys of a directory, followed while they change: reads them at once, again whenever the
/// directory changes, and hands each new table on. Where a read fails (permissions, disk) the table
/// in force stays and the failure is logged.
///
/// One thread, the executor's. The callback comes on it, first from within start().
class KeyDirectoryWatch final : public KeyWatch {
 public:
  [[nodiscard]] static Expected<std::unique_ptr<KeyDirectoryWatch>> start(
      const asio::any_io_executor& executor, const std::filesystem::path& directory,
      OnTable on_table);

 private:
  KeyDirectoryWatch(const std::filesystem::path& directory, OnTable on_table)
      : store_(directory), on_table_(std::move(on_table)) {}
  void reload();

  DirectoryKeyStore store_;
  OnTable on_table_;
  std::unique_ptr<FileWatch> watch_;
};

}  // namespace mcpgate::auth
