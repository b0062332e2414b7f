#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"
#include "cli/config.h"
#include "policy/lease_store.h"

namespace mcpgate::cli {

/// A store with what makes it this one: a configuration that says the same again needs no other.
class RateStore {
 public:
  /// What `config` needs: null where no rate is shared, `earlier` where nothing has changed, not
  /// even in its files. Uses `loop`.
  ///
  /// Errors name the file and what is wrong with it.
  [[nodiscard]] static Expected<std::shared_ptr<const RateStore>> create(
      asio::io_context& loop, const Config& config,
      const std::shared_ptr<const RateStore>& earlier);

  [[nodiscard]] const std::shared_ptr<policy::LeaseStore>& leases() const { return leases_; }
  [[nodiscard]] policy::StoreFailure on_failure() const { return source_.config.on_failure; }

 private:
  /// All that it depends on.
  struct Source {
    RateStoreConfig config;
    std::string password;
    std::string ca;
    std::chrono::milliseconds patience{0};

    friend bool operator==(const Source&, const Source&) = default;
  };

  RateStore(Source source, std::shared_ptr<policy::LeaseStore> leases)
      : source_(std::move(source)), leases_(std::move(leases)) {}

  Source source_;
  std::shared_ptr<policy::LeaseStore> leases_;
};

}  // namespace mcpgate::cli
