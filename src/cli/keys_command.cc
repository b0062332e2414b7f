// Standard output carries the new key alone, so that it can be piped; everything else is on
// standard error.

#include "cli/keys_command.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <ostream>
#include <utility>

#include "auth/api_key.h"
#include "auth/key_store.h"
#include "cli/config_flag.h"
#include "cli/key_stores.h"
#include "json/write.h"
#include "policy/policy.h"
#include "sandbox/toolset_file.h"

namespace mcpgate::cli {
namespace {

namespace fs = std::filesystem;
using auth::KeyRecord, auth::KeyState;
using std::chrono::milliseconds;

constexpr milliseconds kOverlapDefault = std::chrono::hours(24);

int refuse(const World& world, std::string_view message, ExitCode code = kAnswerIsNo) {
  world.err << "mcpgate keys: " << message << '\n';
  return code;
}

/// A configuration in which keys are on.
struct KeysConfig {
  Config all;
  ApiKeysConfig api_keys;
};

/// What `--kubernetes` means where the configuration names no Kubernetes: in a pod its own
/// ServiceAccount, elsewhere what `kubectl proxy` listens on unless told otherwise.
KubernetesKeysConfig kubernetes_from_here() {
  KubernetesKeysConfig config{.access = auth::KubernetesAccess::of_this_pod()};
  const auto& token = config.access.token_file;
  std::error_code ignored;
  if (!token || !fs::exists(*token, ignored)) {
    config.access = {.server = "http://127.0.0.1:8001"};
  }
  return config;
}

/// Nothing where there is none, and it has been said.
std::optional<KeysConfig> keys_config(const Arguments& arguments, const World& world) {
  auto config = config_for(arguments, world);
  if (!config) {
    return std::nullopt;
  }
  std::optional<ApiKeysConfig> api_keys = config->api_keys;
  if (arguments.has("kubernetes") && (!api_keys || !api_keys->kubernetes)) {
    api_keys = ApiKeysConfig{.kubernetes = kubernetes_from_here(),
                             .max_ttl = api_keys ? api_keys->max_ttl : kNever};
  }
  if (!api_keys) {
    (void)refuse(world, fmt::format("{}: auth.apiKeys is not set, so there are no API keys",
                                    config->file.string()));
    return std::nullopt;
  }
  return KeysConfig{.all = *std::move(config), .api_keys = *api_keys};
}

/// The id that a command names; nothing, and it has been said, where it can be none. It is not
/// repeated: it may be a whole key.
std::optional<std::string> key_id(const Arguments& arguments, const World& world) {
  std::string id = arguments.get("ID");
  if (!auth::is_key_id(id)) {
    (void)refuse(world, fmt::format("ID: expected {} characters of a-z2-7: what follows mcpk_",
                                    auth::kKeyIdLength));
    return std::nullopt;
  }
  return id;
}

std::string time_or_never(const std::optional<WallTime>& time) {
  return time ? format_rfc3339(*time) : "never";
}

std::vector<std::string> split_roles(std::string_view text) {
  std::vector<std::string> roles;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view role = text.substr(0, comma);
    role.remove_prefix(std::min(role.find_first_not_of(' '), role.size()));
    role = role.substr(0, role.find_last_not_of(' ') + 1);
    if (std::ranges::find(roles, role) == roles.end()) {
      roles.emplace_back(role);
    }
    if (comma == text.size()) {
      return roles;
    }
    text.remove_prefix(comma + 1);
  }
}

/// Every role that opens something: the configuration's, and without one those of the tool sets
/// that `mcpgate up` would serve from here.
std::vector<std::string> known_roles(const Config& config, const Environment& environment) {
  policy::Policy::Options options = config.policy_options();
  std::error_code error;
  if (config.file.empty()) {
    for (fs::directory_iterator entry(environment.working_directory / "tools", error), end;
         !error && entry != end; entry.increment(error)) {
      if (const auto set = sandbox::load_tool_set_file(entry->path()); set) {
        options.tool_sets.push_back({.name = set->name, .required_role = set->required_role});
      }
    }
  }
  return policy::Policy(options).roles();
}

void warn_of_unknown_roles(const KeyRecord& key, const Config& config, const World& world) {
  const std::vector<std::string> known = known_roles(config, world.environment);
  for (const std::string& role : key.roles) {
    if (std::ranges::find(known, role) == known.end()) {
      const auto meant = nearest_word(role, known);
      world.err << fmt::format("warning: no tool set knows the role {}, so it opens nothing{}\n",
                               role, meant ? fmt::format("; did you mean {}?", *meant) : "");
    }
  }
}

/// Cuts a key's end to what maxTtl allows, and says so.
void cut_to_max_ttl(KeyRecord& key, const ApiKeysConfig& api_keys, const World& world) {
  const milliseconds max_ttl = api_keys.max_ttl;
  if (max_ttl == kNever) {
    return;
  }
  const WallTime latest = key.created + max_ttl;
  if (!key.expires || *key.expires > latest) {
    key.expires = latest;
    world.err << fmt::format("note: the key's life is cut to auth.apiKeys.maxTtl, {}\n",
                             format_duration(max_ttl));
  }
}

/// Prints the key, alone. When standard output does not take it, nobody has it.
int show(const auth::NewApiKey& secret, const KeyRecord& key, const World& world) {
  world.out << secret.text << '\n';
  world.out.flush();
  if (!world.out) {
    return refuse(world,
                  fmt::format("the key could not be printed; mcpgate keys revoke {}", key.id));
  }
  world.err << fmt::format("Key {} for {}, roles {}, expires {}. Shown once.\n", key.id, key.user,
                           fmt::join(key.roles, ", "), time_or_never(key.expires));
  return kDone;
}

/// Fills what --expires and --not-before say; the message of what is wrong with them.
std::optional<std::string> read_times(KeyRecord& key, const Arguments& arguments) {
  const auto expires = parse_duration(arguments.get("expires", "never"));
  if (!expires || *expires <= milliseconds(0)) {
    return "--expires: expected a duration such as 90d, 12h or 30m, or never";
  }
  if (*expires != kNever) {
    key.expires = key.created + *expires;
  }
  if (const auto text = arguments.find("not-before")) {
    key.not_before = parse_rfc3339(*text);
    if (!key.not_before) {
      return "--not-before: expected a time such as 2027-02-20T08:00:00Z, or a date";
    }
  }
  if (key.not_before && key.expires && *key.not_before >= *key.expires) {
    return "the key would end before it begins: --not-before is not before --expires";
  }
  return std::nullopt;
}

/// RFC 9562, section 4: 8-4-4-4-12 hex digits.
bool is_uuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::ranges::equal(text, kShape, [](char c, char shape) {
    return shape == '-' ? c == '-' : std::isxdigit(static_cast<unsigned char>(c)) != 0;
  });
}

