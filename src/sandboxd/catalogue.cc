#include "sandboxd/catalogue.h"

#include <algorithm>
#include <system_error>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "json/parse.h"
#include "json/raw.h"
#include "sandboxd/packages.h"
#include "sandboxd/program.h"
#include "sandboxd/set_copy.h"

namespace mcpgate::sandboxd {

namespace {

/// Files of one edit, checkout or ConfigMap swap arrive one after the other.
constexpr std::chrono::milliseconds kSettle{50};
/// From a start that failed to the next try.
constexpr std::chrono::seconds kRetryAfter{2};
/// What describing all tools of a set may take and say.
constexpr std::chrono::seconds kDescribeWall{30};
/// Declares sandbox::kExecuteCode; the harness knows it by the same name.
constexpr const char* kCodeToolFile = "execute_code.py";
/// What is quoted of a file's own error, so that a hostile one cannot flood the log.
constexpr std::size_t kFileErrorBytesMax = 1000;
constexpr std::size_t kFileErrorsMax = 20;

/// The set's limits with what depends on this machine filled in.
Limits limits_of(const sandbox::ToolSetFile& settings) {
  Limits limits = settings.limits;
  if (limits.in_flight == 0) {
    limits.in_flight = std::max(1U, std::thread::hardware_concurrency());
  }
  return limits;
}

/// `output.maxBytes` is for whoever reads results: it holds whatever a tool may.
void cut_output(const sandbox::OutputRules& rules, Limits& limits) {
  if (rules.bytes_max != 0) {
    limits.output_bytes = std::min(limits.output_bytes, std::size_t{rules.bytes_max});
  }
}

/// Calls; of a stdio server its processes, and the one that lists its tools.
std::size_t children_at_once(const sandbox::ToolSetFile& settings, const Limits& of_set) {
  return settings.server ? settings.server.limits.processes + 1 : of_set.in_flight;
}

/// As many children as may run, each as large as the largest may be, temporary files in memory
/// included, and the zygote with what its waiting children have for themselves.
std::uint64_t memory_of_all(const sandbox::ToolSetFile& settings, const Limits& of_set) {
  constexpr std::uint64_t kZygoteBytes = std::uint64_t{128} << 20;
  std::uint64_t largest = of_set.memory_bytes + of_set.tmp_bytes;
  for (const auto& [name, limits] : settings.tool_limits) {
    largest = std::max<std::uint64_t>(largest, limits.memory_bytes + limits.tmp_bytes);
  }
  return largest * children_at_once(settings, of_set) + kZygoteBytes;
}

/// Room for what one child may start until it is looked at, so that it takes none of the others'.
std::uint64_t tasks_of_all(const sandbox::ToolSetFile& settings, const Limits& of_set) {
  constexpr std::uint64_t kRoom = 4;
  std::uint64_t largest = of_set.threads;
  for (const auto& [name, limits] : settings.tool_limits) {
    largest = std::max<std::uint64_t>(largest, limits.threads);
  }
  return kRoom * largest * (children_at_once(settings, of_set) + settings.ready_children + 1);
}

void add_mounts(const sandbox::ToolSetFile& settings, Version& version) {
  for (const sandbox::DataMount& mount : settings.data_mounts) {
    std::error_code error;
    if (!std::filesystem::exists(mount.path, error)) {
      log_warn("tool set {}: data mount {}: {} does not exist and is left out", settings.name,
               mount.name, mount.path.string());
      continue;
    }
    version.mounts.emplace(mount.name, mount.path);
    if (mount.code) {
      version.code_mounts.emplace(mount.name, mount.path);
    }
  }
}

bool is_within(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const auto [in_folder, in_path] = std::ranges::mismatch(folder, path);
  return in_folder == folder.end();
}

/// Where all calls may read, nothing can be that belongs to some of them; `what` it is.
Expected<void> check_apart(const std::filesystem::path& folder, std::string_view what,
                           const ZygoteOptions& zygote) {
  std::error_code ignored;
  const auto kept = std::filesystem::weakly_canonical(folder, ignored);
  std::vector<std::filesystem::path> readable = zygote.mounts;
  readable.push_back(zygote.tool_set);
  for (const std::filesystem::path& path : readable) {
    const auto read = std::filesystem::weakly_canonical(path, ignored);
    if (is_within(kept, read) || is_within(read, kept)) {
      return fail(ErrorCode::kInvalidArgument,
                  "the {} in {} would be read by every call, since {} is", what, folder.string(),
                  path.string());
    }
  }
  return {};
}

/// A secret that calls could read would be none.
Expected<void> check_connections(const ConnectionFiles& files, const sandbox::ToolSetFile& settings,
                                 const ZygoteOptions& zygote) {
  for (const auto& [name, file] : files) {
    TRY_VOID(check_apart(file, "secret of the connection " + name, zygote));
    if (!settings.connections.contains(name)) {
      log_warn("tool set {}: its {} declares no connection {}", settings.name,
               sandbox::kToolSetFileName, name);
    }
  }
  return {};
}

Expected<void> add_workspaces(asio::io_context& loop, const std::filesystem::path& root,
                              const ZygoteOptions& zygote, Version& version) {
  const sandbox::ToolSetFile& settings = version.folder.settings;
  if (!settings.workspace) {
    return {};
  }
  TRY_VOID(check_apart(root, "workspaces", zygote));
  std::error_code ignored;
  const auto absolute = std::filesystem::weakly_canonical(root, ignored);
  version.workspaces = TRY(Workspaces::open(loop, absolute, settings.name, *settings.workspace));
  version.workspaces->keep_removing_expired();
  return {};
}

/// The file that declares `execute_code`, among those of the set, where its code mode is on. Nobody
/// else's file may have that name.
Expected<void> add_code_tool(const std::filesystem::path& harness, ToolSetFolder& folder) {
  if (folder.sources.contains(kCodeToolFile)) {
    return fail(ErrorCode::kInvalidArgument, "{}/{}: it has the name of a built-in tool; rename it",
                folder.settings.name, kCodeToolFile);
  }
  if (folder.settings.code_mode) {
    std::string source = TRY(read_file(harness / "mcpgate" / "builtin" / kCodeToolFile));
    folder.digests.emplace(kCodeToolFile, sha256_hex(source));
    folder.sources.emplace(kCodeToolFile, std::move(source));
  }
  return {};
}

/// Fills a Version from what the describing child said: hostile input.
class Description {
 public:
  explicit Description(Version& version) : version_(version) {}

