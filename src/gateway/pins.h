#pragma once

// Pins: what of a tool set's offer somebody has approved. The file is written by `mcpgate tools
// pin`, read in reviews, and watched by gateways: what differs from it is withheld.
// docs/guide/pins.md describes it.

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "sandbox/declared.h"

namespace mcpgate::gateway {

/// Room for the definitions of a manifest, laid out for people.
inline constexpr std::size_t kPinFileBytesMax = std::size_t{32} << 20;

/// A tool, resource or prompt as it was approved, or as it is offered.
struct Pin {
  /// `sha256:…` of definition and code, of an upstream's the definition alone.
  std::string digest;
  /// Its MCP object in the form of RFC 8785.
  std::string definition;

  friend bool operator==(const Pin&, const Pin&) = default;
};

/// Kind and the set's own name for it.
using PinKey = std::pair<sandbox::ItemKind, std::string>;
using Pins = std::map<PinKey, Pin>;

/// Reads a set's file. One that is not there approves nothing. kInvalidArgument with all problems,
/// one a line, `file:line:column: path: message`.
[[nodiscard]] Expected<Pins> load_pins(const std::filesystem::path& file,
                                       std::string_view tool_set);
[[nodiscard]] Expected<Pins> parse_pins(std::string_view name, std::string_view yaml,
                                        std::string_view tool_set);

/// The file's bytes. Characters that a reader does not see are escaped in them.
[[nodiscard]] std::string write_pins(std::string_view tool_set, const Pins& pins);

/// What can differ from what was approved. A hint of the annotations is power whichever way it
/// turns: `readOnlyHint` also opens a tool to roles that may only read.
enum class Change { kNew, kGone, kWording, kSchema, kPower, kCode };
[[nodiscard]] std::string_view to_string(Change change);

/// One thing that differs.
struct Difference {
  Change change = Change::kNew;
  /// `description`, `annotations.readOnlyHint`; empty where it is no member.
  std::string member;
  /// JSON bytes; empty where it was, or is, not there.
  std::string before;
  std::string after;
};

/// Null stands for one that is not approved, or not offered. Empty: nothing differs. Code is
/// reported with whatever else differs, except of an upstream, whose code nobody sees.
[[nodiscard]] std::vector<Difference> compare(const Pin* approved, const Pin* offered,
                                              bool is_upstream);

/// Its kinds, each once: `wording, code`.
[[nodiscard]] std::string changes_of(const std::vector<Difference>& differences);

/// A manifest's item as it is offered. kInvalidArgument where it has no form of RFC 8785.
[[nodiscard]] Expected<Pin> make_pin(std::string_view definition, std::string digest);

}  // namespace mcpgate::gateway