int create(const Arguments& arguments, const World& world) {
  const auto config = keys_config(arguments, world);
  if (!config) {
    return kWrongUsage;
  }
  const auth::NewApiKey secret = auth::generate_api_key(world.random);
  KeyRecord key;
  key.id = secret.id;
  key.sha256 = secret.sha256;
  key.user = arguments.get("user");
  key.roles = split_roles(arguments.get("roles"));
  key.note = arguments.get("note");
  key.keycloak_user = arguments.get("keycloak-user");
  key.created = world.clock.wall_now();
  if (!key.keycloak_user.empty() && !is_uuid(key.keycloak_user)) {
    return refuse(world, "--keycloak-user: expected the user's id in Keycloak, a UUID",
                  kWrongUsage);
  }
  if (const auto problem = read_times(key, arguments)) {
    return refuse(world, *problem, kWrongUsage);
  }
  if (const auto checked = auth::check_key_record(key); !checked) {
    return refuse(world, checked.error().message, kWrongUsage);
  }
  cut_to_max_ttl(key, config->api_keys, world);
  if (key.not_before && key.expires && *key.not_before >= *key.expires) {
    return refuse(world, "--not-before is later than auth.apiKeys.maxTtl allows", kWrongUsage);
  }
  warn_of_unknown_roles(key, config->all, world);
  const auto store = open_key_store(config->api_keys);
  if (const auto stored = store->create(key); !stored) {
    return refuse(world, stored.error().message);
  }
  return show(secret, key, world);
}

