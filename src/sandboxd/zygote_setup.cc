#include "sandboxd/zygote_setup.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>

#include "base/file.h"
#include "sandboxd/control.h"

namespace mcpgate::sandboxd {
namespace {

/// What every interpreter reads: its library with native modules, and time zones. Nothing there is
/// particular to this machine.
constexpr auto kSystemPaths =
    std::to_array<const char*>({"/usr/lib", "/usr/share/zoneinfo", "/etc/localtime"});

/// What most programs read beside the interpreter's paths: where libraries are.
constexpr auto kProgramPaths =
    std::to_array<const char*>({"/lib", "/lib64", "/usr/lib64", "/usr/local/lib",
                                "/usr/share/nodejs", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf"});

void add_server(const ServerCommand& server, ZygoteSetup& setup) {
  setup.program = server.program.path;
  setup.arguments = server.arguments;
  setup.environment = server.environment;
  setup.executable = server.program.executable;
  setup.read_only.insert(setup.read_only.end(), kProgramPaths.begin(), kProgramPaths.end());
  setup.read_only.insert(setup.read_only.end(), setup.executable.begin(), setup.executable.end());
}

}  // namespace

Expected<UniqueFd> make_setup_file(const ZygoteOptions& options, const std::string& filter,
                                   LayerBits without) {
  ZygoteSetup setup{.harness = options.harness,
                    .tool_set = options.tool_set,
                    .packages = options.packages,
                    .read_only = {kSystemPaths.begin(), kSystemPaths.end()},
                    .lendable = {options.mounts.begin(), options.mounts.end()},
                    .workspaces = options.workspaces,
                    .filter = filter,
                    .without = without,
                    .landlock_abi_max = options.landlock_abi_max,
                    .workbench = options.scratch,
                    .sources = options.sources,
                    .preload = options.preload};
  setup.read_only.push_back(options.harness);
  setup.read_only.push_back(options.tool_set);
  if (!options.packages.empty()) {
    setup.read_only.push_back(options.packages);
  }
  if (options.server) {
    add_server(*options.server, setup);
  }
  UniqueFd file(::memfd_create("zygote-setup", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) {
    return fail_errno("memfd_create for a zygote's setup");
  }
  TRY_VOID(write_all(file.get(), encode(setup)));
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) !=
      0) {
    return fail_errno("seal a zygote's setup");
  }
  return file;
}

}  // namespace mcpgate::sandboxd
