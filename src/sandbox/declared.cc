#include "sandbox/declared.h"

#include <algorithm>
#include <array>

#include "json/write.h"
#include "sandbox/definition.h"
#include "sandbox/manifest.h"
#include "sandbox/uri_template.h"

namespace mcpgate::sandbox {

namespace {

constexpr std::size_t kMimeTypeBytesMax = 256;
constexpr std::size_t kForeignNameBytesMax = 1024;
constexpr std::array<std::string_view, 3> kKindNames{"tool", "resource", "prompt"};

std::unexpected<Error> invalid(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{}", what);
}

Expected<std::string> name_at(json::Object object) {
  std::string name = TRY(text_at(object, "name", kToolNameBytesMax));
  if (!is_tool_name(name)) {
    return invalid("name: want 1 to 128 of A-Z a-z 0-9 _ - .");
  }
  return name;
}

Expected<json::Object> object_of(json::Element element) {
  const auto object = json::as_object(element);
  if (!object) {
    return invalid("want an object");
  }
  return *object;
}

Expected<void> check_template(const ManifestResource& resource) {
  const auto parsed = TRY(UriTemplate::parse(resource.uri));
  for (const std::string& name : resource.completes) {
    if (std::ranges::find(parsed.variables(), name) == parsed.variables().end()) {
      return invalid("completes: not a variable of the template");
    }
  }
  return {};
}

/// One argument of a prompt, into `prompt` and into its definition.
Expected<void> read_argument(json::Element element, ManifestPrompt& prompt, json::Writer& writer) {
  const json::Object object = TRY(object_of(element));
  ManifestPrompt::Argument argument{.name = TRY(text_at(object, "name", kToolNameBytesMax)),
                                    .required = json::bool_at(object, "required").value_or(false)};
  const bool twice = std::ranges::any_of(
      prompt.arguments, [&](const auto& other) { return other.name == argument.name; });
  if (twice) {
    return invalid("another argument has its name");
  }
  writer.begin_object().field("name", argument.name);
  write_titles(writer, TRY(read_presentation(object)));
  if (argument.required) {
    writer.field("required", true);
  }
  writer.end_object();
  prompt.arguments.push_back(std::move(argument));
  return {};
}

Expected<void> read_arguments(json::Object object, ManifestPrompt& prompt, json::Writer& writer) {
  const auto element = json::find(object, "arguments");
  if (!element) {
    return {};
  }
  const auto arguments = json::as_array(*element);
  if (!arguments || arguments->size() > kPromptArgumentsMax) {
    return fail(ErrorCode::kInvalidArgument, "arguments: want an array of at most {}",
                kPromptArgumentsMax);
  }
  writer.key("arguments").begin_array();
  for (const json::Element item : *arguments) {
    if (auto read = read_argument(item, prompt, writer); !read) {
      return fail(ErrorCode::kInvalidArgument, "arguments[{}]: {}", prompt.arguments.size(),
                  read.error().message);
    }
  }
  writer.end_array();
  return {};
}

/// All of it but how it is named.
Expected<ManifestResource> read_named_resource(json::Object object, std::string name) {
  ManifestResource resource;
  resource.name = std::move(name);
  resource.is_template = json::find(object, "uriTemplate").has_value();
  const std::string_view uri_key = resource.is_template ? "uriTemplate" : "uri";
  resource.uri = TRY(text_at(object, uri_key, kUriBytesMax));
  resource.completes = TRY(optional_texts(object, "completes", kToolNameBytesMax));
  if (resource.is_template) {
    TRY_VOID(check_template(resource));
  } else if (!is_uri(resource.uri) || !resource.completes.empty()) {
    return invalid("uri: want a URI with a scheme, and nothing to complete");
  }
  const Presentation presentation = TRY(read_presentation(object));
  const std::string mime_type = TRY(optional_text(object, "mimeType", kMimeTypeBytesMax));
  json::Writer writer(resource.definition);
  writer.begin_object().field(uri_key, resource.uri).field("name", resource.name);
  write_titles(writer, presentation);
  if (!mime_type.empty()) {
    writer.field("mimeType", mime_type);
  }
  write_extras(writer, presentation);
  writer.end_object();
  return resource;
}

/// The definition is an object and ends with its brace.
std::string listed(std::string_view definition, const std::vector<std::string>& completes,
                   std::string_view digest) {
  std::string out(definition.substr(0, definition.size() - 1));
  if (!completes.empty()) {
    out += R"(,"completes":)";
    json::Writer writer(out);
    writer.begin_array();
    for (const std::string& name : completes) {
      writer.value(name);
    }
    writer.end_array();
  }
  out += R"(,"digest":)";
  json::append_string(out, digest);
  out += '}';
  return out;
}

}  // namespace

std::string_view to_string(ItemKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

std::optional<ItemKind> parse_item_kind(std::string_view text) {
  const auto* const found = std::ranges::find(kKindNames, text);
  if (found == kKindNames.end()) {
    return std::nullopt;
  }
  return static_cast<ItemKind>(found - kKindNames.begin());
}

Expected<ManifestResource> read_resource(json::Element element) {
  const json::Object object = TRY(object_of(element));
  std::string name = TRY(name_at(object));
  return read_named_resource(object, std::move(name));
}

Expected<ManifestResource> read_foreign_resource(json::Element element) {
  const json::Object object = TRY(object_of(element));
  std::string name = TRY(text_at(object, "name", kForeignNameBytesMax));
  ManifestResource resource = TRY(read_named_resource(object, std::move(name)));
  resource.name = resource.uri;
  return resource;
}

Expected<ManifestPrompt> read_prompt(json::Element element) {
  const json::Object object = TRY(object_of(element));
  ManifestPrompt prompt;
  prompt.name = TRY(name_at(object));
  prompt.completes = TRY(optional_texts(object, "completes", kToolNameBytesMax));
  const Presentation presentation = TRY(read_presentation(object));
  json::Writer writer(prompt.definition);
  writer.begin_object().field("name", prompt.name);
  write_titles(writer, presentation);
  TRY_VOID(read_arguments(object, prompt, writer));
  write_extras(writer, presentation);
  writer.end_object();
  for (const std::string& name : prompt.completes) {
    const bool known = std::ranges::any_of(
        prompt.arguments, [&](const auto& argument) { return argument.name == name; });
    if (!known) {
      return invalid("completes: not an argument of the prompt");
    }
  }
  return prompt;
}

std::string write_listed(const ManifestResource& resource) {
  return listed(resource.definition, resource.completes, resource.digest);
}

std::string write_listed(const ManifestPrompt& prompt) {
  return listed(prompt.definition, prompt.completes, prompt.digest);
}

}  // namespace mcpgate::sandbox
