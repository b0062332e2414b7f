#include "sandbox/manifest.h"

#include <algorithm>
#include <set>

#include "base/digest.h"
#include "json/canonical.h"
#include "json/parse.h"
#include "json/write.h"

namespace mcpgate::sandbox {

namespace {

constexpr std::size_t kTitleBytesMax = 512;
constexpr std::size_t kDescriptionBytesMax = std::size_t{64} << 10;
constexpr std::size_t kSchemaBytesMax = std::size_t{1} << 20;
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

std::string compact(json::Element element) {
  std::string out;
  json::append(out, element);
  return out;
}

/// A string member that may be missing.
Expected<std::string> optional_text(json::Object object, std::string_view key,
                                    std::size_t bytes_max) {
  const auto element = json::find(object, key);
  if (!element) {
    return std::string();
  }
  const auto text = json::as_string(*element);
  if (!text || text->size() > bytes_max) {
    return fail(ErrorCode::kInvalidArgument, "{}: want a string of at most {} bytes", key,
                bytes_max);
  }
  return std::string(*text);
}

Expected<std::string> word_at(json::Object object, std::string_view key) {
  const auto text = json::string_at(object, key);
  if (!text || !is_word(*text)) {
    return fail(ErrorCode::kInvalidArgument, "{}: want 1 to {} printable characters", key,
                kWordBytesMax);
  }
  return std::string(*text);
}

Expected<std::string> digest_at(json::Object object) {
  const auto text = json::string_at(object, "digest");
  if (!text || !is_digest(*text)) {
    return invalid("digest: want sha256: and 64 hex characters");
  }
  return std::string(*text);
}

/// MCP 2025-11-25: inputSchema is a schema of an object; outputSchema may be any.
Expected<std::string> input_schema_at(json::Object tool) {
  const auto schema = json::find(tool, "inputSchema");
  const auto object = schema ? json::as_object(*schema) : std::nullopt;
  if (!object || json::string_at(*object, "type") != "object") {
    return invalid("inputSchema: want a schema with \"type\": \"object\"");
  }
  std::string text = compact(*schema);
  if (text.size() > kSchemaBytesMax) {
    return invalid("inputSchema: larger than 1 MiB");
  }
  return text;
}

Expected<std::string> optional_object(json::Object tool, std::string_view key) {
  const auto element = json::find(tool, key);
  if (!element) {
    return std::string();
  }
  if (!json::as_object(*element)) {
    return fail(ErrorCode::kInvalidArgument, "{}: want an object", key);
  }
  std::string text = compact(*element);
  if (text.size() > kSchemaBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "{}: larger than 1 MiB", key);
  }
  return text;
}

std::string write_definition(const ManifestTool& tool, std::string_view annotations) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("name", tool.name);
  if (!tool.title.empty()) {
    writer.field("title", tool.title);
  }
  if (!tool.description.empty()) {
    writer.field("description", tool.description);
  }
  writer.raw_field("inputSchema", tool.input_schema);
  if (!tool.output_schema.empty()) {
    writer.raw_field("outputSchema", tool.output_schema);
  }
  if (!annotations.empty()) {
    writer.raw_field("annotations", annotations);
  }
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
  tool.title = TRY(optional_text(*object, "title", kTitleBytesMax));
  tool.description = TRY(optional_text(*object, "description", kDescriptionBytesMax));
  tool.input_schema = TRY(input_schema_at(*object));
  tool.output_schema = TRY(optional_object(*object, "outputSchema"));
  const std::string annotations = TRY(optional_object(*object, "annotations"));
  if (const auto hints = json::object_at(*object, "annotations")) {
    tool.read_only = json::bool_at(*hints, "readOnlyHint").value_or(false);
  }
  tool.definition = write_definition(tool, annotations);
  return tool;
}

/// A tool as a manifest lists it.
Expected<ManifestTool> read_listed_tool(json::Element element) {
  ManifestTool tool = TRY(read_tool(element));
  const auto object = json::as_object(element);
  tool.digest = TRY(object ? digest_at(*object) : invalid("want an object"));
  return tool;
}

Expected<void> read_tools(json::Object root, Manifest& manifest) {
  const auto tools = json::array_at(root, "tools");
  if (!tools) {
    return invalid("tools: want an array");
  }
  std::set<std::string, std::less<>> names;
  for (const json::Element element : *tools) {
    const std::size_t index = manifest.tools.size();
    if (index == kManifestToolsMax) {
      return fail(ErrorCode::kInvalidArgument, "tools: more than {}", kManifestToolsMax);
    }
    auto tool = read_listed_tool(element);
    if (!tool) {
      return fail(ErrorCode::kInvalidArgument, "tools[{}]: {}", index, tool.error().message);
    }
    if (!names.insert(tool->name).second) {
      return fail(ErrorCode::kInvalidArgument, "tools[{}]: another tool has its name", index);
    }
    manifest.tools.push_back(*std::move(tool));
  }
  return {};
}

Expected<std::string> objects_at(json::Object root, std::string_view key) {
  const auto element = json::find(root, key);
  if (!element) {
    return std::string("[]");
  }
  const auto array = json::as_array(*element);
  const bool objects = array && std::all_of(array->begin(), array->end(), [](json::Element item) {
                         return json::as_object(item).has_value();
                       });
  if (!objects) {
    return fail(ErrorCode::kInvalidArgument, "{}: want an array of objects", key);
  }
  return compact(*element);
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
  TRY_VOID(read_tools(*root, manifest));
  manifest.resources = TRY(objects_at(*root, "resources"));
  manifest.prompts = TRY(objects_at(*root, "prompts"));
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
  writer.raw_field("resources", manifest.resources).raw_field("prompts", manifest.prompts);
}

}  // namespace

std::string write_manifest(const Manifest& manifest) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().field("toolSet", manifest.tool_set);
  writer.field("description", manifest.description).field("digest", manifest.digest);
  writer.field("profile", manifest.profile).field("instance", manifest.instance);
  write_version(writer, manifest);
  writer.end_object();
  return out;
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
