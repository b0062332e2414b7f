#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/identity.h"
#include "policy/condition.h"

namespace mcpgate::policy {

/// Which tools (and resources and prompts) are meant.
struct Selection {
  /// Names of tool sets, or `*` for all of them.
  std::vector<std::string> tool_sets;
  /// Their own names in these sets; nothing: all.
  std::optional<std::vector<std::string>> tools = std::nullopt;
};

/// What a role may use: one entry of `roles:`, or one of several of the same role.
struct Grant {
  Selection covers;
  /// Only the tools that say `readOnlyHint` of themselves.
  bool read_only = false;
  /// Only when this holds.
  std::optional<Condition> when = std::nullopt;
  /// `mcpgate.yaml:7:3: roles.mcp-viewer`, for messages.
  std::string place = {};
};

/// What nobody may use: one entry of `policy.rules`.
struct DenyRule {
  std::string name;
  Selection covers;
  /// Only when this holds.
  std::optional<Condition> when = std::nullopt;
  std::string place = {};
};

/// What opens one tool set.
struct ToolSetRule {
  std::string name;
  /// The role that opens the whole set; empty: only entries of `roles:` do.
  std::string required_role;
  /// What an access token needs for anything of the set, and besides for some of its tools, by
  /// their own names.
  std::vector<std::string> scopes = {};
  std::map<std::string, std::vector<std::string>> tool_scopes = {};
  std::string place = {};
};

/// A tool that a grant or a rule names, for whoever knows which tools there are.
struct NamedTool {
  std::string tool_set;
  std::string tool;
  std::string place;
};

/// How one role of a principal bears on an action, in words for people.
struct RoleFinding {
  std::string role;
  bool opens = false;
  std::string why;
};

/// How one rule bears on an action.
struct RuleFinding {
  std::string name;
  bool denies = false;
  std::string why;
};

/// A decision with all that led to it.
struct Explanation {
  Decision decision;
  /// One for each rule that is about this tool, in the order of the file.
  std::vector<RuleFinding> rules;
  /// One for each role of the principal, in its order.
  std::vector<RoleFinding> roles;
  /// What would open the action: `requiredRole mcp-dba`, `role mcp-admin`.
  std::vector<std::string> opened_by;
  /// What an access token needs besides.
  std::vector<std::string> scopes;
};

/// The one decision function: may this principal do this?
///
/// A principal may use a tool when it holds the set's required role, or a role with a grant that
/// covers the tool, within the grant's own limits; what any of them allows is allowed, unless a
/// rule denies it. Everything else is denied: a role that nobody named, a tool set that is not
/// configured. An access token needs the scopes of the tool besides: without them what its roles
/// allow is denied, and Decision::scopes says which they are. Where the arguments may be any,
/// allowed means that it is with some: nothing that only certain arguments exclude is excluded.
///
/// Immutable, shared between threads, swapped whole. Deciding costs one hash lookup for the set and
/// one for each role that the principal holds, and no memory; where rules are about the set, one
/// more for the tool, and the conditions of those that cover it.
class Policy {
 public:
  struct Options {
    std::map<std::string, std::vector<Grant>> roles;
    std::vector<ToolSetRule> tool_sets;
    std::vector<DenyRule> rules = {};
  };

  /// Grants for tool sets that do not exist grant nothing.
  explicit Policy(Options options);

  [[nodiscard]] Decision decide(const Principal& principal, const Action& action,
                                const Circumstances& circumstances) const;

  /// All scopes that an access token needs for an action; none of a set that is not configured.
  [[nodiscard]] const std::vector<std::string>& scopes_of(const Action& action) const;

  /// The same decision, by decide() itself, and why. For people: it costs memory.
  [[nodiscard]] Explanation explain(const Principal& principal, const Action& action,
                                    const Circumstances& circumstances) const;

  /// Every role that `roles:` or a requiredRole names, in order: what the demo token holds, and
  /// what `keys create` knows.
  [[nodiscard]] const std::vector<std::string>& roles() const { return roles_; }

  /// The tools that grants, rules and scopes name, in sets that exist.
  [[nodiscard]] std::vector<NamedTool> named_tools() const;

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

  /// What one role opens of one tool set.
  struct Opening {
    /// By its grants without further limits.
    Access access = Access::kNone;
    /// Its grants for some tools or under a condition.
    std::vector<const Grant*> limited = {};
  };
  struct RoleRule {
    /// By index of the tool set.
    std::vector<Opening> openings;
    /// `role mcp-viewer`.
    std::string reason;
  };
  struct Denial {
    const DenyRule* rule;
    /// `rule no-payroll`.
    std::string reason;
  };
  using Denials = std::vector<const Denial*>;
  struct ToolSet {
    std::size_t index = 0;
    std::string required_role;
    /// `requiredRole mcp-dba`.
    std::string reason;
    std::vector<std::string> scopes = {};
    /// With those of the set.
    ByName<std::vector<std::string>> tool_scopes = {};
    /// By tool, for those that rules name; each in the order of the file.
    ByName<Denials> denials = {};
    Denials denials_of_others = {};
  };

  [[nodiscard]] static ToolSet tool_set_of(const ToolSetRule& rule, std::size_t index);
  void add_grants(const std::string& role, const std::vector<Grant>& grants);
  void add_denials();
  [[nodiscard]] const Denial* find_denial(const ToolSet& set, const Principal& principal,
                                          const Action& action,
                                          const Circumstances& circumstances) const;
  [[nodiscard]] static const Denials& denials_of(const ToolSet& set, const Action& action);
  [[nodiscard]] static const std::vector<std::string>& scopes_in(const ToolSet& set,
                                                                 const Action& action);
  /// Without regard to scopes.
  [[nodiscard]] Decision decide_by_roles(const ToolSet& tool_set, const Principal& principal,
                                         const Action& action,
                                         const Circumstances& circumstances) const;
  /// How a role bears on an action of a set that is there.
  [[nodiscard]] RoleFinding finding(const std::string& role, const ToolSet& set,
                                    const Principal& principal, const Action& action,
                                    const Circumstances& circumstances) const;

  /// What grants and denials point into; never moved.
  std::shared_ptr<const Options> options_;
  std::vector<std::string> roles_;
  std::shared_ptr<const std::vector<Denial>> denials_;
  ByName<ToolSet> tool_sets_;
  ByName<RoleRule> rules_;
};

/// The roles of the built-in local configuration: mcp-admin covers everything, mcp-viewer reads
/// log-analysis and data-science. (mcp-log-analyst is log-analysis' requiredRole.)
[[nodiscard]] std::map<std::string, std::vector<Grant>> default_roles();

}  // namespace mcpgate::policy