std::string list_as_json(const auth::KeyTable& table, WallTime now) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("keys").begin_array();
  for (const KeyRecord& key : table.records()) {
    writer.begin_object().field("id", key.id).field("user", key.user).key("roles").begin_array();
    for (const std::string& role : key.roles) {
      writer.value(role);
    }
    writer.end_array().field("created", format_rfc3339(key.created)).key("expires");
    if (const auto& expires = key.expires) {
      writer.value(format_rfc3339(*expires));
    } else {
      writer.null();
    }
    writer.field("state", to_string(state_of(key, now))).end_object();
  }
  writer.end_array().end_object();
  out += '\n';
  return out;
}

std::string list_as_table(const auth::KeyTable& table, WallTime now) {
  std::vector<std::array<std::string, 6>> rows{
      {"ID", "USER", "ROLES", "CREATED", "EXPIRES", "STATE"}};
  for (const KeyRecord& key : table.records()) {
    rows.push_back({key.id, key.user, fmt::format("{}", fmt::join(key.roles, ",")),
                    format_rfc3339(key.created), time_or_never(key.expires),
                    std::string(to_string(state_of(key, now)))});
  }
  std::array<std::size_t, 6> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      out += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    out += row.back() + "\n";
  }
  return out;
}

int list(const Arguments& arguments, const World& world) {
  const auto config = keys_config(arguments, world);
  if (!config) {
    return kWrongUsage;
  }
  const auto table = open_key_store(config->api_keys)->read_all();
  if (!table) {
    return refuse(world, table.error().message);
  }
  const WallTime now = world.clock.wall_now();
  world.out << (arguments.get("output", "table") == "json" ? list_as_json(**table, now)
                                                           : list_as_table(**table, now));
  return kDone;
}

int revoke(const Arguments& arguments, const World& world) {
  const auto id = key_id(arguments, world);
  const auto config = id ? keys_config(arguments, world) : std::nullopt;
  if (!config) {
    return kWrongUsage;
  }
  const auto store = open_key_store(config->api_keys);
  bool was_revoked = false;
  const auto key = store->update(*id, [&](KeyRecord& record) -> Expected<void> {
    was_revoked = record.revoked.has_value();
    record.revoked = record.revoked.value_or(world.clock.wall_now());
    return {};
  });
  if (!key) {
    return refuse(world, key.error().message);
  }
  world.err << fmt::format("Key {} of {} {} revoked.\n", key->id, key->user,
                           was_revoked ? "was already" : "is");
  return kDone;
}

/// Whether a key may hand over to a new one. An ended key may not: the new one would live on.
Expected<void> check_rotatable(const KeyRecord& key, WallTime now) {
  const KeyState state = state_of(key, now);
  if (state == KeyState::kExpired || state == KeyState::kRevoked) {
    return fail(ErrorCode::kFailedPrecondition, "key {} is {}; create a new one", key.id,
                to_string(state));
  }
  if (!key.replaced_by.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "key {} is replaced by {} already", key.id,
                key.replaced_by);
  }
  return {};
}

/// What the new key takes from the old: everything but id, secret and birth. It ends when the old
/// one would have.
KeyRecord successor(const KeyRecord& old, const auth::NewApiKey& secret, WallTime now) {
  KeyRecord key = old;
  key.id = secret.id;
  key.sha256 = secret.sha256;
  key.created = now;
  return key;
}