  Expected<void> read(std::string_view text) {
    json::Parser parser(sandbox::kManifestBytesMax);
    auto document = parser.parse(text);
    const auto root = document ? json::as_object(*document) : std::nullopt;
    if (!root || json::find_duplicate_key(*document)) {
      return fail(ErrorCode::kInvalidArgument, "tool set {}: the description is not one",
                  version_.folder.settings.name);
    }
    for (const json::Member& member : json::Members(*root, text)) {
      if (member.key == "errors") {
        read_errors(member.value);
      } else if (const auto items = json::as_array(member.value)) {
        for (const json::Item& item : json::Items(*items, member.raw)) {
          read_item(member.key, item);
        }
      }
    }
    if (problems_.empty()) {
      check_tool_limits();
    }
    if (!problems_.empty()) {
      return fail(ErrorCode::kInvalidArgument, "{}", problems_);
    }
    return {};
  }

 private:
  void problem(std::string_view file, std::string_view what) {
    if (++problem_count_ > kFileErrorsMax) {
      return;
    }
    if (!problems_.empty()) {
      problems_ += '\n';
    }
    problems_ +=
        fmt::format("{}/{}: {}", version_.folder.settings.name, file.substr(0, kFileErrorBytesMax),
                    what.substr(0, kFileErrorBytesMax));
  }

  void read_errors(json::Element element) {
    const auto errors = json::as_array(element);
    if (!errors) {
      problem("", "the list of errors is not one");
      return;
    }
    for (const json::Element item : *errors) {
      const auto object = json::as_object(item);
      problem(
          object ? json::string_at(*object, "file").value_or("") : "",
          object ? json::string_at(*object, "error").value_or("does not load") : "does not load");
    }
  }

  /// One of the list at `key`: `{"file":…,"definition":…}`.
  void read_item(std::string_view key, const json::Item& item) {
    const auto object = json::as_object(item.value);
    const auto file = object ? json::string_at(*object, "file") : std::nullopt;
    if (!file || !may_declare(*file)) {
      problem("", "a tool without the file that declares it");
      return;
    }
    const auto definition = json::find_member(*object, item.raw, "definition");
    if (!definition) {
      problem(*file, "a tool without its definition");
    } else if (key == "tools") {
      read_tool(*file, *object, definition->raw);
    } else if (key == "resources") {
      take(*file, sandbox::ItemKind::kResource, sandbox::read_resource(definition->value),
           version_.manifest.resources);
    } else if (key == "prompts") {
      take(*file, sandbox::ItemKind::kPrompt, sandbox::read_prompt(definition->value),
           version_.manifest.prompts);
    }
  }

