#include "sandbox/definition.h"

#include <algorithm>

#include "sandbox/manifest.h"

namespace mcpgate::sandbox {

namespace {

constexpr std::size_t kTitleBytesMax = 512;

std::string compact(json::Element element) {
  std::string out;
  json::append(out, element);
  return out;
}

bool is_icon(json::Element element) {
  const auto icon = json::as_object(element);
  const auto source = icon ? json::string_at(*icon, "src") : std::nullopt;
  return source && (source->starts_with("https://") || source->starts_with("data:"));
}

Expected<std::string> icons_at(json::Object object) {
  const auto element = json::find(object, "icons");
  if (!element) {
    return std::string();
  }
  const auto array = json::as_array(*element);
  if (!array || array->size() > kIconsMax) {
    return fail(ErrorCode::kInvalidArgument, "icons: want an array of at most {}", kIconsMax);
  }
  std::string text;
  json::Writer writer(text);
  writer.begin_array();
  for (const json::Element icon : *array) {
    if (is_icon(icon)) {
      writer.value(icon);
    }
  }
  writer.end_array();
  if (text.size() > kDefinitionObjectBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "icons: larger than 1 MiB");
  }
  return text == "[]" ? std::string() : text;
}

}  // namespace

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

Expected<std::string> text_at(json::Object object, std::string_view key, std::size_t bytes_max) {
  std::string text = TRY(optional_text(object, key, bytes_max));
  if (text.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{}: want a string", key);
  }
  return text;
}

Expected<std::string> optional_object(json::Object object, std::string_view key) {
  const auto element = json::find(object, key);
  if (!element) {
    return std::string();
  }
  if (!json::as_object(*element)) {
    return fail(ErrorCode::kInvalidArgument, "{}: want an object", key);
  }
  std::string text = compact(*element);
  if (text.size() > kDefinitionObjectBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "{}: larger than 1 MiB", key);
  }
  return text;
}

Expected<std::vector<std::string>> optional_texts(json::Object object, std::string_view key,
                                                  std::size_t bytes_max) {
  std::vector<std::string> texts;
  const auto element = json::find(object, key);
  if (!element) {
    return texts;
  }
  const auto array = json::as_array(*element);
  if (!array) {
    return fail(ErrorCode::kInvalidArgument, "{}: want an array of strings", key);
  }
  for (const json::Element item : *array) {
    const auto text = json::as_string(item);
    if (!text || text->empty() || text->size() > bytes_max) {
      return fail(ErrorCode::kInvalidArgument, "{}: want an array of strings", key);
    }
    texts.emplace_back(*text);
  }
  return texts;
}

Expected<std::string> digest_at(json::Object object) {
  const auto text = json::string_at(object, "digest");
  if (!text || !is_digest(*text)) {
    return fail(ErrorCode::kInvalidArgument, "digest: want sha256: and 64 hex characters");
  }
  return std::string(*text);
}

Expected<Presentation> read_presentation(json::Object object) {
  return Presentation{
      .title = TRY(optional_text(object, "title", kTitleBytesMax)),
      .description = TRY(optional_text(object, "description", kDescriptionBytesMax)),
      .icons = TRY(icons_at(object)),
      .annotations = TRY(optional_object(object, "annotations")),
      .meta = TRY(optional_object(object, "_meta"))};
}

void write_titles(json::Writer& writer, const Presentation& presentation) {
  if (!presentation.title.empty()) {
    writer.field("title", presentation.title);
  }
  if (!presentation.description.empty()) {
    writer.field("description", presentation.description);
  }
}

void write_extras(json::Writer& writer, const Presentation& presentation) {
  if (!presentation.annotations.empty()) {
    writer.raw_field("annotations", presentation.annotations);
  }
  if (!presentation.icons.empty()) {
    writer.raw_field("icons", presentation.icons);
  }
  if (!presentation.meta.empty()) {
    writer.raw_field("_meta", presentation.meta);
  }
}

}  // namespace mcpgate::sandbox
