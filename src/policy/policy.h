#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/identity.h"

namespace mcpgate::policy {

/// What a role may use: one entry of `roles:`.
struct Grant {
  /// Names of tool sets, or `*` for all of them.
  std::vector<std::string> tool_sets;
  /// Only the tools that say `readOnlyHint` of themselves.
  bool read_only = false;
};

/// What opens one tool set.
struct ToolSetRule {
  std::string name;
  /// The role that opens the whole set; empty: only entries of `roles:` do.
  std::string required_role;
};

/// How one role of a principal bears on an action, in words for people.
struct RoleFinding {
  std::string role;
  bool opens = false;
  std::string why;
};

/// A decision with all that led to it.
struct Explanation {
  Decision decision;
  /// One for each role of the principal, in its order.
  std::vector<RoleFinding> roles;
  /// What would open the action: `requiredRole mcp-dba`, `role mcp-admin`.
  std::vector<std::string> opened_by;
};

/// The one decision function: may this principal do this?
///
/// A principal may use a tool when it holds the set's required role, or a role whose grant covers
/// the set (and the tool says that it only reads, where the grant is for reading). Each grant
/// carries its own limits; what any of them allows is allowed. Everything else is denied: a role
/// that nobody named, a tool set that is not configured.
///
/// Immutable, shared between threads, swapped whole. Deciding costs one hash lookup for the set and
/// one for each role that the principal holds, and no memory.
class Policy {
 public:
  struct Options {
    std::map<std::string, Grant> roles;
    std::vector<ToolSetRule> tool_sets;
  };

  /// Grants for tool sets that do not exist grant nothing.
  explicit Policy(const Options& options);

  [[nodiscard]] Decision decide(const Principal& principal, const Action& action) const;

  /// The same decision, by decide() itself, and why. For people: it costs memory.
  [[nodiscard]] Explanation explain(const Principal& principal, const Action& action) const;

  /// Every role that `roles:` or a requiredRole names, in order: what the demo token holds, and
  /// what `keys create` knows.
  [[nodiscard]] const std::vector<std::string>& roles() const { return roles_; }

 private:
  enum class Access : std::uint8_t { kNone, kReadOnly, kAll };
  struct ViewHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class T>
  using ByName = std::unordered_map<std::string, T, ViewHash, std::equal_to<>>;

  /// What one role opens.
  struct RoleRule {
    /// By index of the tool set.
    std::vector<Access> access;
    /// `role mcp-viewer`.
    std::string reason;
  };
  struct ToolSet {
    std::size_t index = 0;
    std::string required_role;
    /// `requiredRole mcp-dba`.
    std::string reason;
  };

  /// How a role bears on an action of a set that is there.
  [[nodiscard]] RoleFinding finding(const std::string& role, const ToolSet& set,
                                    const Action& action) const;

  std::vector<std::string> roles_;
  ByName<ToolSet> tool_sets_;
  ByName<RoleRule> rules_;
};

/// The roles of the built-in local configuration: mcp-admin covers everything, mcp-viewer reads
/// log-analysis and data-science. (mcp-log-analyst is log-analysis' requiredRole.)
[[nodiscard]] std::map<std::string, Grant> default_roles();

}  // namespace mcpgate::policy
