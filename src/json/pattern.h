#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace mcpgate::json {

/// `pattern` in RE2's syntax, meaning there what it means in ECMA-262 with the `u` flag; nothing
/// where RE2 has no such thing. Some of what RE2 cannot compile passes: it refuses that itself.
[[nodiscard]] std::optional<std::string> translate_pattern(std::string_view pattern);

/// A regular expression of JSON Schema, run by RE2: in time linear in the text, whatever the
/// pattern.
class Pattern {
 public:
  /// Nothing where RE2 cannot run `pattern`: look-around, back-references, what is malformed.
  [[nodiscard]] static std::optional<Pattern> compile(std::string_view pattern);

  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern();

  /// Whether it matches anywhere in `text`. Safe from many threads.
  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  explicit Pattern(std::unique_ptr<re2::RE2> program);
  std::unique_ptr<re2::RE2> program_;
};

}  // namespace mcpgate::json
