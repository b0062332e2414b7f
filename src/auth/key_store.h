#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key_record.h"
#include "auth/key_table.h"
#include "base/error.h"

namespace mcpgate::auth {

/// The most keys that a store may hold: 100,000, about 100 MB of memory.
inline constexpr std::size_t kKeysMax = 100'000;

/// Where keys are kept, as the command line sees it: every call goes to the store itself. The
/// shared test suite of all stores is key_store_test.cc.
class KeyStore {
 public:
  KeyStore() = default;
  KeyStore(const KeyStore&) = delete;
  KeyStore& operator=(const KeyStore&) = delete;
  virtual ~KeyStore() = default;

  /// kAlreadyExists when the id is taken.
  [[nodiscard]] virtual Expected<void> create(const KeyRecord& key) = 0;
  /// kNotFound when there is no such key, kInvalidArgument when its record is unreadable.
  [[nodiscard]] virtual Expected<KeyRecord> find(std::string_view id) = 0;
  /// Reads the key, lets `change` edit it and writes it back, nobody else's change in between.
  /// Whatever error `change` returns is returned and nothing is written.
  [[nodiscard]] virtual Expected<KeyRecord> update(
      std::string_view id, const std::function<Expected<void>(KeyRecord&)>& change) = 0;
  /// All keys at this moment. Records that cannot be read are skipped, counted and logged by name.
  [[nodiscard]] virtual Expected<std::shared_ptr<const KeyTable>> read_all() = 0;
};

/// Follows a store for a gateway, which hands each new table on, until it is destroyed.
class KeyWatch {
 public:
  using OnTable = std::function<void(std::shared_ptr<const KeyTable>)>;

  KeyWatch() = default;
  KeyWatch(const KeyWatch&) = delete;
  KeyWatch& operator=(const KeyWatch&) = delete;
  virtual ~KeyWatch() = default;
};

}  // namespace mcpgate::auth
