#include "cli/rate_store_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/address.h"
#include "base/encoding.h"

namespace mcpgate::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDatabaseMax = 65'535;
constexpr std::size_t kPrefixBytesMax = 64;
constexpr std::array<std::string_view, 2> kFailures{"refuse", "local"};
constexpr std::string_view kUnixPrefix = "unix:";

/// What stands out in no log and no listing of keys.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

class StoreReader {
 public:
  StoreReader(const fs::path& state, std::vector<std::string>& warnings)
      : state_(state), warnings_(warnings) {}

  RateStoreConfig read(YamlMap map) {
    RateStoreConfig store;
    const std::string on_failure = map.one_of("onFailure", kFailures[0], kFailures);
    store.on_failure =
        on_failure == "local" ? policy::StoreFailure::kLocal : policy::StoreFailure::kRefuse;
    YamlMap redis = map.map("redis");
    if (!map.key("redis") && map.node().is_map()) {
      map.node().problem("redis is missing: the server where the replicas count together");
    } else {
      read_server(redis, store);
      read_login(redis, store);
    }
    map.reject_unknown();
    return store;
  }

 private:
  fs::path path_at(const YamlNode& node) const {
    const std::string text = node.string();
    if (text.empty() && node.is_scalar()) {
      node.problem("an empty path");
    }
    return text.empty() ? fs::path() : (state_ / text).lexically_normal();
  }

  void read_server(YamlMap& redis, RateStoreConfig& store) {
    const YamlNode node = redis.find("address");
    const bool is_plaintext_allowed = redis.boolean("allowPlaintext");
    const bool has_tls = static_cast<bool>(redis.key("tls"));
    YamlMap tls = redis.map("tls");
    if (const YamlNode ca = tls.find("ca")) {
      store.ca = path_at(ca);
    }
    tls.reject_unknown();
    if (!node && redis.node().is_map()) {
      redis.node().problem("address is missing: HOST:PORT, or unix:PATH");
    }
    if (!node.is_scalar()) {
      (void)node.string();
      return;
    }
    const std::string text = node.string();
    const bool is_unix = text.starts_with(kUnixPrefix);
    const auto server =
        is_unix ? http::Endpoint::parse(fmt::format(
                      "{}{}", kUnixPrefix,
                      (state_ / text.substr(kUnixPrefix.size())).lexically_normal().native()))
                : http::Endpoint::parse_host_port(text);
    if (!server || text == kUnixPrefix) {
      node.problem(
          is_unix ? fmt::format("expected unix:PATH of at most {} bytes", http::kUnixPathBytesMax)
                  : "expected HOST:PORT, or unix:PATH");
      return;
    }
    store.server = *server;
    if (is_unix && has_tls) {
      redis.key("tls").problem("there is none on a unix socket");
    } else if (has_tls) {
      store.server.scheme = http::Endpoint::Scheme::kHttps;
    } else if (!is_unix && !is_loopback_host(store.server.host)) {
      check_plaintext(node, is_plaintext_allowed);
    }
  }

  void check_plaintext(const YamlNode& address, bool is_allowed) {
    if (is_allowed) {
      warnings_.push_back(address.place() +
                          ": the password and the counts travel in the clear: allowPlaintext");
    } else {
      address.problem(
          "the password and the counts would travel in the clear, and who is on the way could lift "
          "every shared rate; set tls, or allowPlaintext: true");
    }
  }

  void read_login(YamlMap& redis, RateStoreConfig& store) {
    const YamlNode username = redis.find("username");
    store.username = username.string();
    if (const YamlNode file = redis.find("passwordFile")) {
      store.password_file = path_at(file);
    }
    if (username && store.password_file.empty()) {
      username.problem("passwordFile is needed too");
    }
    store.database =
        static_cast<std::uint32_t>(redis.integer("database", 0, {.min = 0, .max = kDatabaseMax}));
    const YamlNode prefix = redis.find("prefix");
    store.prefix = prefix.string("mcpgate");
    if (prefix.is_scalar() && (store.prefix.empty() || store.prefix.size() > kPrefixBytesMax ||
                               !is_plain(store.prefix))) {
      prefix.problem(fmt::format("expected 1 to {} printable characters of ASCII without spaces",
                                 kPrefixBytesMax));
    }
    if (username.is_scalar() && (store.username.empty() || !is_plain(store.username))) {
      username.problem("expected printable characters of ASCII without spaces");
    }
    redis.reject_unknown();
  }

  const fs::path& state_;
  std::vector<std::string>& warnings_;
};

}  // namespace

std::optional<RateStoreConfig> read_rate_store(YamlMap& root,
                                               const std::vector<policy::Rate>& rates,
                                               const fs::path& state,
                                               std::vector<std::string>& warnings) {
  YamlMap map = root.map("rateStore");
  const bool is_shared = std::ranges::any_of(rates, &policy::Rate::shared);
  if (const YamlNode key = root.key("rateStore"); key && !is_shared) {
    warnings.push_back(key.place() + ": no rate is shared, so nothing is counted there");
  }
  if (!root.key("rateStore")) {
    if (is_shared) {
      root.key("rates").problem("shared rates need rateStore, where the replicas count together");
    }
    return std::nullopt;
  }
  return StoreReader(state, warnings).read(std::move(map));
}

}  // namespace mcpgate::cli
