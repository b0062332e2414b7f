#pragma once

// The gateway's configuration: what the YAML file says, checked, with all paths resolved.
// docs/reference/configuration.md describes every key; a test compares it with config_keys() and
// config_limits().

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/issuer.h"
#include "auth/key_owners.h"
#include "auth/key_secrets_watch.h"
#include "auth/logouts.h"
#include "base/error.h"
#include "base/limit_table.h"
#include "base/units.h"
#include "base/yaml.h"
#include "cli/environment.h"
#include "cli/policy_config.h"
#include "cli/rate_store_config.h"
#include "cli/rates_config.h"
#include "cli/upstream_config.h"
#include "http/client.h"
#include "http/server.h"
#include "http/tls.h"

namespace mcpgate::cli {

/// `127.0.0.1:8080` or `[::1]:8080`; `localhost` is read as 127.0.0.1.
struct ListenAddress {
  std::string host;  ///< an IP address, without brackets
  std::uint16_t port = 0;

  [[nodiscard]] bool is_loopback() const;
  /// Whether it is every address of this host: `0.0.0.0` or `[::]`.
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

/// Nothing unless it is an IP address (or `localhost`) with a port.
[[nodiscard]] std::optional<ListenAddress> parse_listen_address(std::string_view text);

/// One entry of `toolSets:`.
struct ToolSetConfig {
  std::string name;
  std::string required_role;  ///< empty: only `roles:` entries open the set
  /// What access tokens need for anything of the set, and besides for some of its tools.
  std::vector<std::string> scopes;
  std::map<std::string, std::vector<std::string>> tool_scopes;
  /// Whether the issuers of access tokens are asked about them for its calls.
  bool introspects = false;
  std::string place;  ///< `mcpgate.yaml:7:3: toolSets.database`, for messages
  /// A unix socket's path is absolute. Plain http only to loopback, or where `allowPlaintext` is
  /// set.
  http::Endpoint sandbox;
  /// Files for sandbox::SigningKeys::load(): the first signs, the others are being rotated.
  std::vector<std::filesystem::path> signing_keys;
  /// By the names of its toolset.yaml: files that say where the set's connections lead. For the
  /// daemon that `mcpgate up` starts.
  std::map<std::string, std::filesystem::path> connections;
  /// Only these of the set's own tools; nothing: all.
  std::optional<std::vector<std::string>> tools;
  std::string prefix;
  /// Whether the set's `execute_code` is served.
  bool code_mode = false;
  /// Whether its tools are searched for instead of listed.
  std::vector<std::string> searched_by;
  /// What of it is approved (gateway/pins.h); nothing: all.
  std::optional<std::filesystem::path> pins;
  /// In place of `sandbox` and its keys.
  std::optional<UpstreamConfig> upstream;
  /// Whether the upstream's annotations are believed.
  bool trusts_annotations = false;
};

/// Every limit that the operator may set. config_limits.cc has the one table of their names,
/// defaults, units and reasons, which reads the file, and which the reference page is compared
/// with.
struct Limits {
  http::ServerLimits http;
  /// Per loop.
  std::size_t calls_in_flight_max = 1024;
  std::chrono::milliseconds question_time{3'600'000};
  std::size_t question_rounds_max = 16;
  std::size_t request_state_bytes_max = std::size_t{256} << 10;
  std::chrono::milliseconds call_timeout{60'000};
  std::chrono::milliseconds resume_window{60'000};
  std::size_t resume_bytes_max = std::size_t{64} << 20;
  std::size_t prepared_list_bytes_max = std::size_t{16} << 20;
  std::chrono::milliseconds task_ttl{3'600'000};
  std::chrono::milliseconds task_poll{1'000};
  std::size_t inner_calls_max = 100;
  std::size_t inner_depth_max = 4;
  std::size_t result_bytes_max = std::size_t{16} << 20;
  /// Per loop and upstream.
  std::size_t upstream_sessions_max = 1000;
  std::size_t streams_max = 20'000;
  std::size_t streams_per_principal_max = 100;
  std::chrono::milliseconds stream_keep_alive{15'000};
  std::size_t subscriptions_max = 100;
  std::chrono::milliseconds peer_connect{2'000};
  std::chrono::milliseconds drain_timeout{30'000};
  std::chrono::milliseconds clock_skew{30'000};
  std::size_t token_bytes_max = std::size_t{16} << 10;
  /// Per loop.
  std::size_t verified_tokens_max = 10'000;
  auth::BadTokens::Limits bad_tokens = {};
  auth::Logouts::Limits logouts = {};
  std::chrono::milliseconds introspection_cache = auth::IssuerTable{}.introspection_cache;
  std::chrono::milliseconds introspection_timeout = auth::IssuerTable{}.introspection_timeout;
  std::size_t introspections_max = auth::IssuerTable{}.introspections_max;
  std::chrono::milliseconds dpop_window = auth::SeenProofs::Limits{}.window;
  std::size_t dpop_proofs_max = auth::SeenProofs::Limits{}.all_max;
  std::size_t dpop_proofs_per_principal_max = auth::SeenProofs::Limits{}.per_principal_max;
  /// Of each rate, all loops together.
  std::size_t rate_keys_max = 100'000;
  std::chrono::milliseconds rate_lease{250};
};

/// What `audit:` says.
struct AuditConfig {
  std::filesystem::path directory;
  /// Each record also to standard output. The built-in default leaves that to people.
  bool to_stdout = true;
};

/// What `peers:` says.
struct PeersConfig {
  ListenAddress listen;
  ListenAddress advertise;
  /// Where the other replicas are, names with several addresses included.
  std::vector<http::Endpoint> others = {};
  /// The first signs, all verify.
  std::vector<std::filesystem::path> keys = {};
};

/// What `auth.apiKeys.kubernetes:` says.
struct KubernetesKeysConfig {
  auth::KubernetesAccess access;
  std::chrono::milliseconds stale_max = auth::KeySecretsWatchOptions{}.stale_max;

  friend bool operator==(const KubernetesKeysConfig&, const KubernetesKeysConfig&) = default;
};

/// What `auth.apiKeys:` says.
struct ApiKeysConfig {
  std::filesystem::path directory;
  /// Where set, the keys are there, and `directory` means nothing.
  std::optional<KubernetesKeysConfig> kubernetes = std::nullopt;
  /// No key may live longer from its creation on; kNever: no bound.
  std::chrono::milliseconds max_ttl = kNever;
};

/// `keyOwners:` of an issuer.
struct KeyOwnersConfig {
  std::string client;
  std::filesystem::path secret_file;
  std::chrono::milliseconds refresh = auth::KeyOwnersSource{}.refresh;
  std::chrono::milliseconds stale_max = auth::KeyOwnersSource{}.stale_max;
};

/// One entry of `auth.oidc:`.
struct IssuerConfig {
  auth::IssuerRules rules;
  /// PEM, trusted for the issuer's https instead of the system's store.
  std::optional<std::filesystem::path> ca;
  /// As whom it is asked about tokens, and the file with the secret; empty: it is not asked.
  std::string introspection_client = {};
  bool introspects_always = true;
  std::filesystem::path introspection_secret_file = {};
  /// Set where it is a realm of Keycloak that is asked about the users of API keys.
  std::optional<KeyOwnersConfig> key_owners = std::nullopt;
};

/// A whole configuration, checked and resolved.
struct Config {
  /// Empty for the built-in local default.
  std::filesystem::path file;
  /// Absolute, like every path here.
  std::filesystem::path state;
  ListenAddress listen{.host = "127.0.0.1", .port = 8080};
  std::optional<ListenAddress> admin_listen;
  /// With a trailing slash; `http://HOST:PORT/` of `listen` where it is not set.
  std::string public_url;
  std::optional<http::TlsServerOptions> tls;
  /// Host names that requests may name, without a port: those of the file, publicUrl's, and
  /// loopback's when `listen` is loopback.
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
  std::vector<Network> trusted_proxies;
  /// Of what clients carry: the first seals, all open. Empty: a key in the state folder.
  std::vector<std::filesystem::path> sealing_keys;
  /// Set where there are other replicas.
  std::optional<PeersConfig> peers;
  std::vector<IssuerConfig> issuers;
  std::optional<ApiKeysConfig> api_keys;
  bool demo_token_allowed = false;
  std::vector<ToolSetConfig> tool_sets;
  PolicyConfig policy;
  std::vector<policy::Rate> rates;
  /// Set where a rate is shared.
  std::optional<RateStoreConfig> rate_store;
  Limits limits;
  AuditConfig audit;

  /// What is weaker than the default and what probably is a mistake, for the log at start and for
  /// `check`: `demo token is accepted: auth.demoToken.insecureAllow`.
  std::vector<std::string> warnings;

  /// Listens on another port; `public_url` follows where it was made from `listen`.
  void set_port(std::uint16_t port);

  /// `roles:`, `policy:` and the sets' required roles.
  [[nodiscard]] policy::Policy::Options policy_options() const;
};

/// The configuration that `--config` (or nothing) means: the flag, `$MCPGATE_CONFIG`,
/// `./mcpgate.yaml`, or the built-in local default with its state in `$MCPGATE_STATE` or `./var`.
///
/// Errors: kNotFound where a file named by flag or variable is missing; else kInvalidArgument with
/// all problems of the file, one a line, `file:line:column: path: message`.
[[nodiscard]] Expected<Config> load_config(const std::optional<std::filesystem::path>& flag,
                                           const Environment& environment);

/// The file that load_config() reads, or nothing for the built-in default.
[[nodiscard]] std::optional<std::filesystem::path> config_file(
    const std::optional<std::filesystem::path>& flag, const Environment& environment);

/// A configuration from a file's bytes. `file` is what messages say and what a relative `state` is
/// resolved against.
[[nodiscard]] Expected<Config> parse_config(std::string_view yaml,
                                            const std::filesystem::path& file,
                                            const Environment& environment);

/// Reads `limits:` by the table; problems go to the document.
[[nodiscard]] Limits read_limits(YamlMap limits);
/// The table of limits, for the reference.
[[nodiscard]] std::vector<LimitInfo> config_limits();
/// Every key that the schema knows, dotted, `toolSets.*.requiredRole`, for the reference.
[[nodiscard]] std::vector<std::string> config_keys();

}  // namespace mcpgate::cli
