#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/catalogue.h"
#include "mcp/message.h"

namespace mcpgate::gateway {

/// Whole lists as they go to clients, kept for the next one who sees the same. Who sees what is
/// decided for each request: what is kept is found by the items that it shows, in their order, so
/// that it can show nobody anything else. Of one loop and one catalogue.
class PreparedLists {
 public:
  struct Key {
    mcp::List::Kind kind;
    mcp::Era era;
    /// Of items of the catalogue: its very bytes, not others that say the same.
    std::vector<std::string_view> definitions;

    bool operator==(const Key& other) const;
  };

  /// Forgets what another catalogue offered, or other settings gave room for.
  void use(std::shared_ptr<const Catalogue> catalogue, std::size_t bytes_max);

  /// The result for `key`, from what is kept or by `write`. Only what is of the catalogue in use is
  /// kept, and only as long as there is room; when there is none all else is forgotten. Valid until
  /// the next call.
  [[nodiscard]] const std::string& get(const Catalogue& catalogue, Key key,
                                       const std::function<std::string(const Key&)>& write);

  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };

  void clear();

  /// Held, so that no other definition comes to lie where one of a key lay.
  std::shared_ptr<const Catalogue> catalogue_;
  std::size_t bytes_max_ = 0;
  /// Of results and keys.
  std::size_t bytes_ = 0;
  std::unordered_map<Key, std::string, Hash> kept_;
  /// The last one that was not kept.
  std::string passing_;
};

}  // namespace mcpgate::gateway
