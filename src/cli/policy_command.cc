#include "cli/policy_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <utility>

#include "cli/config.h"
#include "cli/gateway_process.h"
#include "cli/offer.h"
#include "cli/terminal.h"
#include "json/write.h"
#include "policy/terms.h"

namespace mcpgate::cli {
namespace {

/// A tool that both policies are asked about.
struct Subject {
  std::string tool_set;
  std::string tool;
  bool read_only = false;

  friend auto operator<=>(const Subject&, const Subject&) = default;
};

/// One of the two configurations.
struct Side {
  policy::Policy::Options options;
  /// What its sandboxes offer.
  std::set<Subject> offered;
  std::vector<std::string> silent;

  /// `no` for a tool that is not there.
  [[nodiscard]] std::string terms(const std::string& role, const Subject& subject) const {
    const bool is_there =
        std::ranges::find(silent, subject.tool_set) != silent.end() || offered.contains(subject);
    return is_there ? policy::terms_of(options, role,
                                       {subject.tool_set, subject.tool, subject.read_only})
                    : "no";
  }
};

Expected<Side> read_side(const std::string& file, const World& world) {
  const Config config = TRY(load_config(file, world.environment));
  Side side{.options = config.policy_options()};
  const auto settings = make_settings(config);
  if (!settings) {  // A policy may be compared where the signing keys are not.
    for (const ToolSetConfig& set : config.tool_sets) {
      side.silent.push_back(set.name);
    }
    return side;
  }
  const Offer offer = read_offer(*settings, world);
  for (const gateway::Tool* tool : offer.catalogue.tools()) {
    side.offered.insert({tool->tool_set, tool->own_name, tool->read_only});
  }
  side.silent = offer.silent;
  return side;
}

/// What to ask about: all tools that either side offers, and of sets that do not answer the names
/// that the policies have, and `*` for any other tool, as one that reads and as one that writes.
std::set<Subject> subjects_of(const Side& old_side, const Side& new_side) {
  std::set<Subject> subjects = old_side.offered;
  subjects.insert(new_side.offered.begin(), new_side.offered.end());
  for (const Side* side : {&old_side, &new_side}) {
    std::set<std::string> named{"*"};
    for (const policy::NamedTool& tool : policy::Policy(side->options).named_tools()) {
      named.insert(tool.tool);
    }
    for (const std::string& set : side->silent) {
      for (const std::string& tool : named) {
        subjects.insert({set, tool, true});
        subjects.insert({set, tool, false});
      }
    }
  }
  return subjects;
}

struct Difference {
  std::string role;
  Subject subject;
  std::string before;
  std::string after;

  /// `gains`, `loses` or `changes`.
  [[nodiscard]] std::string_view kind() const {
    return before == "no" ? "gains" : after == "no" ? "loses" : "changes";
  }
};

std::vector<Difference> compare(const Side& old_side, const Side& new_side) {
  std::set<std::string> roles;
  for (const Side* side : {&old_side, &new_side}) {
    const policy::Policy policy(side->options);
    roles.insert(policy.roles().begin(), policy.roles().end());
  }
  const std::set<Subject> subjects = subjects_of(old_side, new_side);
  std::vector<Difference> differences;
  for (const std::string& role : roles) {
    for (const Subject& subject : subjects) {
      Difference difference{.role = role,
                            .subject = subject,
                            .before = old_side.terms(role, subject),
                            .after = new_side.terms(role, subject)};
      if (difference.before != difference.after) {
        differences.push_back(std::move(difference));
      }
    }
  }
  return differences;
}

void print_text(std::ostream& out, const std::vector<Difference>& differences) {
  for (const Difference& one : differences) {
    const std::string line =
        fmt::format("{} {} {}/{}, which {}: {} -> {}\n", one.role, one.kind(), one.subject.tool_set,
                    one.subject.tool, one.subject.read_only ? "only reads" : "may write",
                    one.before, one.after);
    out << for_descriptor(1, line);
  }
}

void print_json(std::ostream& out, const std::vector<Difference>& differences) {
  std::string text;
  json::Writer writer(text, json::Layout::kPretty);
  writer.begin_object().key("differences").begin_array();
  for (const Difference& one : differences) {
    writer.begin_object()
        .field("role", one.role)
        .field("kind", one.kind())
        .field("toolSet", one.subject.tool_set)
        .field("tool", one.subject.tool)
        .field("readOnly", one.subject.read_only)
        .field("before", one.before)
        .field("after", one.after)
        .end_object();
  }
  writer.end_array().end_object();
  out << text << '\n';
}

int diff(const Arguments& arguments, const World& world) {
  const auto old_side = read_side(arguments.get("old"), world);
  const auto new_side = read_side(arguments.get("new"), world);
  for (const auto* side : {&old_side, &new_side}) {
    if (!*side) {
      world.err << side->error().message << '\n';
    }
  }
  if (!old_side || !new_side) {
    return kWrongUsage;
  }
  std::set<std::string> silent(old_side->silent.begin(), old_side->silent.end());
  silent.insert(new_side->silent.begin(), new_side->silent.end());
  if (!silent.empty()) {
    world.err << fmt::format(
        "mcpgate: these do not answer, so of their tools only the names in the files are known: "
        "{}\n",
        fmt::join(silent, ", "));
  }
  const std::vector<Difference> differences = compare(*old_side, *new_side);
  (arguments.get("output") == "json" ? &print_json : &print_text)(world.out, differences);
  return differences.empty() ? kDone : kAnswerIsNo;
}

}  // namespace

std::vector<Command> policy_commands() {
  return {{.name = "policy", .help = "Who may do what, compared"},
          {.name = "policy diff",
           .help = "Say which role gains and which loses which tool between two configurations",
           .flags = {{.name = "output",
                      .value = "FORM",
                      .help = "text or json [default: text]",
                      .choices = {"text", "json"}}},
           .positionals = {{.name = "old", .help = "the configuration as it was"},
                           {.name = "new", .help = "as it is to be"}},
           .run = &diff,
           .takes_config = false}};
}

}  // namespace mcpgate::cli
