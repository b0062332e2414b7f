#pragma once

// What the definitions of tools, resources and prompts have in common: how their members are read
// from a peer's document. Errors are kInvalidArgument and name the member, never its bytes.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/parse.h"
#include "json/write.h"

namespace mcpgate::sandbox {

inline constexpr std::size_t kDescriptionBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kDefinitionObjectBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kIconsMax = 16;

/// A string member of at most `bytes_max`; empty where it is missing.
[[nodiscard]] Expected<std::string> optional_text(json::Object object, std::string_view key,
                                                  std::size_t bytes_max);
/// The same for one that must be there, and not empty.
[[nodiscard]] Expected<std::string> text_at(json::Object object, std::string_view key,
                                            std::size_t bytes_max);
/// An object member as JSON bytes; empty where it is missing.
[[nodiscard]] Expected<std::string> optional_object(json::Object object, std::string_view key);
/// An array of strings, each at most `bytes_max`; empty where it is missing.
[[nodiscard]] Expected<std::vector<std::string>> optional_texts(json::Object object,
                                                                std::string_view key,
                                                                std::size_t bytes_max);
/// `sha256:…` at `digest`.
[[nodiscard]] Expected<std::string> digest_at(json::Object object);

/// What a client shows of a definition: `title`, `description`, `icons`, `annotations`, `_meta`.
struct Presentation {
  std::string title;
  std::string description;
  /// JSON bytes, or empty.
  std::string icons;
  std::string annotations;
  std::string meta;
};
/// Icons whose `src` is no https: or data: URI are left out (MCP 2025-11-25, Icon): a client
/// fetches what stands there.
[[nodiscard]] Expected<Presentation> read_presentation(json::Object object);
/// `title` and `description`, where they are not empty.
void write_titles(json::Writer& writer, const Presentation& presentation);
/// The rest, where it is not empty.
void write_extras(json::Writer& writer, const Presentation& presentation);

}  // namespace mcpgate::sandbox