  void read_tool(std::string_view file, json::Object object, std::string_view definition) {
    auto tool = sandbox::parse_tool_definition(definition);
    if (tool && tool->name == sandbox::kExecuteCode && file != kCodeToolFile) {
      problem(file, "execute_code is the name of a built-in tool");
      return;
    }
    ServedTool* const served =
        take(file, sandbox::ItemKind::kTool, std::move(tool), version_.manifest.tools);
    if (served == nullptr) {
      return;
    }
    if (const auto timeout_ms = json::int_at(object, "timeoutMs"); timeout_ms && *timeout_ms > 0) {
      served->limits.wall = std::min(served->limits.wall, std::chrono::milliseconds{*timeout_ms});
    }
    served->has_workspace = json::bool_at(object, "workspace").value_or(false);
    if (served->has_workspace && !version_.workspaces) {
      problem(file, fmt::format("tool {}: its workspace wants `workspace:` in {}",
                                version_.manifest.tools.back().name, sandbox::kToolSetFileName));
    }
  }

  /// Puts what was read into manifest and version; null where that cannot be.
  template <class T>
  ServedTool* take(std::string_view file, sandbox::ItemKind kind, Expected<T> item,
                   std::vector<T>& listed) {
    auto digest = item ? sandbox::tool_digest(item->definition, version_.folder.digests,
                                              packages_key(version_.folder))
                       : Expected<std::string>(std::unexpected(item.error()));
    if (!digest) {
      problem(file, digest.error().message);
      return nullptr;
    }
    item->digest = *digest;
    const auto [place, added] =
        version_.served(kind).try_emplace(item->name, serve(file, *digest, kind, item->name));
    if (!added) {
      problem(file, fmt::format("{} {} is declared in {} as well", to_string(kind), item->name,
                                place->second.file));
      return nullptr;
    }
    listed.push_back(*std::move(item));
    return &place->second;
  }

  [[nodiscard]] bool may_declare(std::string_view file) const {
    return version_.servers ? file == sandbox::kToolSetFileName
                            : version_.folder.sources.contains(std::string(file));
  }

  [[nodiscard]] ServedTool serve(std::string_view file, const std::string& digest,
                                 sandbox::ItemKind kind, std::string_view name) const {
    const sandbox::ToolSetFile& settings = version_.folder.settings;
    const auto own = settings.tool_limits.find(name);
    const bool has_own = kind == sandbox::ItemKind::kTool && own != settings.tool_limits.end();
    ServedTool served{.file = std::string(file),
                      .digest = digest,
                      .limits = has_own ? own->second : version_.limits,
                      .has_own_bounds = has_own};
    cut_output(settings.output, served.limits);
    return served;
  }

  /// A limit of a tool that does not exist is most likely a slip, and then protects nothing.
  void check_tool_limits() {
    for (const auto& [name, limits] : version_.folder.settings.tool_limits) {
      if (!version_.tools.contains(name)) {
        problem(sandbox::kToolSetFileName, fmt::format("tools.{}: no such tool", name));
      }
    }
  }

