#include "sandbox/toolset_file.h"

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "base/yaml.h"
#include "sandbox/manifest.h"

namespace mcpgate::sandbox {

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::size_t kDataMountsMax = 32;
/// Each holds some MiB; more than cores is of use for bursts only.
constexpr std::int64_t kReadyMax = 64;
constexpr std::size_t kImportableMax = 64;
constexpr std::size_t kPreloadMax = 32;
constexpr std::size_t kDescriptionBytesMax = 4096;
constexpr std::size_t kNameBytesMax = 64;
/// Of a server's command and environment.
constexpr std::size_t kWordsMax = 64;
constexpr std::size_t kWordBytesMax = 4096;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

/// A Python module of the set's folder: an identifier.
bool is_module_name(std::string_view text) {
  return is_name(text) && text.find('-') == std::string_view::npos &&
         (text.front() < '0' || text.front() > '9');
}

/// `tools: {log_store: {limits: {…}}}`. Whether there is a tool of that name shows when the set is
/// loaded.
void read_tools(YamlMap map, ToolSetFile& file) {
  for (const auto& [name, node] : map.entries()) {
    if (!is_tool_name(name)) {
      node.problem("want a tool's name");
      continue;
    }
    YamlMap tool = node.map();
    file.tool_limits.emplace(name, read_tool_limits(tool.map("limits"), file.limits));
    tool.reject_unknown();
  }
}

void read_data_mounts(const std::vector<YamlNode>& items, const std::filesystem::path& directory,
                      std::vector<DataMount>& mounts) {
  for (const YamlNode& item : items) {
    if (mounts.size() == kDataMountsMax) {
      item.problem(fmt::format("more than {} data mounts", kDataMountsMax));
      return;
    }
    YamlMap map = item.map();
    DataMount mount{
        .name = map.string("name"), .path = map.string("path"), .code = map.boolean("code", false)};
    map.reject_unknown();
    if (!is_name(mount.name)) {
      item.problem("name: want 1 to 64 of A-Z a-z 0-9 _ -");
    } else if (std::ranges::any_of(mounts, [&](const auto& m) { return m.name == mount.name; })) {
      item.problem("name: another data mount has it");
    }
    if (mount.path.empty()) {
      item.problem("path: missing");
      continue;
    }
    std::filesystem::path path = directory / mount.path;  // An absolute one replaces the directory.
    mount.path = path.lexically_normal();
    if (mount.path == "/") {
      item.problem("path: the whole file system is no data mount");
    }
    mounts.push_back(std::move(mount));
  }
}

void read_importable(const YamlNode& node, std::vector<std::string>& modules) {
  modules = node.strings();
  if (modules.size() > kImportableMax) {
    node.problem(fmt::format("more than {} modules", kImportableMax));
  }
  for (const std::string& module : modules) {
    if (!is_module_name(module)) {
      node.problem("want names of modules in this folder, without .py");
    }
  }
}

/// `numpy`, `numpy.random`. Whether there is such a module shows when the set is loaded.
bool is_dotted_name(std::string_view text) {
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!is_module_name(text.substr(0, dot))) {
      return false;
    }
    if (dot == std::string_view::npos) {
      return true;
    }
    text.remove_prefix(dot + 1);
  }
}

void read_preload(const YamlNode& node, std::vector<std::string>& modules) {
  modules = node.strings();
  if (modules.size() > kPreloadMax) {
    node.problem(fmt::format("more than {} modules", kPreloadMax));
  }
  if (!std::ranges::all_of(modules, is_dotted_name)) {
    node.problem("want names of modules as Python imports them: numpy, numpy.random");
  }
}

void read_output(YamlMap map, OutputRules& output) {
  output.scrub = map.boolean("scrub", false);
  if (output.scrub) {
    map.find("scrub").problem("not supported yet by this version");
  }
  output.bytes_max = map.size("maxBytes", 0, {.min = 1024, .max = 64 * kMebibyte});
  map.reject_unknown();
}

bool is_variable(std::string_view name) {
  return is_module_name(name) && name != "HOME" && name != "TMPDIR";
}

void read_environment(YamlMap map, std::vector<std::string>& environment) {
  for (const auto& [name, node] : map.entries()) {
    const std::string value = node.string();
    if (!is_variable(name)) {
      node.problem("want a variable's name: A-Z a-z 0-9 _; HOME and TMPDIR are set already");
    } else if (value.size() > kWordBytesMax || environment.size() == kWordsMax) {
      node.problem(fmt::format("at most {} variables of {} bytes", kWordsMax, kWordBytesMax));
    } else {
      environment.push_back(fmt::format("{}={}", name, value));
    }
  }
}

