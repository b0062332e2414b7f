#include "cli/local_tool_sets.h"

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "sandbox/signature.h"
#include "sandbox/toolset_file.h"

namespace mcpgate::cli {

namespace {

constexpr std::string_view kDefaultRole = "mcp-admin";

bool looks_like_a_tool_set(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::filesystem::path& file = entry.path();
    if (file.filename() == sandbox::kToolSetFileName || file.extension() == ".py") {
      return true;
    }
  }
  return false;
}

/// The folders of `tools` that hold a toolset.yaml, in order of their names.
std::vector<std::filesystem::path> folders_of(const std::filesystem::path& tools) {
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(tools, error)) {
    if (std::filesystem::exists(entry.path() / sandbox::kToolSetFileName, error)) {
      folders.push_back(entry.path());
    } else if (entry.is_directory(error) && looks_like_a_tool_set(entry.path())) {
      log_warn("{} is not served: it has no {}, which may be empty", entry.path().string(),
               sandbox::kToolSetFileName);
    }
  }
  std::ranges::sort(folders);
  return folders;
}

Expected<void> make_signing_key(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    return {};
  }
  TRY_VOID(make_directories(file.parent_path(), 0700));
  SystemRandom random;
  return write_file_atomically(file, sandbox::SigningKeys::create_text(random), 0600);
}

}  // namespace

Expected<void> check_has_tool_sets(const std::filesystem::path& tools) {
  if (!folders_of(tools).empty()) {
    return {};
  }
  const std::filesystem::path folder = (tools.lexically_normal() / "").parent_path();
  const std::string hint =
      looks_like_a_tool_set(folder)
          ? fmt::format("; did you mean its parent, {}?", folder.parent_path().string())
          : "";
  return fail(ErrorCode::kNotFound,
              "no tool set in {}: each is a folder there that has a {} (see "
              "docs/guide/writing-a-tool-set.md){}",
              folder.string(), sandbox::kToolSetFileName, hint);
}

std::vector<std::filesystem::path> tool_set_files(const std::filesystem::path& tools) {
  std::vector<std::filesystem::path> files{tools};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(tools, error)) {
    if (entry.is_directory(error)) {
      files.push_back(entry.path() / sandbox::kToolSetFileName);
    }
  }
  return files;
}

std::vector<ToolSetConfig> find_tool_sets(const std::filesystem::path& tools,
                                          const std::filesystem::path& state,
                                          const std::vector<ToolSetConfig>& in_force) {
  std::vector<ToolSetConfig> sets;
  for (const auto& folder : folders_of(tools)) {
    const auto file = sandbox::load_tool_set_file(folder);
    if (!file) {
      const auto before =
          std::ranges::find(in_force, folder.filename().string(), &ToolSetConfig::name);
      if (before != in_force.end()) {
        sets.push_back(*before);
      }
      log_error("{}; {}", file.error().message,
                before != in_force.end() ? "the version before stays in force" : "not served");
      continue;
    }
    const std::filesystem::path run = state / "run" / file->name;
    ToolSetConfig& set = sets.emplace_back();
    set.name = file->name;
    set.required_role = file->required_role.empty() ? kDefaultRole : file->required_role;
    set.code_mode = file->code_mode;
    set.sandbox = {.scheme = http::Endpoint::Scheme::kUnix, .host = run.string() + ".sock"};
    set.signing_keys = {run.string() + ".key"};
  }
  return sets;
}

Expected<std::vector<DaemonSpec>> local_daemons(const Config& config,
                                                const std::filesystem::path& tools) {
  std::vector<DaemonSpec> specs;
  for (const ToolSetConfig& set : config.tool_sets) {
    std::error_code ignored;
    const std::filesystem::path folder = tools / set.name;
    if (set.sandbox.scheme != http::Endpoint::Scheme::kUnix ||
        !std::filesystem::is_directory(folder, ignored)) {
      continue;
    }
    if (set.sandbox.host.size() > http::kUnixPathBytesMax) {
      return fail(ErrorCode::kInvalidArgument,
                  "{}: the path of a Unix socket has at most {} bytes; name a shorter folder by "
                  "$MCPGATE_STATE or `state`",
                  set.sandbox.host, http::kUnixPathBytesMax);
    }
    TRY_VOID(make_signing_key(set.signing_keys.front()));
    TRY_VOID(make_directories(std::filesystem::path(set.sandbox.host).parent_path(), 0700));
    specs.push_back({.tool_set = set.name,
                     .folder = folder,
                     .socket = set.sandbox.host,
                     .packages = config.state / "packages",
                     .calls = config.state / "calls" / set.name,
                     .workspaces = config.state / "workspaces",
                     .key_files = set.signing_keys,
                     .connections = set.connections});
  }
  return specs;
}

}  // namespace mcpgate::cli
