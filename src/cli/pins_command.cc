#include "cli/pins_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <utility>

#include "base/file.h"
#include "cli/config_flag.h"
#include "cli/gateway_process.h"
#include "cli/offer.h"
#include "cli/terminal.h"
#include "gateway/pins.h"
#include "json/write.h"

namespace mcpgate::cli {

namespace {

constexpr mode_t kPinFileMode = 0644;
constexpr mode_t kPinFolderMode = 0755;

/// One tool, resource or prompt that is not as it was approved.
struct Finding {
  gateway::PinKey key;
  /// As clients would call it.
  std::string name;
  std::vector<gateway::Difference> differences;
};

/// A set with pins, as it was approved and as it is offered.
struct Review {
  std::string tool_set;
  std::filesystem::path file;
  gateway::Pins approved;
  /// Nothing is found where it does not answer.
  bool answers = false;
  gateway::Pins offered = {};
  std::vector<Finding> findings = {};
};

template <class T>
void add_offered(const gateway::ToolSetView& view, sandbox::ItemKind kind,
                 const std::vector<T>& items, gateway::Pins& offered) {
  for (const T& item : items) {
    auto pin = gateway::make_pin(item.definition, item.digest);
    if (pin && gateway::is_in_view(view, item.name)) {
      offered.emplace(gateway::PinKey(kind, item.name), *std::move(pin));
    }
  }
}

gateway::Pins offered_by(const gateway::ToolSetView& view, const sandbox::Manifest& manifest) {
  gateway::Pins offered;
  add_offered(view, sandbox::ItemKind::kTool, manifest.tools, offered);
  add_offered(view, sandbox::ItemKind::kResource, manifest.resources, offered);
  add_offered(view, sandbox::ItemKind::kPrompt, manifest.prompts, offered);
  return offered;
}

Review review(const Answer& answer, std::filesystem::path file) {
  Review review{.tool_set = answer.view.name,
                .file = std::move(file),
                .approved = answer.view.pins.value_or(gateway::Pins())};
  if (!answer.manifest) {
    return review;
  }
  review.answers = true;
  review.offered = offered_by(answer.view, *answer.manifest);
  std::set<gateway::PinKey> keys;
  for (const auto* pins : {&review.approved, &review.offered}) {
    for (const auto& [key, pin] : *pins) {
      keys.insert(key);
    }
  }
  const auto at = [](const gateway::Pins& pins, const gateway::PinKey& key) {
    const auto found = pins.find(key);
    return found == pins.end() ? nullptr : &found->second;
  };
  for (const gateway::PinKey& key : keys) {
    auto differences = gateway::compare(at(review.approved, key), at(review.offered, key),
                                        answer.view.is_upstream);
    if (!differences.empty()) {
      review.findings.push_back({key, answer.view.prefix + key.second, std::move(differences)});
    }
  }
  return review;
}

/// All sets with pins; nothing, with the reason printed, where that cannot be said.
std::optional<std::vector<Review>> read_reviews(const Arguments& arguments, const World& world) {
  const auto config = config_for(arguments, world);
  if (!config) {
    return std::nullopt;
  }
  auto settings = make_settings(*config);
  if (!settings) {
    world.err << settings.error().message << '\n';
    return std::nullopt;
  }
  std::erase_if(settings->tool_sets,
                [](const gateway::ToolSetRoute& route) { return !route.view.pins; });
  if (settings->tool_sets.empty()) {
    world.err << "mcpgate: no tool set of the configuration has `pins: FILE`\n";
    return std::nullopt;
  }
  std::vector<Review> reviews;
  for (const Answer& answer : ask_tool_sets(*settings, world)) {
    const auto set = std::ranges::find(config->tool_sets, answer.view.name, &ToolSetConfig::name);
    reviews.push_back(review(answer, set->pins.value_or("")));
  }
  return reviews;
}

/// Whether all sets answer; says which do not.
bool all_answer(const std::vector<Review>& reviews, const World& world) {
  bool all = true;
  for (const Review& review : reviews) {
    if (!review.answers) {
      world.err << fmt::format("mcpgate: tool set {} does not answer\n", review.tool_set);
      all = false;
    }
  }
  return all;
}

std::string as_text(const Review& review, const Finding& finding) {
  std::string text = fmt::format("{} {} {}: {}\n", review.tool_set, to_string(finding.key.first),
                                 finding.name, gateway::changes_of(finding.differences));
  for (const gateway::Difference& difference : finding.differences) {
    if (difference.member.empty()) {
      continue;
    }
    text += fmt::format("  {} ({})\n", difference.member, to_string(difference.change));
    text += difference.before.empty() ? "" : fmt::format("    - {}\n", difference.before);
    text += difference.after.empty() ? "" : fmt::format("    + {}\n", difference.after);
  }
  return text;
}

void write_member(json::Writer& writer, const gateway::Difference& difference) {
  writer.begin_object()
      .field("member", difference.member)
      .field("change", to_string(difference.change))
      .raw_field("before", difference.before.empty() ? "null" : difference.before)
      .raw_field("after", difference.after.empty() ? "null" : difference.after)
      .end_object();
}

void write_finding(json::Writer& writer, const Review& review, const Finding& finding) {
  writer.begin_object()
      .field("toolSet", review.tool_set)
      .field("kind", to_string(finding.key.first))
      .field("name", finding.name)
      .key("changes")
      .begin_array();
  std::set<gateway::Change> changes;
  for (const gateway::Difference& difference : finding.differences) {
    if (changes.insert(difference.change).second) {
      writer.value(to_string(difference.change));
    }
  }
  writer.end_array().key("members").begin_array();
  for (const gateway::Difference& difference : finding.differences) {
    if (!difference.member.empty()) {
      write_member(writer, difference);
    }
  }
  writer.end_array().end_object();
}

void print(const Arguments& arguments, const World& world, const std::vector<Review>& reviews) {
  std::string text;
  const bool is_json = arguments.get("output") == "json";
  json::Writer writer(text, json::Layout::kPretty);
  if (is_json) {
    writer.begin_object().key("differences").begin_array();
  }
  for (const Review& review : reviews) {
    for (const Finding& finding : review.findings) {
      if (is_json) {
        write_finding(writer, review, finding);
      } else {
        text += as_text(review, finding);
      }
    }
  }
  if (is_json) {
    writer.end_array().end_object();
    text += '\n';
  }
  world.out << for_descriptor(STDOUT_FILENO, text);
}

int diff(const Arguments& arguments, const World& world) {
  const auto reviews = read_reviews(arguments, world);
  if (!reviews) {
    return kWrongUsage;
  }
  const bool all = all_answer(*reviews, world);
  print(arguments, world, *reviews);
  const bool same =
      std::ranges::all_of(*reviews, [](const Review& review) { return review.findings.empty(); });
  return all && same ? kDone : kAnswerIsNo;
}

/// Approves what the review has found, and nothing else.
Expected<void> approve(const Review& review) {
  gateway::Pins pins = review.approved;
  for (const Finding& finding : review.findings) {
    pins.erase(finding.key);
    if (const auto offered = review.offered.find(finding.key); offered != review.offered.end()) {
      pins.insert(*offered);
    }
  }
  TRY_VOID(make_directories(review.file.parent_path(), kPinFolderMode));
  return write_file_atomically(review.file, gateway::write_pins(review.tool_set, pins),
                               kPinFileMode);
}

/// Leaves what `names` name; whether each of them names something that the sets have.
bool keep_named(const std::vector<std::string>& names, std::vector<Review>& reviews,
                const World& world) {
  std::set<std::string, std::less<>> found;
  for (Review& review : reviews) {
    std::erase_if(review.findings, [&](const Finding& finding) {
      const bool is_named = std::ranges::find(names, finding.name) != names.end();
      if (is_named) {
        found.insert(finding.name);
      }
      return !is_named;
    });
  }
  bool all = true;
  for (const std::string& name : names) {
    if (!found.contains(name)) {
      world.err << fmt::format("mcpgate: {}: nothing of this name differs from what is approved\n",
                               name);
      all = false;
    }
  }
  return all;
}

int pin(const Arguments& arguments, const World& world) {
  auto reviews = read_reviews(arguments, world);
  if (!reviews) {
    return kWrongUsage;
  }
  const std::vector<std::string> names = arguments.all("names");
  bool done = all_answer(*reviews, world);
  if (!names.empty() && !keep_named(names, *reviews, world)) {
    return kAnswerIsNo;
  }
  print(arguments, world, *reviews);
  for (const Review& review : *reviews) {
    if (review.findings.empty()) {
      continue;
    }
    if (const auto written = approve(review); !written) {
      world.err << "mcpgate: " << written.error().message << '\n';
      done = false;
      continue;
    }
    world.err << fmt::format("{} approved in {}\n", review.findings.size(), review.file.string());
  }
  return done ? kDone : kAnswerIsNo;
}

}  // namespace

std::vector<Command> pins_commands() {
  const Flag output{.name = "output",
                    .value = "FORM",
                    .help = "text or json [default: text]",
                    .choices = {"text", "json"}};
  return {{.name = "tools pin",
           .help = "Approve what the tool sets with `pins:` offer now, and say what was approved",
           .flags = {output},
           .positionals = {{.name = "names",
                            .help = "only these tools, resources and prompts [default: all]",
                            .is_required = false,
                            .is_many = true}},
           .run = &pin},
          {.name = "tools diff",
           .help = "Say what of the tool sets with `pins:` is not as it was approved",
           .flags = {output},
           .run = &diff}};
}

}  // namespace mcpgate::cli
