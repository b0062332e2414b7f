#pragma once

// What every process of a zygote is started with, as a file that all of them read.

#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "sandboxd/layer.h"
#include "sandboxd/zygote.h"

namespace mcpgate::sandboxd {

/// A sealed file in memory with the ZygoteSetup: each start reads the same bytes. `filter` is what
/// build_call_filter() gave, as bytes.
[[nodiscard]] Expected<UniqueFd> make_setup_file(const ZygoteOptions& options,
                                                 const std::string& filter, LayerBits without);

}  // namespace mcpgate::sandboxd
