#include "sandbox/manifest.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string>

#include "base/digest.h"
#include "json/canonical.h"
#include "json/parse.h"
#include "json/write.h"
#include "sandbox/definition.h"

namespace mcpgate::sandbox {

namespace {

constexpr std::size_t kWordBytesMax = 128;
constexpr std::string_view kDigestPrefix = "sha256:";

std::unexpected<Error> invalid(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{}", what);
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Names of tool sets, profiles and instances: what may stand in headers, records and labels.
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kWordBytesMax && std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
  });
}

Expected<std::string> word_at(json::Object object, std::string_view key) {
  const auto text = json::string_at(object, key);
  if (!text || !is_word(*text)) {
    return fail(ErrorCode::kInvalidArgument, "{}: want 1 to {} printable characters", key,
                kWordBytesMax);
  }
  return std::string(*text);
}

/// MCP 2025-11-25: inputSchema is a schema of an object; outputSchema may be any.
Expected<std::string> input_schema_at(json::Object tool) {
  const auto schema = json::object_at(tool, "inputSchema");
  if (!schema || json::string_at(*schema, "type") != "object") {
    return invalid("inputSchema: want a schema with \"type\": \"object\"");
  }
  return optional_object(tool, "inputSchema");
}

Expected<TaskSupport> task_support_of(json::Object tool) {
  const auto execution = json::object_at(tool, "execution");
  const auto support = execution ? json::find(*execution, "taskSupport") : std::nullopt;
  const auto word = support ? json::as_string(*support) : std::string_view("forbidden");
  if (word == "forbidden") {
    return TaskSupport::kForbidden;
  }
  if (word == "optional" || word == "required") {
    return word == "optional" ? TaskSupport::kOptional : TaskSupport::kRequired;
  }
  return invalid("execution.taskSupport: want forbidden, optional or required");
}

std::string write_definition(const ManifestTool& tool, const Presentation& presentation) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("name", tool.name);
  write_titles(writer, presentation);
  writer.raw_field("inputSchema", tool.input_schema);
  if (!tool.output_schema.empty()) {
    writer.raw_field("outputSchema", tool.output_schema);
  }
  if (tool.task_support != TaskSupport::kForbidden) {
    const bool required = tool.task_support == TaskSupport::kRequired;
    writer.key("execution").begin_object();
    writer.field("taskSupport", required ? "required" : "optional").end_object();
  }
  write_extras(writer, presentation);
  writer.end_object();
  return out;
}

Expected<ManifestTool> read_tool(json::Element element) {
  const auto object = json::as_object(element);
  if (!object) {
    return invalid("want an object");
  }
  ManifestTool tool;
  const auto name = json::string_at(*object, "name");
  if (!name || !is_tool_name(*name)) {
    return invalid("name: want 1 to 128 of A-Z a-z 0-9 _ - .");
  }
  tool.name = *name;
  const Presentation presentation = TRY(read_presentation(*object));
  tool.title = presentation.title;
  tool.description = presentation.description;
  tool.input_schema = TRY(input_schema_at(*object));
  tool.output_schema = TRY(optional_object(*object, "outputSchema"));
  if (const auto hints = json::object_at(*object, "annotations")) {
    tool.read_only = json::bool_at(*hints, "readOnlyHint").value_or(false);
  }
  tool.task_support = TRY(task_support_of(*object));
  if (const auto meta = json::object_at(*object, "_meta")) {
    tool.asks_first = json::bool_at(*meta, "io.mcpgate/askFirst").value_or(false);
  }
  tool.definition = write_definition(tool, presentation);
  return tool;
}

/// Reads the list at `key` into `items`, each by `read`.
template <class T>
Expected<void> read_list(json::Object root, std::string_view key, std::size_t items_max,
                         Expected<T> (*read)(json::Element), std::vector<T>& items) {
  const auto element = json::find(root, key);
  if (!element) {
    return {};
  }
  const auto array = json::as_array(*element);
  if (!array) {
    return fail(ErrorCode::kInvalidArgument, "{}: want an array", key);
  }
  std::set<std::string, std::less<>> names;
  for (const json::Element listed : *array) {
    const std::size_t index = items.size();
    if (index == items_max) {
      return fail(ErrorCode::kInvalidArgument, "{}: more than {}", key, items_max);
    }
    auto item = read(listed);
    const auto object = json::as_object(listed);
    auto digest = item && object ? digest_at(*object) : Expected<std::string>();
    if (!item || !digest) {
      return fail(ErrorCode::kInvalidArgument, "{}[{}]: {}", key, index,
                  (item ? digest.error() : item.error()).message);
    }
    item->digest = *std::move(digest);
    if (!names.insert(item->name).second) {
      return fail(ErrorCode::kInvalidArgument, "{}[{}]: another one has its name", key, index);
    }
    items.push_back(*std::move(item));
  }
  return {};
}

Expected<void> check_uris(const std::vector<ManifestResource>& resources) {
  std::set<std::string_view> uris;
  for (const ManifestResource& resource : resources) {
    if (!uris.insert(resource.uri).second) {
      return fail(ErrorCode::kInvalidArgument, "resources: {}: another one has its URI",
                  resource.name);
    }
  }
  return {};
}

