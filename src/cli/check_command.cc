#include "cli/check_command.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <ostream>
#include <system_error>

#include "cli/config_flag.h"
#include "gateway/pins.h"

namespace mcpgate::cli {
namespace {

/// What a start would miss; each is no fault of the file, since it may be checked elsewhere.
std::vector<std::string> missing_paths(const Config& config) {
  std::vector<std::string> warnings;
  const auto want = [&warnings](std::string_view key, const std::filesystem::path& path,
                                std::string_view consequence) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
      warnings.push_back(fmt::format("{}: {} does not exist: {}", key, path.string(), consequence));
    }
  };
  want("state", config.state, "the first start makes it");
  if (config.tls) {
    want("tls.certificate", config.tls->certificate, "serve would refuse to start");
    want("tls.key", config.tls->key, "serve would refuse to start");
    if (config.tls->client_ca) {
      want("tls.clientCa", *config.tls->client_ca, "serve would refuse to start");
    }
  }
  if (config.rate_store && !config.rate_store->password_file.empty()) {
    want("rateStore.redis.passwordFile", config.rate_store->password_file,
         "serve would refuse to start");
  }
  if (config.rate_store && config.rate_store->ca) {
    want("rateStore.redis.tls.ca", *config.rate_store->ca, "serve would refuse to start");
  }
  for (const ToolSetConfig& set : config.tool_sets) {
    for (const std::filesystem::path& key : set.signing_keys) {
      want(fmt::format("toolSets.{}.signingKey", set.name), key,
           "`up` makes it, serve would refuse to start");
    }
    if (const auto& pins = set.pins) {
      want(fmt::format("toolSets.{}.pins", set.name), *pins,
           "nothing of the set is approved; `mcpgate tools pin` writes it");
    }
    if (const auto& upstream = set.upstream; upstream && !upstream->credential_file.empty()) {
      want(fmt::format("toolSets.{}.upstream.credential", set.name), upstream->credential_file,
           "serve would refuse to start");
    }
  }
  return warnings;
}

int check(const Arguments& arguments, const World& world) {
  const auto config = config_for(arguments, world);
  if (!config) {
    return kWrongUsage;
  }
  for (const ToolSetConfig& set : config->tool_sets) {
    const auto pins = set.pins ? gateway::load_pins(*set.pins, set.name) : gateway::Pins();
    if (!pins) {
      world.err << pins.error().message << '\n';
      return kWrongUsage;
    }
  }
  std::vector<std::string> warnings = config->warnings;
  if (!config->file.empty()) {
    std::ranges::move(missing_paths(*config), std::back_inserter(warnings));
  }
  for (const std::string& warning : warnings) {
    world.err << "warning: " << warning << '\n';
  }
  world.out << "ok\n";
  return kDone;
}

}  // namespace

Command check_command() {
  return {.name = "check",
          .help = "Check a configuration: every problem with line and column, or ok",
          .run = &check};
}

}  // namespace mcpgate::cli