int rotate(const Arguments& arguments, const World& world) {
  const auto id = key_id(arguments, world);
  const auto config = id ? keys_config(arguments, world) : std::nullopt;
  if (!config) {
    return kWrongUsage;
  }
  const auto overlap = parse_duration(arguments.get("overlap", format_duration(kOverlapDefault)));
  if (!overlap || *overlap == kNever) {
    return refuse(world, "--overlap: expected a duration such as 24h, or 0s", kWrongUsage);
  }
  const WallTime now = world.clock.wall_now();
  const auto store = open_key_store(config->api_keys);
  const auto old = store->find(*id);
  if (!old) {
    return refuse(world, old.error().message);
  }
  if (const auto rotatable = check_rotatable(*old, now); !rotatable) {
    return refuse(world, rotatable.error().message);
  }
  const auth::NewApiKey secret = auth::generate_api_key(world.random);
  KeyRecord key = successor(*old, secret, now);
  cut_to_max_ttl(key, config->api_keys, world);
  if (const auto stored = store->create(key); !stored) {
    return refuse(world, stored.error().message);
  }
  const auto ended = store->update(old->id, [&](KeyRecord& record) -> Expected<void> {
    TRY_VOID(check_rotatable(record, now));  // again: another rotate may have come in between
    record.expires = std::min(record.expires.value_or(WallTime::max()), now + *overlap);
    record.replaced_by = key.id;
    return {};
  });
  if (!ended) {
    const auto undone = store->update(key.id, [now](KeyRecord& record) -> Expected<void> {
      record.revoked = now;
      return {};
    });
    if (!undone) {  // Nobody has seen its secret; the operator should know of the record.
      world.err << fmt::format("note: the unused key {} is left: {}\n", key.id,
                               undone.error().message);
    }
    return refuse(world, ended.error().message);
  }
  world.err << fmt::format("Key {} ends {}.\n", ended->id, time_or_never(ended->expires));
  return show(secret, key, world);
}

}  // namespace

std::vector<Command> keys_commands() {
  const Positional id{.name = "ID", .help = "the key's public id: the part after mcpk_"};
  const Flag kubernetes{.name = "kubernetes",
                        .help =
                            "Secrets of a cluster, whatever the configuration says; outside a "
                            "pod by kubectl proxy"};
  return {
      {.name = "keys", .help = "Create, list, revoke and rotate API keys"},
      {.name = "keys create",
       .help = "Make a key and print it, once; everything else goes to standard error",
       .flags =
           {{.name = "user", .value = "NAME", .help = "whom it belongs to", .is_required = true},
            {.name = "roles", .value = "R,R", .help = "comma-separated", .is_required = true},
            {.name = "expires",
             .value = "90d|never",
             .help = "default: never; cut to auth.apiKeys.maxTtl"},
            {.name = "not-before", .value = "TIME", .help = "RFC 3339; default: at once"},
            {.name = "note", .value = "TEXT", .help = "for whoever reads the list"},
            {.name = "keycloak-user",
             .value = "UUID",
             .help = "the user's id in Keycloak: a disabled user's keys stop"},
            kubernetes},
       .run = &create},
      {.name = "keys list",
       .help = "Show all keys, without their secrets, which nobody has",
       .flags = {{.name = "output",
                  .value = "FORMAT",
                  .help = "table (default) or json",
                  .choices = {"table", "json"}},
                 kubernetes},
       .run = &list},
      {.name = "keys revoke",
       .help = "End a key at once",
       .flags = {kubernetes},
       .positionals = {id},
       .run = &revoke},
      {.name = "keys rotate",
       .help = "Make a key that takes over from another and ends when that would have",
       .flags = {{.name = "overlap",
                  .value = "24h",
                  .help = "how long the old key still works; default 24h"},
                 kubernetes},
       .positionals = {id},
       .run = &rotate},
  };
}

}  // namespace mcpgate::cli
