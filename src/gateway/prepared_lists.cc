#include "gateway/prepared_lists.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace mcpgate::gateway {

namespace {

bool is_same(std::string_view a, std::string_view b) {
  return a.data() == b.data() && a.size() == b.size();
}

}  // namespace

bool PreparedLists::Key::operator==(const Key& other) const {
  return kind == other.kind && era == other.era &&
         std::ranges::equal(definitions, other.definitions, is_same);
}

std::size_t PreparedLists::Hash::operator()(const Key& key) const {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  std::uint64_t sum = static_cast<std::uint64_t>(key.kind) * 2 + (key.era == mcp::Era::kModern);
  for (const std::string_view definition : key.definitions) {
    sum = (std::rotl(sum, 7) ^ reinterpret_cast<std::uintptr_t>(definition.data())) * kOdd;
  }
  return sum;
}

void PreparedLists::use(std::shared_ptr<const Catalogue> catalogue, std::size_t bytes_max) {
  if (catalogue != catalogue_ || bytes_max != bytes_max_) {
    clear();
  }
  catalogue_ = std::move(catalogue);
  bytes_max_ = bytes_max;
}

const std::string& PreparedLists::get(const Catalogue& catalogue, Key key,
                                      const std::function<std::string(const Key&)>& write) {
  if (&catalogue != catalogue_.get()) {
    return passing_ = write(key);  // Of a request that began in the world before this one.
  }
  if (const auto found = kept_.find(key); found != kept_.end()) {
    return found->second;
  }
  std::string result = write(key);
  const std::size_t size =
      result.size() + key.definitions.size() * sizeof(std::string_view) + sizeof(Key);
  if (size > bytes_max_) {
    return passing_ = std::move(result);
  }
  if (bytes_ + size > bytes_max_) {
    clear();
  }
  bytes_ += size;
  return kept_.emplace(std::move(key), std::move(result)).first->second;
}

void PreparedLists::clear() {
  kept_.clear();
  bytes_ = 0;
}

}  // namespace mcpgate::gateway
