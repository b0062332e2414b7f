#pragma once

// What of a profile holds on this machine, without a tool set.

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"
#include "sandboxd/profile.h"
#include "sandboxd/zygote.h"

namespace mcpgate::sandboxd {

/// Starts a zygote for nothing but its self-test. Layers that are missing are reported, not
/// refused; an error means that no self-test could be made. Of `options` it wants executable,
/// harness, profile and scratch.
[[nodiscard]] Task<Expected<Confinement>> examine(asio::io_context& loop, ZygoteOptions options);

}  // namespace mcpgate::sandboxd
