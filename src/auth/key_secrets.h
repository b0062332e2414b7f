#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "auth/key_secret.h"
#include "auth/key_table.h"
#include "base/error.h"
#include "json/parse.h"

namespace mcpgate::auth {

/// The largest page of a list, and the most Secrets in one: Kubernetes holds at most 1.5 MiB an
/// object, so that a page of the largest ones still fits.
inline constexpr std::size_t kSecretsPageBytesMax = std::size_t{192} << 20;
inline constexpr std::size_t kSecretsPageLimit = 100;
/// One event of a watch: one object.
inline constexpr std::size_t kWatchEventBytesMax = std::size_t{2} << 20;

/// The Secrets of a namespace that hold keys, as a list showed them and as the events of a watch
/// changed them since (Kubernetes API concepts, "Efficient detection of changes"). No I/O.
///
/// One bad Secret never hides another key: it is skipped, counted, and logged by its name once for
/// each change. Two Secrets with one id are both skipped: one of them may be revoked.
class KeySecrets {
 public:
  KeySecrets();

  /// Takes a page of a list; gives the token of the next page, empty after the last one.
  [[nodiscard]] Expected<std::string> add_page(std::string_view json);

  /// Forgets the half of an event that a watch ended in.
  void begin_watch() { pending_.clear(); }
  /// Takes the next bytes of a watch, events one a line, and says whether a key changed.
  ///
  /// Errors: kOutOfRange (410: the version is too old, list again), kUnavailable (another failure
  /// of the API's), kInvalidArgument and kResourceExhausted (no events of such a watch). After an
  /// error only a new list helps.
  [[nodiscard]] Expected<bool> feed(std::string_view bytes);

  /// Where to watch from.
  [[nodiscard]] const std::string& resource_version() const { return resource_version_; }
  [[nodiscard]] std::shared_ptr<const KeyTable> table();

 private:
  [[nodiscard]] Expected<bool> apply(std::string_view event);
  [[nodiscard]] Expected<void> put(KeySecret secret);

  json::Parser parser_;
  std::string resource_version_;
  std::string pending_;
  /// By name; nothing for an unreadable one.
  std::map<std::string, std::optional<KeyRecord>, std::less<>> secrets_;
  /// Ids that several Secrets claim, as last logged.
  std::set<std::string, std::less<>> ambiguous_;
};

}  // namespace mcpgate::auth