  Version& version_;
  std::string problems_;
  std::size_t problem_count_ = 0;
};

/// The program that the zygote's children are to become, and the copy of the files that it runs
/// from.
Expected<void> prepare_server(const std::filesystem::path& packages, Version& version,
                              ZygoteOptions& zygote) {
  const sandbox::ServerFile& server = version.folder.settings.server;
  SystemRandom random;
  version.copy.emplace(TRY(copy_set(zygote.scratch, random, version.folder.sources)));
  version.folder.sources.clear();
  zygote.tool_set = version.copy->path();
  zygote.sources.clear();
  auto program = find_program(server.command.front(), version.copy->path());
  if (!program) {
    return fail(ErrorCode::kInvalidArgument, "{}: {}", server.place, program.error().message);
  }
  zygote.server = {.program = *std::move(program),
                   .arguments = server.command,
                   .environment = server.environment};
  zygote.server->environment.insert(
      zygote.server->environment.begin(),
      {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"});
  if (!packages.empty()) {
    zygote.server->environment.push_back("PYTHONPATH=" + packages.string());
  }
  return {};
}

/// Whether the same files would fail again.
bool lies_at_the_set(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument || code == ErrorCode::kFailedPrecondition ||
         code == ErrorCode::kNotFound;
}

std::unique_ptr<StdioServers> make_servers(asio::io_context& loop, const Version& version,
                                           const CatalogueOptions& options) {
  const sandbox::ToolSetFile& settings = version.folder.settings;
  return std::make_unique<StdioServers>(loop,
                                        StdioServerOptions{.name = settings.name,
                                                           .zygote = version.zygote,
                                                           .limits = version.limits,
                                                           .server = settings.server.limits,
                                                           .mounts = version.mounts,
                                                           .counts = options.server_counts},
                                        options.on_list_changed);
}

void finish_manifest(Version& version, const CatalogueOptions& options) {
  sandbox::Manifest& manifest = version.manifest;
  manifest.tool_set = version.folder.settings.name;
  manifest.description = version.folder.settings.description;
  manifest.profile = version.zygote->confinement().label();
  manifest.instance = options.instance;
  manifest.digest = sandbox::manifest_digest(manifest);
  version.document = sandbox::write_manifest(manifest);
}

/// What the version is to be run with, which it learns itself, too.
Expected<ZygoteOptions> plan_zygote(asio::io_context& loop, const CatalogueOptions& options,
                                    Version& version) {
  const sandbox::ToolSetFile& settings = version.folder.settings;
  version.limits = limits_of(settings);
  add_mounts(settings, version);
  ZygoteOptions zygote = options.zygote;
  // As its data mounts are named: what is inside of what is told by the paths.
  zygote.tool_set = std::filesystem::absolute(options.tool_set).lexically_normal();
  zygote.sources = version.folder.sources;
  zygote.packages = TRY(find_packages(zygote.packages_root, version.folder));
  if (settings.server) {
    TRY_VOID(prepare_server(zygote.packages, version, zygote));
  }
  for (const auto& [name, path] : version.mounts) {
    zygote.mounts.push_back(path);
  }
  if (!options.calls.empty()) {
    TRY_VOID(check_apart(options.calls, "detached calls", zygote));
  }
  TRY_VOID(check_connections(options.connections, settings, zygote));
  TRY_VOID(add_workspaces(loop, options.workspaces_root, zygote, version));
  if (version.workspaces) {
    zygote.workspaces = version.workspaces->path();
  }
  zygote.preload = settings.preload;
  zygote.recycle = settings.recycle;
  zygote.memory_bytes = memory_of_all(settings, version.limits);
  zygote.tasks = tasks_of_all(settings, version.limits);
  return zygote;
}

}  // namespace

Task<Expected<std::shared_ptr<Version>>> load_version(asio::io_context& loop,
                                                      CatalogueOptions options) {
  auto version = std::make_shared<Version>();
  version->updates =
      options.updates ? options.updates : std::make_shared<ResourceUpdates>(loop, [] {});
  auto folder = read_tool_set_folder(options.tool_set);
  if (!folder) {
    co_return std::unexpected(std::move(folder.error()));
  }
  version->folder = *std::move(folder);
  const sandbox::ToolSetFile& settings = version->folder.settings;
  const bool serves = static_cast<bool>(settings.server);
  if (auto added =
          serves ? Expected<void>{} : add_code_tool(options.zygote.harness, version->folder);
      !added) {
    co_return std::unexpected(std::move(added.error()));
  }
  auto zygote = plan_zygote(loop, options, *version);
  if (!zygote) {
    co_return std::unexpected(std::move(zygote.error()));
  }
  auto started = co_await Zygote::start(loop, *std::move(zygote));
  if (!started && started.error().code == ErrorCode::kInvalidArgument) {
    co_return fail(ErrorCode::kInvalidArgument, "tool set {}: {}", settings.name,
                   started.error().message);
  }
  if (!started && started.error().code != ErrorCode::kFailedPrecondition) {
    co_return fail(ErrorCode::kUnavailable, "{}", started.error().message);
  }
  if (!started) {
    co_return std::unexpected(std::move(started.error()));
  }
  version->zygote = *std::move(started);
  if (serves) {
    version->servers = make_servers(loop, *version, options);
  } else {
    version->brokers =
        std::make_shared<Brokers>(loop, BrokerOptions{.program = options.zygote.broker,
                                                      .tool_set = settings.name,
                                                      .connections = settings.connections,
                                                      .files = options.connections});
  }

  Limits limits = version->limits;
  limits.wall = kDescribeWall;
  limits.output_bytes = sandbox::kManifestBytesMax;
  auto described = serves ? co_await version->servers->describe(sandbox::kToolSetFileName)
                          : co_await version->zygote->describe(limits);
  if (!described) {  // Nothing ran, for want of something on this machine.
    co_return fail(ErrorCode::kUnavailable, "{}", described.error().message);
  }
  if (described->reason != EndReason::kNone) {
    // What the sandbox ended, not the tools, may go better the next time.
    const bool is_passing = described->reason == EndReason::kKilled;
    co_return fail(is_passing ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument,
                   "tool set {}: describing its tools: {} ({}) {}", settings.name, described->text,
                   to_string(described->reason),
                   described->diagnostics.substr(0, kFileErrorBytesMax));
  }
  if (auto read = Description(*version).read(described->result); !read) {
    co_return std::unexpected(std::move(read.error()));
  }
  finish_manifest(*version, options);
  if (!serves) {
    version->zygote->keep_ready(settings.ready_children, version->limits, version->mounts);
  }
  co_return version;
}

Task<Expected<CallOutcome>> Version::run(CallSpec spec, EventSink& sink) const {
  return servers ? servers->run(std::move(spec), sink) : zygote->run(std::move(spec), sink);
}

void Version::cancel(std::string_view call_id) const {
  if (servers) {
    servers->cancel(call_id);
  } else {
    zygote->cancel(call_id);
  }
}

Catalogue::Catalogue(asio::io_context& loop, CatalogueOptions options)
    : loop_(loop),
      options_(std::move(options)),
      retire_timer_(loop),
      relist_timer_(loop),
      retry_timer_(loop) {
  options_.on_list_changed = [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) {
      (*self)->on_list_changed();
    }
  };
  options_.updates = std::make_shared<ResourceUpdates>(loop, [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) {
      (*self)->wake_waiters();
    }
  });
}

Catalogue::~Catalogue() = default;

Task<Expected<void>> Catalogue::start() {
  watch();
  reloading_ = true;
  auto loaded = co_await reload();
  reloading_ = false;
  if (changed_ && !stopping_) {
    on_change();  // An edit while the first version was loading.
  }
  co_return loaded;
}

Task<void> Catalogue::stop() {
  stopping_ = true;
  watch_.reset();
  wake_waiters();
  asio::steady_timer pause(loop_);
  while (reloading_) {
    pause.expires_after(kSettle);
    co_await pause.async_wait(kAwait);
  }
}

Task<void> Catalogue::wait_until_idle(SteadyTime deadline) {
  std::vector<std::shared_ptr<Version>> versions(draining_.begin(), draining_.end());
  if (current_) {
    versions.push_back(current_);
  }
  for (const auto& version : versions) {
    co_await version->zygote->wait_until_idle(deadline);
  }
}

Task<void> Catalogue::end_servers() {
  for (const auto& version : std::exchange(draining_, {})) {
    if (version->servers) {
      co_await version->servers->finish();
    }
  }
  if (current_ && current_->servers) {
    co_await current_->servers->finish();
  }
}

void Catalogue::watch() {
  auto started =
      FileWatch::start(loop_.get_executor(), {options_.tool_set}, [this] { on_change(); });
  if (!started) {
    log_error("tool set {}: changes will not be seen before a restart: {}",
              options_.tool_set.string(), started.error().message);
    return;
  }
  watch_ = *std::move(started);
}

void Catalogue::on_change() {
  changed_ = true;
  if (!reloading_ && !stopping_) {
    reloading_ = true;
    asio::co_spawn(loop_, reload_until_settled(*this), asio::detached);
  }
}

void Catalogue::on_list_changed() {
  if (stopping_ || std::exchange(relist_waits_, true)) {
    return;
  }
  relist_timer_.expires_at(std::max(std::chrono::steady_clock::now(), relisted_ + kRelistInterval));
  relist_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) {  // Else this object is gone.
      relist_waits_ = false;
      relisted_ = std::chrono::steady_clock::now();
      relist_ = true;
      on_change();
    }
  });
}

