#include "cli/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/address.h"
#include "base/encoding.h"
#include "base/file.h"

namespace mcpgate::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameLengthMax = 63;  // a DNS label, since sets become names of Services

/// A lower-case DNS label.
bool is_tool_set_name(std::string_view name) {
  const auto is_inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kNameLengthMax && std::ranges::all_of(name, is_inner) &&
         name.front() != '-' && name.back() != '-';
}

/// What stays valid in front of any tool name: SEP-986's characters.
bool is_prefix(std::string_view prefix) {
  return prefix.size() <= 32 && std::ranges::all_of(prefix, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

/// Scheme and host of an `http(s)` URL; nothing where it is none, or has user information, a query
/// or a fragment.
struct WebUrl {
  std::string_view scheme, host, path;
};
std::optional<WebUrl> parse_web_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  const std::string_view scheme = text.substr(0, std::min(colon, text.size()));
  if (colon == std::string_view::npos || (scheme != "http" && scheme != "https") ||
      text.find_first_of("?#@\\ \"") != std::string_view::npos || has_control_character(text)) {
    return std::nullopt;
  }
  const std::string_view rest = text.substr(colon + 3);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view host = rest.substr(0, slash);
  if (host.starts_with('[')) {
    host = host.substr(1, std::min(host.find(']'), host.size()) - 1);
  } else {
    host = host.substr(0, std::min(host.rfind(':'), host.size()));
  }
  return host.empty() ? std::nullopt : std::optional(WebUrl{scheme, host, rest.substr(slash)});
}

/// Reads one file into a Config; problems go to the document.
class ConfigReader {
 public:
  ConfigReader(YamlDocument& document, const fs::path& file, const Environment& environment)
      : document_(document), shown_file_(file), environment_(environment) {
    config_.file = environment.working_directory / file;
  }

  Config read() {
    YamlMap root = document_.root();
    read_state(root);
    read_listeners(root);
    read_auth(root.map("auth"));
    read_tool_sets(root);
    if (config_.tool_sets.empty()) {
      config_.warnings.push_back(
          fmt::format("{}: toolSets: there are none, so there is no tool", shown_file_.string()));
    }
    config_.policy = read_policy(root, config_.policy_options().tool_sets, config_.warnings);
    config_.limits = read_limits(root.map("limits"));
    read_audit(root.map("audit"));
    config_.rates = read_rates(root, config_.policy_options().tool_sets, config_.policy.roles,
                               config_.warnings);
    config_.rate_store = read_rate_store(root, config_.rates, config_.state, config_.warnings);
    refuse(root, "telemetry");
    root.reject_unknown();
    check_demo_token(root);
    return std::move(config_);
  }

 private:
  /// A key whose feature is not built yet: ignoring it would promise what does not happen.
  static void refuse(YamlMap& map, std::string_view key) {
    if (const YamlNode node = map.find(key)) {
      node.problem("not supported by this version");
    }
  }

  /// Only one of the words that the schema knows is built yet.
  static void only(YamlMap& map, std::string_view key, std::string_view word) {
    const YamlNode node = map.find(key);
    if (node && node.string(word) != word) {
      node.problem(fmt::format("not supported by this version; only {} is", word));
    }
  }

  void warn(const YamlNode& node, std::string_view message) {
    config_.warnings.push_back(fmt::format("{}: {}", node.place(), message));
  }

  /// A file's path against the state folder; empty when absent or wrong.
  fs::path path_at(YamlMap& map, std::string_view key, std::string_view fallback = "") {
    const YamlNode node = map.find(key);
    const std::string text = node.string(fallback);
    if (node && text.empty() && node.is_scalar()) {
      node.problem("an empty path");
    }
    return text.empty() ? fs::path() : (config_.state / text).lexically_normal();
  }

  void read_state(YamlMap& root) {
    const YamlNode node = root.find("state");
    const std::string text = node.string("var");
    if (node.is_scalar() && text.empty()) {
      node.problem("an empty path");
    }
    config_.state = environment_.state_variable.empty()
                        ? config_.file.parent_path() / text
                        : environment_.working_directory / environment_.state_variable;
    config_.state = config_.state.lexically_normal();
  }

  std::optional<ListenAddress> listen_at(YamlMap& map, std::string_view key) {
    const YamlNode node = map.find(key);
    if (!node) {
      return std::nullopt;
    }
    auto address = parse_listen_address(node.string());
    if (!address && node.is_scalar()) {
      node.problem("expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080");
    }
    return address;
  }

  void read_listeners(YamlMap& root) {
    config_.listen = listen_at(root, "listen").value_or(config_.listen);
    YamlMap admin = root.map("admin");
    config_.admin_listen = listen_at(admin, "listen");
    admin.reject_unknown();
    if (YamlMap tls = root.map("tls"); root.key("tls")) {
      http::TlsServerOptions options{.certificate = path_at(tls, "certificate"),
                                     .key = path_at(tls, "key"),
                                     .client_ca = std::nullopt};
      if (tls.key("clientCa")) {
        options.client_ca = path_at(tls, "clientCa");
      }
      tls.know("clientCa");
      if (tls.node().is_map() && (options.certificate.empty() || options.key.empty())) {
        tls.node().problem("certificate and key are both needed");
      }
      tls.reject_unknown();
      config_.tls = std::move(options);
    }
    read_names(root);
    if (const YamlNode keys = root.find("sealingKeys")) {
      config_.sealing_keys = read_key_files(keys);
    }
    read_peers(root);
  }

  void read_peers(YamlMap& root) {
    YamlMap map = root.map("peers");
    if (!root.key("peers")) {
      return;
    }
    const auto listen = listen_at(map, "listen");
    const auto advertise = listen_at(map, "advertise");
    const YamlNode key = map.find("key");
    const bool plaintext_allowed = map.boolean("allowPlaintext");
    const std::vector<http::Endpoint> others = endpoints_at(map, "others");
    if (map.node().is_map() && (!map.key("listen") || !key)) {
      map.node().problem("listen and key are both needed");
    }
    PeersConfig peers{.listen = listen.value_or(ListenAddress{}),
                      .advertise = advertise.value_or(listen.value_or(ListenAddress{})),
                      .others = others};
    if (key) {
      peers.keys = read_key_files(key);
    }
    map.reject_unknown();
    if (listen && peers.advertise.is_unspecified()) {
      map.key("listen").problem(
          "advertise is needed, the address at which other replicas reach this one");
    }
    if (listen && !plaintext_allowed && !peers.advertise.is_loopback()) {
      map.node().problem(
          "answers to clients travel between the replicas in the clear; set allowPlaintext: true "
          "where nobody else sees that network");
    } else if (listen && plaintext_allowed) {
      warn(map.node(), "answers travel between the replicas in the clear: allowPlaintext");
    }
    warn_of_lonely(map, peers, root);
    if (config_.sealing_keys.empty()) {
      map.node().problem("sealingKeys are needed: what one replica seals the others must open");
    }
    config_.peers = std::move(peers);
  }

  /// Of one that no other tells of logouts.
  void warn_of_lonely(const YamlMap& map, const PeersConfig& peers, const YamlMap& root) {
    const bool has_issuers = static_cast<bool>(root.key("auth").map().key("oidc"));
    const std::string self = peers.advertise.to_string();
    const bool knows_others = std::ranges::any_of(
        peers.others, [&self](const http::Endpoint& other) { return other.authority() != self; });
    if (has_issuers && !knows_others) {
      warn(map.node(), "others names no other replica: a logout ends a session at one alone");
    }
  }

  /// A list of `HOST:PORT`.
  static std::vector<http::Endpoint> endpoints_at(YamlMap& map, std::string_view key) {
    std::vector<http::Endpoint> endpoints;
    for (const std::string& text : words_at(map, key)) {
      if (const auto endpoint = http::Endpoint::parse_host_port(text)) {
        endpoints.push_back(*endpoint);
      } else {
        map.key(key).problem(fmt::format("expected HOST:PORT, found {}", text));
      }
    }
    return endpoints;
  }

  /// Under which names the gateway is reached.
  void read_names(YamlMap& root) {
    const YamlNode url = root.find("publicUrl");
    config_.public_url = url.string(
        fmt::format("{}://{}/", config_.tls ? "https" : "http", config_.listen.to_string()));
    if (!config_.public_url.ends_with('/')) {
      config_.public_url += '/';
    }
    const auto parts = parse_web_url(config_.public_url);
    if (!parts) {
      url.problem("expected an http or https URL without user, query and fragment");
    }
    for (const YamlNode& host : root.list("allowedHosts")) {
      const std::string name = host.string();
      if (name.empty() || name.find_first_of("/:* ") != std::string::npos) {
        host.problem("expected a host name without scheme, port and wildcard");
      }
      config_.allowed_hosts.push_back(name);
    }
    if (url && parts) {
      config_.allowed_hosts.emplace_back(parts->host);
    }
    if (config_.listen.is_loopback()) {
      config_.allowed_hosts.insert(config_.allowed_hosts.end(), {"localhost", "127.0.0.1", "::1"});
    } else if (config_.allowed_hosts.empty()) {
      root.key("listen").problem(
          "publicUrl or allowedHosts is needed: which names may requests from elsewhere use?");
    }
    const YamlNode proxies = root.find("trustedProxies");
    config_.trusted_proxies = read_networks(proxies);
    for (const Network& network : config_.trusted_proxies) {
      if (network.to_string().ends_with("/0")) {
        proxies.problem("a network of prefix 0 holds everybody, so anybody could name any address");
      }
    }
    for (const YamlNode& origin : root.list("allowedOrigins")) {
      const std::string text = origin.string();
      if (const auto web = parse_web_url(text); !web || !web->path.empty()) {
        origin.problem("expected an origin such as https://app.example.com");
      }
      config_.allowed_origins.push_back(text);
    }
  }

  void read_auth(YamlMap auth) {
    for (const YamlNode& node : auth.list("oidc")) {
      read_issuer(node);
    }
    if (YamlMap keys = auth.map("apiKeys"); auth.key("apiKeys")) {
      ApiKeysConfig api_keys;
      api_keys.directory = path_at(keys, "directory", "keys");
      api_keys.kubernetes = read_kubernetes(keys);
      api_keys.max_ttl =
          keys.duration("maxTtl", kNever, {.min = std::chrono::milliseconds(1'000), .max = kNever});
      keys.reject_unknown();
      config_.api_keys = std::move(api_keys);
    }
    YamlMap demo = auth.map("demoToken");
    config_.demo_token_allowed = demo.boolean("insecureAllow");
    demo.reject_unknown();
    auth.reject_unknown();
    if (!config_.api_keys && !config_.demo_token_allowed && config_.issuers.empty()) {
      const YamlNode place = auth.node() ? auth.node() : document_.root().node();
      place.problem(
          "no way to authenticate: set auth.apiKeys, for example {directory: keys}, or auth.oidc");
    }
  }

  std::optional<KubernetesKeysConfig> read_kubernetes(YamlMap& keys) {
    YamlMap map = keys.map("kubernetes");
    if (!keys.key("kubernetes")) {
      return std::nullopt;
    }
    if (keys.key("directory")) {
      map.node().problem("keys are either in a directory or in Kubernetes");
    }
    KubernetesKeysConfig config;
    auth::KubernetesAccess& access = config.access;
    if (const YamlNode server = map.find("server")) {
      access.server = server.string();
      if (const auto url = parse_web_url(access.server);
          !url || (url->scheme != "https" && !is_loopback_host(url->host))) {
        server.problem("expected an https URL, or an http URL of loopback (kubectl proxy)");
      }
    } else {
      access = auth::KubernetesAccess::of_this_pod();
    }
    if (map.key("ca")) {
      access.ca = path_at(map, "ca");
    }
    if (map.key("tokenFile")) {
      access.token_file = path_at(map, "tokenFile");
    }
    map.know("ca");
    map.know("tokenFile");
    const YamlNode name = map.find("namespace");
    access.namespace_name = name.string(access.namespace_name);
    if (!auth::is_namespace_name(access.namespace_name)) {
      name.problem("expected up to 63 of a-z, 0-9 and -, neither first nor last a -");
    }
    config.stale_max = map.duration("maxStale", config.stale_max,
                                    {.min = std::chrono::seconds(3), .max = std::chrono::hours(1)});
    map.reject_unknown();
    return config;
  }

  void read_issuer(const YamlNode& node) {
    YamlMap entry = node.map();
    if (!entry.node()) {
      return;
    }
    IssuerConfig issuer;
    issuer.rules.issuer = read_issuer_url(entry);
    if (std::ranges::any_of(config_.issuers, [&](const IssuerConfig& other) {
          return other.rules.issuer == issuer.rules.issuer;
        })) {
      node.problem("this issuer is there twice");
    }
    issuer.rules.audiences = words_at(entry, "audience");
    if (issuer.rules.audiences.empty()) {
      issuer.rules.audiences = {config_.public_url, config_.public_url + "mcp"};
    }
    issuer.rules.scopes = words_at(entry, "scopes");
    issuer.rules.roles_claim = entry.string("rolesClaim", issuer.rules.roles_claim);
    if (issuer.rules.roles_claim.empty()) {
      entry.key("rolesClaim")
          .problem("expected a claim's name, or a path such as realm_access.roles");
    }
    issuer.rules.logout_clients = words_at(entry, "logoutClients");
    issuer.rules.dpop_required = entry.boolean("dpopRequired");
    if (entry.key("ca")) {
      issuer.ca = path_at(entry, "ca");
    }
    entry.know("ca");
    if (entry.key("introspection")) {
      read_introspection(entry.map("introspection"), issuer);
    }
    entry.know("introspection");
    if (entry.key("keyOwners")) {
      issuer.key_owners = read_key_owners(entry.map("keyOwners"), issuer.rules.issuer);
    }
    entry.know("keyOwners");
    entry.reject_unknown();
    config_.issuers.push_back(std::move(issuer));
  }

  void read_introspection(YamlMap map, IssuerConfig& issuer) {
    read_client(map, "tokens", issuer.introspection_client, issuer.introspection_secret_file);
    issuer.introspects_always = map.boolean("always", true);
    map.reject_unknown();
  }

  KeyOwnersConfig read_key_owners(YamlMap map, std::string_view issuer) {
    KeyOwnersConfig owners;
    read_client(map, "the users of API keys", owners.client, owners.secret_file);
    owners.refresh = map.duration("refresh", owners.refresh,
                                  {.min = std::chrono::seconds(1), .max = std::chrono::hours(1)});
    owners.stale_max = map.duration("maxStale", owners.stale_max,
                                    {.min = owners.refresh, .max = std::chrono::hours(24)});
    if (!issuer.contains("/realms/")) {
      map.node().problem("the issuer is no realm of Keycloak (https://HOST/realms/REALM)");
    }
    if (std::ranges::any_of(config_.issuers, [](const IssuerConfig& other) {
          return other.key_owners.has_value();
        })) {
      map.node().problem("another issuer is asked about the users of API keys already");
    }
    map.reject_unknown();
    return owners;
  }

  void read_client(YamlMap& map, std::string_view about, std::string& client,
                   std::filesystem::path& secret_file) {
    client = map.string("clientId", "");
    secret_file = path_at(map, "clientSecretFile");
    if (map.node() && (client.empty() || !map.key("clientSecretFile"))) {
      map.node().problem(fmt::format(
          "expected clientId and clientSecretFile: as whom the issuer is asked about {}", about));
    }
  }

  std::string read_issuer_url(YamlMap& entry) {
    const bool plaintext_allowed = entry.boolean("allowPlaintext");
    const YamlNode node = entry.find("issuer");
    std::string issuer = node.string();
    const auto url = parse_web_url(issuer);
    if (!node) {
      entry.node().problem("issuer is missing: the URL that its tokens have as iss");
    } else if (!url && node.is_scalar()) {
      node.problem("expected an https URL without user, query and fragment");
    } else if (url && url->scheme == "http" && !is_loopback_host(url->host)) {
      if (!plaintext_allowed) {
        node.problem(
            "over http:// anybody on the way could replace the issuer's keys; use https://, or set "
            "allowPlaintext: true");
      } else {
        warn(node, "the issuer's keys travel in the clear: allowPlaintext");
      }
    }
    return issuer;
  }

  /// A list of words, or one word alone.
  static std::vector<std::string> words_at(YamlMap& map, std::string_view key) {
    return words_of(map.find(key));
  }
  static std::vector<std::string> words_of(const YamlNode& node) {
    std::vector<std::string> words;
    for (const YamlNode& item : node.is_list() ? node.list() : std::vector{node}) {
      std::string word = item.string();
      const bool is_plain = !word.empty() && is_utf8(word) && !has_control_character(word) &&
                            word.find_first_of(" \"\\") == std::string::npos;
      if (item && item.is_scalar() && !is_plain) {
        item.problem("expected a word without spaces and quotes");
      }
      if (item) {
        words.push_back(std::move(word));
      }
    }
    return words;
  }

  /// The demo token opens everything to whoever knows these sixteen letters, which is everybody.
  void check_demo_token(const YamlMap& root) {
    const YamlNode demo = root.key("auth").map().key("demoToken");
    if (!config_.demo_token_allowed) {
      return;
    }
    const auto url = parse_web_url(config_.public_url);
    if (!config_.listen.is_loopback() || (url && !is_loopback_host(url->host))) {
      demo.problem("the demo token works only where listen and publicUrl are loopback");
    }
    warn(demo, "the demo token is accepted from this machine, with every role");
  }

  void read_tool_sets(YamlMap& root) {
    for (const auto& [name, node] : root.map("toolSets").entries()) {
      if (!is_tool_set_name(name)) {
        node.problem("a tool set's name is at most 63 of a-z, 0-9 and - between them");
      }
      YamlMap set = node.map();
      if (!set.node()) {
        continue;
      }
      ToolSetConfig tool_set;
      tool_set.name = name;
      tool_set.place = node.place();
      tool_set.required_role = role_at(set, "requiredRole");
      tool_set.introspects = set.boolean("introspect");
      if (const YamlNode flag = set.key("introspect"); tool_set.introspects) {
        for (const IssuerConfig& issuer : config_.issuers) {
          if (issuer.introspection_client.empty()) {
            flag.problem(fmt::format("{} cannot be asked: auth.oidc.introspection is missing",
                                     issuer.rules.issuer));
          }
        }
      }
      tool_set.scopes = words_at(set, "scopes");
      for (const auto& [tool, scopes] : set.map("toolScopes").entries()) {
        tool_set.tool_scopes.emplace(tool, words_of(scopes));
      }
      if (set.key("upstream")) {
        read_upstream_set(set, tool_set);
      } else {
        tool_set.sandbox = read_sandbox(set);
        tool_set.signing_keys = read_signing_keys(set);
        read_connections(set, tool_set);
      }
      read_tools(set, tool_set);
      if (set.key("pins")) {
        tool_set.pins = path_at(set, "pins");
      }
      for (const char* key : {"sandbox", "signingKey", "connections", "allowPlaintext", "upstream",
                              "trustAnnotations", "pins"}) {
        set.know(key);
      }
      set.reject_unknown();
      config_.tool_sets.push_back(std::move(tool_set));
    }
  }

  void read_upstream_set(YamlMap& set, ToolSetConfig& tool_set) {
    for (const char* key : {"sandbox", "signingKey", "connections", "allowPlaintext", "codeMode"}) {
      if (const YamlNode node = set.key(key)) {
        node.problem("not of a set with an upstream");
      }
    }
    tool_set.upstream = read_upstream(
        set.map("upstream"), config_.state,
        [this](const YamlNode& node, std::string_view message) { warn(node, message); });
    tool_set.trusts_annotations = set.boolean("trustAnnotations");
  }

  static std::string role_at(YamlMap& map, std::string_view key) {
    const YamlNode node = map.find(key);
    std::string role = node.string();
    if (node.is_scalar() && !is_role(role)) {
      node.problem("a role is not empty and has no comma and no space");
    }
    return role;
  }

  http::Endpoint read_sandbox(YamlMap& set) {
    const bool plaintext_allowed = set.boolean("allowPlaintext");
    const YamlNode node = set.find("sandbox");
    if (!node) {
      set.node().problem("sandbox is missing: unix:PATH or https://HOST:PORT");
      return {};
    }
    auto endpoint = http::Endpoint::parse(node.string());
    if (!endpoint) {
      node.problem("expected unix:PATH, https://HOST:PORT or http://HOST:PORT");
      return {};
    }
    if (endpoint->scheme == http::Endpoint::Scheme::kUnix) {
      endpoint->host = (config_.state / endpoint->host).lexically_normal().string();
      if (endpoint->host.size() > http::kUnixPathBytesMax) {
        node.problem(fmt::format("the socket's path has more than {} bytes: {}",
                                 http::kUnixPathBytesMax, endpoint->host));
      }
    }
    if (endpoint->scheme == http::Endpoint::Scheme::kHttp && !is_loopback_host(endpoint->host)) {
      if (!plaintext_allowed) {
        node.problem(
            "http:// to another host sends arguments and results in the clear; use "
            "https://, or set allowPlaintext: true");
      } else {
        warn(node, "calls travel in the clear: allowPlaintext");
      }
    }
    return *std::move(endpoint);
  }

  std::vector<fs::path> read_signing_keys(YamlMap& set) {
    const YamlNode node = set.find("signingKey");
    if (!node) {
      set.node().problem("signingKey is missing: {file: PATH}");
      return {};
    }
    return read_key_files(node);
  }

  /// `{warehouse: {file: PATH}}`. Of a daemon that is started elsewhere they are its own flags.
  void read_connections(YamlMap& set, ToolSetConfig& tool_set) {
    const YamlNode node = set.find("connections");
    if (node && tool_set.sandbox.scheme != http::Endpoint::Scheme::kUnix) {
      node.problem(
          "goes with a sandbox of this machine, unix:PATH; start the other one with "
          "--connection NAME=FILE");
    }
    for (const auto& [name, entry] : node.map().entries()) {
      YamlMap connection = entry.map();
      fs::path file = path_at(connection, "file");
      if (connection.node().is_map() && !connection.key("file")) {
        entry.problem("file is missing");
      }
      connection.reject_unknown();
      tool_set.connections.emplace(name, std::move(file));
    }
  }

  /// `{file: PATH}`, or a list of such.
  std::vector<fs::path> read_key_files(const YamlNode& node) {
    std::vector<fs::path> files;
    for (const YamlNode& item : node.is_list() ? node.list() : std::vector{node}) {
      YamlMap key = item.map();
      fs::path file = path_at(key, "file");
      if (key.node().is_map() && !key.key("file")) {
        item.problem("file is missing");
      }
      key.reject_unknown();
      files.push_back(std::move(file));
    }
    if (files.empty()) {
      node.problem("no key in the list");
    }
    return files;
  }

  static void read_tools(YamlMap& set, ToolSetConfig& tool_set) {
    if (const YamlNode tools = set.find("tools")) {
      tool_set.tools.emplace();
      for (const YamlNode& tool : tools.list()) {
        std::string name = tool.string();
        if (std::ranges::find(*tool_set.tools, name) != tool_set.tools->end()) {
          tool.problem("this tool is there twice");
        }
        tool_set.tools->push_back(std::move(name));
      }
    }
    const YamlNode prefix = set.find("prefix");
    tool_set.prefix = prefix.string();
    if (!is_prefix(tool_set.prefix)) {
      prefix.problem("a prefix is at most 32 of A-Z a-z 0-9 _ - .");
    }
    tool_set.code_mode = set.boolean("codeMode");
    tool_set.searched_by = read_search(set.find("search"));
  }

  /// For whom a set is searched instead of listed: `true`, or roles.
  static std::vector<std::string> read_search(const YamlNode& search) {
    if (!search.is_list()) {
      return search && search.boolean() ? std::vector<std::string>{"*"}
                                        : std::vector<std::string>();
    }
    std::vector<std::string> roles = search.strings();
    if (roles.empty()) {
      search.problem("an empty list: name roles, or say false");
    }
    return roles;
  }

  void read_audit(YamlMap audit) {
    config_.audit.directory = path_at(audit, "directory", "audit");
    config_.audit.to_stdout = audit.boolean("stdout", true);
    only(audit, "durability", "written");
    only(audit, "onFailure", "refuse");
    refuse(audit, "loki");
    audit.reject_unknown();
  }

  YamlDocument& document_;
  fs::path shown_file_;
  const Environment& environment_;
  Config config_;
};

Config built_in_config(const Environment& environment) {
  Config config;
  const std::string state = environment.state_variable.empty() ? "var" : environment.state_variable;
  config.state = (environment.working_directory / state).lexically_normal();
  config.admin_listen = ListenAddress{.host = "127.0.0.1", .port = 9090};
  config.public_url = fmt::format("http://{}/", config.listen.to_string());
  config.allowed_hosts = {"localhost", "127.0.0.1", "::1"};
  config.api_keys = ApiKeysConfig{.directory = config.state / "keys", .max_ttl = kNever};
  config.policy.roles = policy::default_roles();
  config.audit = {.directory = config.state / "audit", .to_stdout = false};
  return config;
}

/// Those that are no limit and not of a rate, in the order of the reference.
constexpr auto kKeys = std::to_array<std::string_view>({
    "state",
    "listen",
    "admin.listen",
    "publicUrl",
    "tls.certificate",
    "tls.key",
    "tls.clientCa",
    "allowedHosts",
    "allowedOrigins",
    "trustedProxies",
    "sealingKeys.file",
    "peers.listen",
    "peers.advertise",
    "peers.key.file",
    "peers.others",
    "peers.allowPlaintext",
    "auth.oidc.issuer",
    "auth.oidc.audience",
    "auth.oidc.rolesClaim",
    "auth.oidc.scopes",
    "auth.oidc.logoutClients",
    "auth.oidc.dpopRequired",
    "auth.oidc.ca",
    "auth.oidc.allowPlaintext",
    "auth.oidc.introspection.clientId",
    "auth.oidc.introspection.clientSecretFile",
    "auth.oidc.introspection.always",
    "auth.oidc.keyOwners.clientId",
    "auth.oidc.keyOwners.clientSecretFile",
    "auth.oidc.keyOwners.refresh",
    "auth.oidc.keyOwners.maxStale",
    "auth.apiKeys.directory",
    "auth.apiKeys.maxTtl",
    "auth.apiKeys.kubernetes.namespace",
    "auth.apiKeys.kubernetes.server",
    "auth.apiKeys.kubernetes.ca",
    "auth.apiKeys.kubernetes.tokenFile",
    "auth.apiKeys.kubernetes.maxStale",
    "auth.demoToken.insecureAllow",
    "roles.*.toolSets",
    "roles.*.tools",
    "roles.*.readOnly",
    "roles.*.when",
    "toolSets.*.requiredRole",
    "toolSets.*.introspect",
    "toolSets.*.scopes",
    "toolSets.*.toolScopes",
    "toolSets.*.sandbox",
    "toolSets.*.allowPlaintext",
    "toolSets.*.signingKey.file",
    "toolSets.*.connections.*.file",
    "toolSets.*.tools",
    "toolSets.*.codeMode",
    "toolSets.*.search",
    "toolSets.*.prefix",
    "toolSets.*.pins",
    "toolSets.*.upstream.url",
    "toolSets.*.upstream.credential.file",
    "toolSets.*.upstream.credential.header",
    "toolSets.*.upstream.ca",
    "toolSets.*.upstream.allowPlaintext",
    "toolSets.*.upstream.allowAddresses",
    "toolSets.*.trustAnnotations",
    "policy.rules.name",
    "policy.rules.deny.toolSets",
    "policy.rules.deny.tools",
    "policy.rules.when",
    "rateStore.redis.address",
    "rateStore.redis.tls.ca",
    "rateStore.redis.allowPlaintext",
    "rateStore.redis.username",
    "rateStore.redis.passwordFile",
    "rateStore.redis.database",
    "rateStore.redis.prefix",
    "rateStore.onFailure",
    "telemetry",
    "audit.directory",
    "audit.stdout",
    "audit.durability",
    "audit.onFailure",
    "audit.loki",
});

}  // namespace

bool ListenAddress::is_loopback() const {
  return is_loopback_host(host);
}

bool ListenAddress::is_unspecified() const {
  return !host.empty() && host.find_first_not_of("0.:") == std::string::npos;
}

std::string ListenAddress::to_string() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string host(text.substr(0, colon));
  const std::string port_text(text.substr(colon + 1));
  const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) {
    host = host.substr(1, host.size() - 2);
  } else if (host == "localhost") {
    host = "127.0.0.1";
  }
  std::array<std::uint8_t, 16> binary{};
  if (::inet_pton(has_brackets ? AF_INET6 : AF_INET, host.c_str(), binary.data()) != 1) {
    return std::nullopt;
  }
  std::uint16_t port = 0;
  const auto [stop, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || stop != port_text.data() + port_text.size()) {
    return std::nullopt;
  }
  return ListenAddress{.host = std::move(host), .port = port};
}

void Config::set_port(std::uint16_t port) {
  const auto own_url = [this] {
    return fmt::format("{}://{}/", tls ? "https" : "http", listen.to_string());
  };
  const bool follows = public_url == own_url();
  listen.port = port;
  if (follows) {
    public_url = own_url();
  }
}

policy::Policy::Options Config::policy_options() const {
  policy::Policy::Options options{.roles = policy.roles, .rules = policy.rules};
  for (const ToolSetConfig& set : tool_sets) {
    options.tool_sets.push_back({.name = set.name,
                                 .required_role = set.required_role,
                                 .scopes = set.scopes,
                                 .tool_scopes = set.tool_scopes,
                                 .place = set.place});
  }
  return options;
}

std::optional<fs::path> config_file(const std::optional<fs::path>& flag,
                                    const Environment& environment) {
  if (flag) {
    return flag;
  }
  if (!environment.config_variable.empty()) {
    return fs::path(environment.config_variable);
  }
  std::error_code error;
  const fs::path local = "mcpgate.yaml";
  // A link to nowhere is a file that is meant and missing, not the absence of one.
  const auto status = fs::symlink_status(environment.working_directory / local, error);
  return fs::exists(status) ? std::optional(local) : std::nullopt;
}

Expected<Config> load_config(const std::optional<fs::path>& flag, const Environment& environment) {
  const auto file = config_file(flag, environment);
  if (!file) {
    return built_in_config(environment);
  }
  const std::string bytes = TRY(read_file(environment.working_directory / *file));
  return parse_config(bytes, *file, environment);
}

Expected<Config> parse_config(std::string_view yaml, const fs::path& file,
                              const Environment& environment) {
  YamlDocument document = YamlDocument::parse(file.string(), yaml);
  TRY_VOID(document.check());
  Config config = ConfigReader(document, file, environment).read();
  TRY_VOID(document.check());
  return config;
}

std::vector<std::string> config_keys() {
  std::vector<std::string> keys(kKeys.begin(), kKeys.end());
  for (const std::string_view key : kRateKeys) {
    keys.push_back(fmt::format("rates.*.{}", key));
  }
  for (const LimitInfo& limit : config_limits()) {
    keys.push_back(limit.key);
  }
  return keys;
}

}  // namespace mcpgate::cli
