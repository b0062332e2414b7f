#include "cli/rate_store.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "cli/secret_file.h"
#include "gateway/redis_leases.h"

namespace mcpgate::cli {

Expected<std::shared_ptr<const RateStore>> RateStore::create(
    asio::io_context& loop, const Config& config, const std::shared_ptr<const RateStore>& earlier) {
  if (!config.rate_store || std::ranges::none_of(config.rates, &policy::Rate::shared)) {
    return nullptr;
  }
  Source source{
      .config = *config.rate_store, .password = {}, .ca = {}, .patience = config.limits.rate_lease};
  const RateStoreConfig& store = source.config;
  if (!store.password_file.empty()) {
    TRY_VOID(refuse_open_to_others(store.password_file, "a password"));
    source.password = TRY(read_secret(store.password_file, "the password"));
  }
  if (store.ca) {
    source.ca = TRY(read_file(*store.ca));
  }
  if (earlier && earlier->source_ == source) {
    return earlier;
  }
  gateway::RedisLeases::Options options{.server = store.server,
                                        .username = store.username,
                                        .password = source.password,
                                        .database = store.database,
                                        .prefix = store.prefix,
                                        .patience = source.patience};
  if (store.server.scheme == http::Endpoint::Scheme::kHttps) {
    options.tls = TRY(http::TlsClient::create({.ca = store.ca}));
  }
  auto leases = std::make_shared<gateway::RedisLeases>(loop, std::move(options));
  return std::shared_ptr<const RateStore>(new RateStore(std::move(source), std::move(leases)));
}

}  // namespace mcpgate::cli
