#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "auth/key_store.h"
#include "cli/config.h"

namespace mcpgate::cli {

/// The store that a configuration names, for commands.
[[nodiscard]] std::unique_ptr<auth::KeyStore> open_key_store(const ApiKeysConfig& config);

/// The same, followed by a gateway; calls `on_table` from within.
[[nodiscard]] Expected<std::unique_ptr<auth::KeyWatch>> watch_keys(
    asio::io_context& loop, const ApiKeysConfig& config, auth::KeyWatch::OnTable on_table);

}  // namespace mcpgate::cli
