#include "gateway/pins.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <system_error>

#include "base/file.h"
#include "base/yaml.h"
#include "json/canonical.h"
#include "json/raw.h"
#include "json/utf8.h"
#include "json/write.h"
#include "sandbox/manifest.h"

namespace mcpgate::gateway {

namespace {

using sandbox::ItemKind;

constexpr std::string_view kVersion = "1";

struct Section {
  ItemKind kind;
  std::string_view key;
};
constexpr std::array<Section, 3> kSections{{{ItemKind::kTool, "tools"},
                                            {ItemKind::kResource, "resources"},
                                            {ItemKind::kPrompt, "prompts"}}};

YamlNode needed(YamlMap& map, std::string_view key) {
  const YamlNode node = map.find(key);
  if (!node && map.node().is_map()) {
    map.node().problem(fmt::format("{} is missing", key));
  }
  return node;
}

void read_pin(const YamlNode& node, ItemKind kind, Pins& pins) {
  YamlMap map = node.map();
  const YamlNode name = needed(map, "name");
  const YamlNode digest = needed(map, "digest");
  const YamlNode definition = needed(map, "definition");
  map.reject_unknown();
  if (digest.is_scalar() && !sandbox::is_digest(digest.string())) {
    digest.problem("expected sha256: and 64 lower-case hex characters");
  }
  auto pin = make_pin(definition.string(), digest.string());
  if (definition.is_scalar() && !pin) {
    definition.problem("expected the JSON object that was approved: " + pin.error().message);
  }
  if (name.is_scalar() && name.string().empty()) {
    name.problem("an empty name");
  } else if (pin && !pins.emplace(PinKey(kind, name.string()), *std::move(pin)).second) {
    name.problem("this name is there twice");
  }
}

/// Neither seen nor a line's end: what steers a terminal or the order of writing, has no width, or
/// spells text in tags (U+E0000).
bool is_hidden(char32_t code) {
  return (code < 0x20 && code != '\n') || (code >= 0x7f && code < 0xa0) || code == 0xad ||
         code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
         code == 0xfeff || (code >= 0xe0000 && code <= 0xe0fff);
}

void append_escaped(std::string& out, char32_t code) {
  if (code < 0x10000) {
    out += fmt::format("\\u{:04x}", static_cast<unsigned>(code));
    return;
  }
  const auto rest = static_cast<unsigned>(code) - 0x10000;
  out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10U), 0xdc00 + (rest & 0x3ffU));
}

/// Valid JSON with what is hidden escaped: it can stand in strings only.
std::string with_hidden_shown(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::string_view character = json.substr(0, json::utf8_character_size(json));
    const char32_t code = json::code_point(character);
    if (is_hidden(code)) {
      append_escaped(out, code);
    } else {
      out += character;
    }
    json.remove_prefix(character.size());
  }
  return out;
}

/// As a block of YAML, whose lines begin at the same column.
std::string as_block(const std::string& definition) {
  json::Parser parser(definition.size());
  const auto element = parser.parse(definition);
  MCPGATE_ASSERT(element);  // make_pin() has read it.
  std::string pretty;
  json::append(pretty, *element, json::Layout::kPretty);
  pretty = with_hidden_shown(pretty);
  std::string block;
  for (std::string_view rest = pretty; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    block.append("      ").append(rest.substr(0, end)).append("\n");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return block;
}

/// The members of a definition with those of `annotations` among them, as JSON bytes.
std::map<std::string, std::string> members_of(const std::string& definition) {
  std::map<std::string, std::string> members;
  json::Parser parser(definition.size());
  const auto element = parser.parse(definition);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // make_pin() has read it.
  for (const json::Member& member : json::Members(*object, definition)) {
    const auto inner = member.key == "annotations" ? json::as_object(member.value) : std::nullopt;
    if (!inner) {
      members.emplace(member.key, member.raw);
      continue;
    }
    for (const json::Member& hint : json::Members(*inner, member.raw)) {
      members.emplace(fmt::format("annotations.{}", hint.key), hint.raw);
    }
  }
  return members;
}

/// What is not known to be harmless is power.
Change change_of(std::string_view member) {
  constexpr std::array<std::string_view, 7> kWording{"title",
                                                     "description",
                                                     "icons",
                                                     "annotations.title",
                                                     "annotations.audience",
                                                     "annotations.priority",
                                                     "annotations.lastModified"};
  constexpr std::array<std::string_view, 8> kSchema{
      "inputSchema", "outputSchema", "arguments", "uri", "uriTemplate", "mimeType", "size", "name"};
  if (std::ranges::find(kWording, member) != kWording.end()) {
    return Change::kWording;
  }
  return std::ranges::find(kSchema, member) != kSchema.end() ? Change::kSchema : Change::kPower;
}

}  // namespace

