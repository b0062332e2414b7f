#pragma once

// The system calls of a child: an allow-list, compiled to BPF once by the daemon.

#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "base/error.h"

namespace mcpgate::sandboxd {

/// What a child is: Python of ours that serves one call, or the program of a stdio server.
enum class FilterKind : std::uint8_t { kCall, kServer };

/// The filter, with kPidPlaceholder (lockdown.h) where the child's own pid belongs; kServer has
/// besides an execve(2) from the two addresses of kExecPlaceholder. What is not
/// allowed answers EPERM; clone3 and openat2 answer ENOSYS, so that libc falls back to what can be
/// checked; changes of modes and times answer 0 and are not made, extended attributes EOPNOTSUPP; a
/// call of another architecture's ABI kills the process.
[[nodiscard]] Expected<std::vector<sock_filter>> build_call_filter(FilterKind kind);

}  // namespace mcpgate::sandboxd
