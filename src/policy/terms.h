#pragma once

#include <string>

#include "policy/policy.h"

namespace mcpgate::policy {

/// On which terms a role alone opens a tool, for people and for comparing two policies: `no`,
/// `yes`, `when C`, `yes, unless C`, with conditions as describe() has them. Equal texts mean equal
/// terms.
[[nodiscard]] std::string terms_of(const Policy::Options& options, const std::string& role,
                                   const Action& action);

}  // namespace mcpgate::policy