/// `{"BUCKET":COUNT,…}`, in decimal.
Expected<UpdateCounts> read_updates(json::Object root) {
  UpdateCounts counts;
  if (!json::find(root, "updates")) {
    return counts;
  }
  const auto object = json::object_at(root, "updates");
  if (!object || object->size() > kUpdateBuckets) {
    return invalid("updates: want an object of as many members as there are buckets at most");
  }
  for (const auto& [key, value] : *object) {
    std::uint8_t bucket = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), bucket);
    const auto count = value.get_uint64();
    if (error != std::errc{} || end != key.data() + key.size() || count.error()) {
      return invalid("updates: want counts by the numbers of buckets");
    }
    counts[bucket] = count.value_unsafe();
  }
  return counts;
}

Expected<Manifest> read_manifest(std::string_view text) {
  json::Parser parser(kManifestBytesMax);
  const json::Element document = TRY(parser.parse(text));
  const auto root = json::as_object(document);
  if (!root) {
    return invalid("want an object");
  }
  if (const auto pointer = json::find_duplicate_key(document)) {
    return invalid("duplicate key");
  }
  Manifest manifest;
  manifest.tool_set = TRY(word_at(*root, "toolSet"));
  manifest.description = TRY(optional_text(*root, "description", kDescriptionBytesMax));
  manifest.digest = TRY(digest_at(*root));
  manifest.profile = TRY(word_at(*root, "profile"));
  manifest.instance = TRY(word_at(*root, "instance"));
  if (!json::find(*root, "tools")) {
    return invalid("tools: want an array");
  }
  TRY_VOID(read_list(*root, "tools", kManifestToolsMax, &read_tool, manifest.tools));
  TRY_VOID(
      read_list(*root, "resources", kManifestResourcesMax, &read_resource, manifest.resources));
  TRY_VOID(read_list(*root, "prompts", kManifestPromptsMax, &read_prompt, manifest.prompts));
  TRY_VOID(check_uris(manifest.resources));
  manifest.updates = TRY(read_updates(*root));
  return manifest;
}

/// All of it but what differs between two daemons that serve the same version.
void write_version(json::Writer& writer, const Manifest& manifest) {
  writer.key("tools").begin_array();
  for (const ManifestTool& tool : manifest.tools) {
    // The definition is an object and ends with its brace.
    std::string with_digest = tool.definition.substr(0, tool.definition.size() - 1);
    with_digest.append(R"(,"digest":)");
    json::append_string(with_digest, tool.digest);
    writer.raw(with_digest.append("}"));
  }
  writer.end_array();
  writer.key("resources").begin_array();
  for (const ManifestResource& resource : manifest.resources) {
    writer.raw(write_listed(resource));
  }
  writer.end_array().key("prompts").begin_array();
  for (const ManifestPrompt& prompt : manifest.prompts) {
    writer.raw(write_listed(prompt));
  }
  writer.end_array();
}

}  // namespace

std::string write_manifest(const Manifest& manifest) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("toolSet", manifest.tool_set);
  writer.field("description", manifest.description).field("digest", manifest.digest);
  writer.field("profile", manifest.profile).field("instance", manifest.instance);
  write_version(writer, manifest);
  if (!manifest.updates.empty()) {
    writer.key("updates").begin_object();
    for (const auto& [bucket, count] : manifest.updates) {
      writer.field(std::to_string(bucket), count);
    }
    writer.end_object();
  }
  writer.end_object();
  return out;
}

std::string manifest_tag(std::string_view digest, std::string_view instance,
                         std::uint64_t updates) {
  return updates == 0 ? fmt::format("{}.{}", digest, instance)
                      : fmt::format("{}.{}.{}", digest, instance, updates);
}

Expected<Manifest> parse_manifest(std::string_view json) {
  auto manifest = read_manifest(json);
  if (!manifest) {
    return fail(ErrorCode::kInvalidArgument, "the sandbox daemon's manifest: {}",
                manifest.error().message);
  }
  return manifest;
}

Expected<ManifestTool> parse_tool_definition(std::string_view json) {
  json::Parser parser(kManifestBytesMax);
  const json::Element element = TRY(parser.parse(json));
  if (json::find_duplicate_key(element)) {
    return invalid("duplicate key");
  }
  return read_tool(element);
}

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kToolNameBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

bool is_digest(std::string_view text) {
  return text.size() == kDigestPrefix.size() + 64 && text.starts_with(kDigestPrefix) &&
         is_hex(text.substr(kDigestPrefix.size()));
}

Expected<std::string> tool_digest(std::string_view definition, const FileDigests& files,
                                  std::string_view requirements) {
  std::string text;
  json::Writer writer(text);
  writer.begin_object().raw_field("definition", definition).key("files").begin_object();
  for (const auto& [path, hex] : files) {
    writer.field(path, hex);
  }
  writer.end_object().field("requirements", requirements).end_object();
  json::Parser parser(text.size());
  const json::Element element = TRY(parser.parse(text));
  return std::string(kDigestPrefix) + sha256_hex(TRY(json::canonical(element)));
}

std::string manifest_digest(const Manifest& manifest) {
  std::string text;
  json::Writer writer(text);
  writer.begin_object().field("toolSet", manifest.tool_set);
  writer.field("description", manifest.description);
  write_version(writer, manifest);
  writer.end_object();
  return std::string(kDigestPrefix) + sha256_hex(text);
}

}  // namespace mcpgate::sandbox
