#include "sandboxd/packages.h"

#include <chrono>
#include <system_error>
#include <vector>

#include "base/digest.h"
#include "base/process.h"

namespace mcpgate::sandboxd {

namespace {

/// The embedded interpreter's; wheels are chosen for it.
constexpr const char* kInterpreter = "/usr/bin/python3";
#if defined(__x86_64__)
constexpr std::string_view kPlatform = "cp311 linux x86_64\n";
#else
constexpr std::string_view kPlatform = "cp311 linux aarch64\n";
#endif
/// Large packages over a slow line; then something hangs.
constexpr std::chrono::minutes kInstallPatience{30};

}  // namespace

std::string packages_key(const ToolSetFolder& folder) {
  const auto file = folder.digests.find(std::string(kRequirementsFileName));
  return file == folder.digests.end() ? "" : sha256_hex(std::string(kPlatform) + file->second);
}

Expected<std::filesystem::path> find_packages(const std::filesystem::path& root,
                                              const ToolSetFolder& folder) {
  const std::string key = packages_key(folder);
  if (key.empty()) {
    return std::filesystem::path();
  }
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(root, error) / key;
  if (!std::filesystem::is_directory(path, error)) {
    return fail(ErrorCode::kFailedPrecondition,
                "the packages of {}/{} are not installed in {}; mcpgate-sandbox prepare --tools "
                "DIR --packages {} does it",
                folder.settings.name, kRequirementsFileName, root.string(), root.string());
  }
  return path;
}

Expected<std::filesystem::path> prepare_packages(const PackagesOptions& options) {
  const ToolSetFolder folder = TRY(read_tool_set_folder(options.tool_set));
  const std::string key = packages_key(folder);
  if (key.empty() || find_packages(options.root, folder)) {
    return find_packages(options.root, folder);
  }
  std::error_code error;
  std::filesystem::create_directories(options.root, error);
  if (error) {
    return fail(ErrorCode::kFailedPrecondition, "make {}: {}", options.root.string(),
                error.message());
  }
  std::vector<std::string> arguments{"-I", (options.harness / "mcpgate" / "_packages.py").string(),
                                     (options.tool_set / kRequirementsFileName).string(),
                                     (options.root / key).string()};
  if (!options.wheels.empty()) {
    arguments.push_back(options.wheels.string());
  }
  // pip's settings, proxies and certificates are the operator's.
  Process installer = TRY(Process::start(
      {.program = kInterpreter, .arguments = arguments, .environment = own_environment()}));
  if (!installer.wait_for(kInstallPatience)) {
    return fail(ErrorCode::kFailedPrecondition, "tool set {}: its packages took over {} minutes",
                folder.settings.name, kInstallPatience.count());
  }
  if (installer.wait_status() != 0) {
    return fail(ErrorCode::kFailedPrecondition, "tool set {}: its packages are not installed",
                folder.settings.name);
  }
  return find_packages(options.root, folder);
}

}  // namespace mcpgate::sandboxd
