#include "sandbox/toolset_file.h"

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "base/yaml.h"

namespace mcpgate::sandbox {

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kGibibyte = std::uint64_t{1} << 30;
constexpr std::uint64_t kTebibyte = std::uint64_t{1} << 40;
constexpr std::size_t kDataMountsMax = 32;
constexpr std::size_t kImportableMax = 64;
constexpr std::size_t kDescriptionBytesMax = 4096;
constexpr std::size_t kNameBytesMax = 64;
/// An interpreter with its preloads alone needs some 30 MiB; less than this could not start.
constexpr std::uint64_t kMemoryBytesMin = 32 * kMebibyte;

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

void read_limits(YamlMap map, ToolSetLimits& limits) {
  const YamlMap::DurationRange times{.min = std::chrono::milliseconds{10},
                                     .max = std::chrono::hours{1}};
  limits.memory_bytes =
      map.size("memory", limits.memory_bytes, {.min = kMemoryBytesMin, .max = kTebibyte});
  limits.address_space_bytes =
      map.size("addressSpace", std::max(limits.address_space_bytes, 4 * limits.memory_bytes),
               {.min = limits.memory_bytes, .max = 16 * kTebibyte});
  limits.wall = map.duration("wall", limits.wall, times);
  // RLIMIT_CPU counts whole seconds.
  limits.cpu = map.duration("cpu", limits.cpu,
                            {.min = std::chrono::seconds{1}, .max = std::chrono::hours{1}});
  limits.output_bytes =
      map.size("output", limits.output_bytes, {.min = 1024, .max = 64 * kMebibyte});
  limits.tmp_bytes = map.size("tmp", limits.tmp_bytes, {.min = 0, .max = 64 * kGibibyte});
  limits.in_flight = static_cast<std::size_t>(map.integer("inFlight", 0, {.min = 1, .max = 1024}));
  limits.queue = static_cast<std::size_t>(
      map.integer("queue", static_cast<std::int64_t>(limits.queue), {.min = 0, .max = 10'000}));
  map.reject_unknown();
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

void read_output(YamlMap map, OutputRules& output) {
  output.scrub = map.boolean("scrub", false);
  if (output.scrub) {
    map.find("scrub").problem("not supported yet by this version");
  }
  output.bytes_max = map.size("maxBytes", 0, {.min = 1024, .max = 64 * kMebibyte});
  map.reject_unknown();
}

/// Keys whose meaning is agreed but not built: silence would be a promise.
void refuse_unsupported(YamlMap& root) {
  for (const std::string_view key : {"requirements", "command"}) {
    if (const YamlNode node = root.find(key)) {
      node.problem("not supported yet by this version");
    }
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
  read_limits(root.map("limits"), file.limits);
  read_data_mounts(root.list("dataMounts"), folder, file.data_mounts);
  file.code_mode = root.boolean("codeMode", false);
  read_importable(root.find("importable"), file.importable);
  read_output(root.map("output"), file.output);
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