Expected<Pin> make_pin(std::string_view definition, std::string digest) {
  json::Parser parser(sandbox::kManifestBytesMax);
  const json::Element element = TRY(parser.parse(definition));
  if (!element.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "not an object");
  }
  return Pin{.digest = std::move(digest), .definition = TRY(json::canonical(element))};
}

Expected<Pins> parse_pins(std::string_view name, std::string_view yaml, std::string_view tool_set) {
  YamlDocument document = YamlDocument::parse(name, yaml, kPinFileBytesMax);
  TRY_VOID(document.check());
  YamlMap root = document.root();
  if (!root.node().is_map()) {
    return fail(ErrorCode::kInvalidArgument, "{}:1:1: expected a map with version and toolSet",
                name);
  }
  const YamlNode version = needed(root, "version");
  if (version.is_scalar() && version.string() != kVersion) {
    version.problem(fmt::format("only version {} is known here", kVersion));
  }
  const YamlNode set = needed(root, "toolSet");
  if (set.is_scalar() && set.string() != tool_set) {
    set.problem(fmt::format("these are the pins of another tool set than {}", tool_set));
  }
  Pins pins;
  for (const Section& section : kSections) {
    for (const YamlNode& node : root.list(section.key)) {
      read_pin(node, section.kind, pins);
    }
  }
  root.reject_unknown();
  TRY_VOID(document.check());
  return pins;
}

Expected<Pins> load_pins(const std::filesystem::path& file, std::string_view tool_set) {
  const auto bytes = read_file(file, kPinFileBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) {
    return Pins();
  }
  return bytes ? parse_pins(file.string(), *bytes, tool_set) : std::unexpected(bytes.error());
}

std::string write_pins(std::string_view tool_set, const Pins& pins) {
  std::string out = fmt::format(
      "# What of tool set {} is approved; what differs from it is withheld. Written by `mcpgate\n"
      "# tools pin`; `mcpgate tools diff` compares it with what is offered.\n"
      "version: {}\n"
      "toolSet: {}\n",
      tool_set, kVersion, tool_set);
  for (const Section& section : kSections) {
    std::string entries;
    for (const auto& [key, pin] : pins) {
      if (key.first == section.kind) {
        std::string name;
        json::append_string(name, key.second);
        entries += fmt::format("  - name: {}\n    digest: {}\n    definition: |\n{}",
                               with_hidden_shown(name), pin.digest, as_block(pin.definition));
      }
    }
    if (!entries.empty()) {
      out += fmt::format("{}:\n{}", section.key, entries);
    }
  }
  return out;
}

std::string_view to_string(Change change) {
  constexpr std::array<std::string_view, 6> kNames{"new",    "gone",  "wording",
                                                   "schema", "power", "code"};
  return kNames.at(static_cast<std::size_t>(change));
}

std::vector<Difference> compare(const Pin* approved, const Pin* offered, bool is_upstream) {
  if (approved == nullptr || offered == nullptr) {
    return {{.change = approved == nullptr ? Change::kNew : Change::kGone}};
  }
  std::vector<Difference> differences;
  if (*approved == *offered) {
    return differences;
  }
  const auto before = members_of(approved->definition);
  const auto after = members_of(offered->definition);
  std::set<std::string> names;
  for (const auto* members : {&before, &after}) {
    for (const auto& [name, json] : *members) {
      names.insert(name);
    }
  }
  const auto at = [](const auto& members, const std::string& name) {
    const auto found = members.find(name);
    return found == members.end() ? std::string() : found->second;
  };
  for (const std::string& name : names) {
    Difference difference{change_of(name), name, at(before, name), at(after, name)};
    if (difference.before != difference.after) {
      differences.push_back(std::move(difference));
    }
  }
  const bool is_other_code = approved->digest != offered->digest && !is_upstream;
  if (is_other_code || differences.empty()) {
    differences.push_back({.change = Change::kCode});
  }
  return differences;
}

std::string changes_of(const std::vector<Difference>& differences) {
  std::set<Change> changes;
  for (const Difference& difference : differences) {
    changes.insert(difference.change);
  }
  std::vector<std::string_view> names;
  names.reserve(changes.size());
  for (const Change change : changes) {
    names.push_back(to_string(change));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace mcpgate::gateway
