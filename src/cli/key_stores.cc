#include "cli/key_stores.h"

#include <utility>

#include "auth/directory_key_store.h"
#include "auth/key_secrets_watch.h"
#include "auth/kubernetes_key_store.h"

namespace mcpgate::cli {

std::unique_ptr<auth::KeyStore> open_key_store(const ApiKeysConfig& config) {
  if (config.kubernetes) {
    return std::make_unique<auth::KubernetesKeyStore>(config.kubernetes->access);
  }
  return std::make_unique<auth::DirectoryKeyStore>(config.directory);
}

Expected<std::unique_ptr<auth::KeyWatch>> watch_keys(asio::io_context& loop,
                                                     const ApiKeysConfig& config,
                                                     auth::KeyWatch::OnTable on_table) {
  if (config.kubernetes) {
    return std::make_unique<auth::KeySecretsWatch>(
        loop, config.kubernetes->access, std::move(on_table),
        auth::KeySecretsWatchOptions{.stale_max = config.kubernetes->stale_max});
  }
  return auth::KeyDirectoryWatch::start(loop.get_executor(), config.directory, std::move(on_table));
}

}  // namespace mcpgate::cli
