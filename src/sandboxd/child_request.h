#pragma once

// What a child is made and told: how it is locked down for a call, and the request it then reads.

#include <filesystem>
#include <map>
#include <string>

#include "sandboxd/call.h"
#include "sandboxd/running_call.h"

namespace mcpgate::sandboxd {

/// For calls of these limits and mounts.
[[nodiscard]] ChildSetup setup_of(SpawnTask task, const Limits& limits,
                                  const std::map<std::string, std::filesystem::path>& mounts = {});

/// ChildSpec::request of a call.
[[nodiscard]] std::string call_request(const CallSpec& spec);

}  // namespace mcpgate::sandboxd