Task<void> Catalogue::reload_until_settled(Catalogue& self) {
  asio::steady_timer settle(self.loop_);
  while (self.changed_ && !self.stopping_) {
    self.changed_ = false;
    settle.expires_after(kSettle);
    co_await settle.async_wait(kAwait);
    if (!self.changed_ && !self.stopping_) {
      (void)co_await self.reload();
    }
  }
  self.reloading_ = false;
}

Task<Expected<void>> Catalogue::reload() {
  changed_ = false;
  auto folder = read_tool_set_folder(options_.tool_set);
  if (folder && watch_) {
    std::vector<std::filesystem::path> paths = folder->directories;
    if (!packages_key(*folder).empty()) {
      paths.push_back(options_.zygote.packages_root);  // They may be installed while we wait.
    }
    watch_->set_paths(std::move(paths));
  }
  const bool same_files = folder && current_ && folder->digests == current_->folder.digests;
  if (same_files && !std::exchange(relist_, false)) {
    problem_.clear();
    co_return Expected<void>{};
  }
  auto version = co_await load_version(loop_, options_);
  if (!version) {
    ++reloads_.failed;
    if (problem_ != version.error().message) {  // Once, however often it is tried.
      problem_ = version.error().message;
      log_error("tool set {}: {}; {}", options_.tool_set.string(), problem_,
                current_ ? "the version before stays in force" : "nothing is served");
    }
    if (!lies_at_the_set(version.error().code)) {
      retry_later();
    }
    co_return std::unexpected(std::move(version.error()));
  }
  problem_.clear();
  if (same_files && (*version)->manifest.digest == current_->manifest.digest) {
    co_return Expected<void>{};  // Its users keep their processes.
  }
  ++reloads_.done;
  put_in_force(*std::move(version));
  co_return Expected<void>{};
}

