#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml.h"
#include "http/endpoint.h"
#include "policy/rates.h"

namespace mcpgate::cli {

/// What `rateStore:` says: the Redis or Valkey server of which replicas lease parts of shared
/// rates.
struct RateStoreConfig {
  /// kUnix with an absolute path, kHttp: plain TCP, kHttps: under TLS.
  http::Endpoint server;
  /// PEM, trusted instead of the system's store.
  std::optional<std::filesystem::path> ca = std::nullopt;
  /// Empty: the default user.
  std::string username = {};
  /// Empty: the server wants no password.
  std::filesystem::path password_file = {};
  std::uint32_t database = 0;
  std::string prefix = {};
  policy::StoreFailure on_failure = policy::StoreFailure::kRefuse;

  friend bool operator==(const RateStoreConfig&, const RateStoreConfig&) = default;
};

/// Reads `rateStore:` of a whole configuration, whose rates and state folder are given. Problems go
/// to the document, weaknesses and slips to `warnings`, each with its place.
[[nodiscard]] std::optional<RateStoreConfig> read_rate_store(YamlMap& root,
                                                             const std::vector<policy::Rate>& rates,
                                                             const std::filesystem::path& state,
                                                             std::vector<std::string>& warnings);

}  // namespace mcpgate::cli
