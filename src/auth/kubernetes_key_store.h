#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "auth/key_secret.h"
#include "auth/key_store.h"
#include "auth/secrets_api.h"

namespace mcpgate::auth {

/// Keys in Kubernetes Secrets, one a key: docs/reference/api-keys.md has their form and the Role
/// that this needs. Every call is its own requests, and blocks until they are answered.
///
/// Several writers may write at once: each change says which version it is of, and is made again
/// where another came first.
class KubernetesKeyStore final : public KeyStore {
 public:
  explicit KubernetesKeyStore(KubernetesAccess access) : access_(std::move(access)) {}

  [[nodiscard]] Expected<void> create(const KeyRecord& key) override;
  /// kFailedPrecondition where several Secrets have the id.
  [[nodiscard]] Expected<KeyRecord> find(std::string_view id) override;
  [[nodiscard]] Expected<KeyRecord> update(
      std::string_view id, const std::function<Expected<void>(KeyRecord&)>& change) override;
  [[nodiscard]] Expected<std::shared_ptr<const KeyTable>> read_all() override;

 private:
  [[nodiscard]] Expected<KeySecret> find_secret(SecretsApi& api, std::string_view id);

  KubernetesAccess access_;
  asio::io_context loop_;
};

}  // namespace mcpgate::auth