/// For want of something on this machine, which may pass without a change of the set's files.
void Catalogue::retry_later() {
  retry_timer_.expires_after(kRetryAfter);
  retry_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) {  // Else set anew, or this object is gone.
      on_change();
    }
  });
}

void Catalogue::put_in_force(std::shared_ptr<Version> version) {
  if (current_) {
    draining_.push_back(std::move(current_));
    if (draining_.size() > kDrainingVersionsMax) {
      draining_.pop_front();
    }
    retire_later();
  }
  current_ = std::move(version);
  log_info("tool set {}: {} tools, {}", current_->manifest.tool_set, current_->tools.size(),
           current_->manifest.digest);
  wake_waiters();
}

void Catalogue::retire_later() {
  retire_timer_.expires_after(kDrainWindow);
  retire_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) {  // Else set anew, or this object is gone.
      draining_.clear();
    }
  });
}

Expected<Catalogue::Found> Catalogue::find(sandbox::ItemKind kind, std::string_view name,
                                           std::string_view digest) const {
  if (!current_) {
    return fail(ErrorCode::kUnavailable, "no version of the tool set is in force");
  }
  bool known = false;
  const auto in = [&](const std::shared_ptr<Version>& version) -> const ServedTool* {
    const ServedTools& served = version->served(kind);
    const auto found = served.find(name);
    known = known || found != served.end();
    return found != served.end() && found->second.digest == digest ? &found->second : nullptr;
  };
  if (const ServedTool* served = in(current_)) {
    return Found{current_, served};
  }
  for (const auto& version : draining_) {
    if (const ServedTool* served = in(version)) {
      return Found{version, served};
    }
  }
  if (!known) {
    return fail(ErrorCode::kNotFound, "no such tool");
  }
  return fail(ErrorCode::kFailedPrecondition, "the tool has another digest");
}

std::string Catalogue::document() const {
  if (!current_ || options_.updates->published().empty()) {
    return current_ ? current_->document : "";
  }
  sandbox::Manifest manifest = current_->manifest;
  manifest.updates = options_.updates->published();
  return sandbox::write_manifest(manifest);
}

std::string Catalogue::etag() const {
  return current_ ? fmt::format("\"{}\"", sandbox::manifest_tag(
                                              current_->manifest.digest, options_.instance,
                                              sandbox::sum_of(options_.updates->published())))
                  : "";
}

std::shared_ptr<asio::steady_timer> Catalogue::change_timer(SteadyTime until) {
  std::erase_if(waiters_, [](const auto& waiter) { return waiter.expired(); });
  auto timer = std::make_shared<asio::steady_timer>(loop_, stopping_ ? SteadyTime::min() : until);
  waiters_.push_back(timer);
  return timer;
}

void Catalogue::wake_waiters() {
  for (const auto& waiter : waiters_) {
    if (const auto timer = waiter.lock()) {
      timer->cancel();
    }
  }
  waiters_.clear();
}

}  // namespace mcpgate::sandboxd