/// `command:` and what goes with it alone.
void read_server(YamlMap& root, ServerFile& server) {
  const YamlNode node = root.find("command");
  server.command = node.strings();
  for (const std::string_view key : {"environment", "server"}) {
    if (const YamlNode other = root.key(key); other && !node) {
      other.problem("goes with command alone");
    }
  }
  read_environment(root.map("environment"), server.environment);
  server.limits = read_server_limits(root.map("server"));
  if (!node) {
    return;
  }
  server.place = fmt::format("{}:{}: command", node.line(), node.column());
  if (server.command.empty() || server.command.front().empty()) {
    node.problem("want a program and its arguments: [node, server.js]");
  }
  const bool long_words = std::ranges::any_of(server.command, [](const std::string& word) {
    return word.size() > kWordBytesMax || word.find('\0') != std::string::npos;
  });
  if (server.command.size() > kWordsMax || long_words) {
    node.problem(fmt::format("at most {} words of {} bytes", kWordsMax, kWordBytesMax));
  }
}

/// What a server does not have: modules of ours, children ahead of calls, limits of a single call
/// that are its process's.
void refuse_beside_server(YamlMap& root, const ToolSetFile& file) {
  if (!file.server) {
    return;
  }
  for (const std::string_view key :
       {"codeMode", "connections", "importable", "preload", "readyChildren", "workspace"}) {
    if (const YamlNode node = root.key(key)) {
      node.problem("goes with Python files, not with command");
    }
  }
  for (const auto& [name, limits] : file.tool_limits) {
    ToolLimits of_call = limits;
    of_call.memory_bytes = file.limits.memory_bytes;
    of_call.address_space_bytes = file.limits.address_space_bytes;
    of_call.tmp_bytes = file.limits.tmp_bytes;
    of_call.files = file.limits.files;
    of_call.open_files = file.limits.open_files;
    if (of_call != limits) {
      root.key("tools").problem(
          fmt::format("{}: memory, addressSpace, tmp, files and openFiles are the whole server's: "
                      "say them in limits",
                      name));
    }
  }
}

/// Keys whose meaning is agreed but not built: silence would be a promise.
void refuse_unsupported(YamlMap& root) {
  if (const YamlNode node = root.find("requirements")) {
    node.problem("the set's packages are named in requirements.txt beside this file");
  }
}

}  // namespace

Expected<ToolSetFile> parse_tool_set_file(std::string_view yaml,
                                          const std::filesystem::path& directory) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(directory, error);
  std::filesystem::path folder = (error ? directory : absolute).lexically_normal();
  if (!folder.has_filename()) {
    folder = folder.parent_path();  // tools/log-analysis/
  }
  ToolSetFile file;
  file.name = folder.filename().string();
  if (!is_name(file.name)) {
    return fail(ErrorCode::kInvalidArgument,
                "{}: a tool set's folder is named by 1 to {} of A-Z a-z 0-9 _ -", folder.string(),
                kNameBytesMax);
  }
  YamlDocument document =
      YamlDocument::parse((directory / kToolSetFileName).lexically_normal().string(), yaml);
  YamlMap root = document.root();
  file.description = root.string("description");
  if (file.description.size() > kDescriptionBytesMax) {
    root.find("description").problem(fmt::format("longer than {} bytes", kDescriptionBytesMax));
  }
  file.required_role = root.string("requiredRole");
  read_server(root, file.server);
  if (file.server) {
    file.server.place =
        (directory / kToolSetFileName).lexically_normal().string() + ':' + file.server.place;
  }
  file.limits = read_set_limits(root.map("limits"), file.server ? server_defaults() : ToolLimits{});
  read_tools(root.map("tools"), file);
  file.recycle = read_recycle_limits(root.map("recycle"));
  file.detached = read_detached_limits(root.map("detached"));
  if (const YamlNode workspace = root.find("workspace")) {
    file.workspace = read_workspace_limits(workspace.map());
  }
  const auto ready_default = static_cast<std::int64_t>(file.ready_children);
  file.ready_children = static_cast<std::size_t>(
      root.integer("readyChildren", ready_default, {.min = 0, .max = kReadyMax}));
  read_preload(root.find("preload"), file.preload);
  read_data_mounts(root.list("dataMounts"), folder, file.data_mounts);
  file.code_mode = root.boolean("codeMode", false);
  read_importable(root.find("importable"), file.importable);
  read_output(root.map("output"), file.output);
  file.connections = read_connections(root.map("connections"));
  refuse_beside_server(root, file);
  refuse_unsupported(root);
  root.reject_unknown();
  TRY_VOID(document.check());
  return file;
}

Expected<ToolSetFile> load_tool_set_file(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return fail(ErrorCode::kNotFound, "{}: no such directory", directory.string());
  }
  const std::filesystem::path path = directory / kToolSetFileName;
  if (!std::filesystem::exists(path, error) && !error) {
    return parse_tool_set_file("", directory);
  }
  const std::string yaml = TRY(read_file(path));
  return parse_tool_set_file(yaml, directory);
}

}  // namespace mcpgate::sandbox
