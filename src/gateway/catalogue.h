#pragma once

// What can be called: the tools of all sets as one immutable list.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/identity.h"
#include "json/schema.h"
#include "sandbox/manifest.h"

namespace mcpgate::gateway {

/// One tool, ready to be listed, decided on and called.
struct Tool {
  /// As clients call it: the set's prefix and the tool's own name.
  std::string name;
  /// As its sandbox calls it.
  std::string own_name;
  std::string tool_set;
  /// `sha256:…` of definition and code: what a call must name, and what runs.
  std::string digest;
  bool read_only = false;
  /// The MCP Tool object for each era, as JSON bytes.
  std::string legacy_definition;
  std::string modern_definition;
  json::Schema input;
  std::optional<json::Schema> output;

  [[nodiscard]] Action action() const {
    return {.tool_set = tool_set, .tool = own_name, .read_only = read_only};
  }
};

/// What the configuration says of a set's tools.
struct ToolSetView {
  std::string name;
  std::string prefix;
  /// Only these of its own tools; nothing: all.
  std::optional<std::vector<std::string>> only;
  /// Whether `execute_code` is among its tools.
  bool code_mode = false;

  friend bool operator==(const ToolSetView&, const ToolSetView&) = default;
};

/// The tools of one set at one version of its manifest, compiled once.
struct ToolSetTools {
  std::string tool_set;
  std::string profile;
  /// Of the daemon that serves them.
  std::string instance;
  std::vector<Tool> tools;
};

/// Compiles a manifest. A tool whose schema does not compile, or whose name with the prefix is no
/// tool name, is left out and logged: it could not be called safely.
[[nodiscard]] std::shared_ptr<const ToolSetTools> compile_tools(const ToolSetView& view,
                                                                const sandbox::Manifest& manifest);

/// All tools of all sets: sets as configured, tools as declared. Immutable.
class Catalogue {
 public:
  Catalogue() = default;
  /// Null entries are sets that have not answered yet. A set with a name that an earlier one has is
  /// withheld whole and logged: which of two tools a name means must never depend on chance. Of a
  /// second `execute_code` only that is, since the set did not name it.
  explicit Catalogue(std::vector<std::shared_ptr<const ToolSetTools>> sets);

  /// The tool of that name, or null. Lives as long as the catalogue.
  [[nodiscard]] const Tool* find(std::string_view name) const;
  /// The tool as one of `tool_set` calls it: by its own name in that set, else by that of clients.
  [[nodiscard]] const Tool* find_from(std::string_view tool_set, std::string_view name) const;
  [[nodiscard]] const std::vector<const Tool*>& tools() const { return tools_; }
  /// The daemon that serves a set, as it named itself; empty while it has not answered.
  [[nodiscard]] std::string instance_of(std::string_view tool_set) const;

 private:
  void add(const ToolSetTools& set);

  std::vector<std::shared_ptr<const ToolSetTools>> sets_;
  std::vector<const Tool*> tools_;
  std::unordered_map<std::string_view, const Tool*> by_name_;
};

}  // namespace mcpgate::gateway
